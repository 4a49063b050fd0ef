"""Scores where several items are right, against scikit-learn, hand counts and guessing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from training.metrics import metrics_class, retrieval


def test_by_hand() -> None:
    cosines = np.array([[0.9, 0.8, 0.7, 0.6], [0.1, 0.2, 0.3, 0.4]])
    relevant = np.array([[False, True, False, True], [False, False, True, True]])
    assert metrics_class.top_any(cosines, relevant, 1).tolist() == [0, 1]
    assert metrics_class.top_any(cosines, relevant, 2).tolist() == [1, 1]
    assert metrics_class.precision(cosines, relevant, 2).tolist() == [0.5, 1]
    assert metrics_class.jaccard(cosines, relevant, 2).tolist() == pytest.approx([1 / 3, 1])
    assert metrics_class.average_precision(cosines, relevant).tolist() == pytest.approx([(1 / 2 + 2 / 4) / 2, 1])


def test_average_precision_equals_scikit_learns() -> None:
    rng = np.random.default_rng(0)
    cosines, relevant = rng.random((20, 30)), rng.random((20, 30)) < 0.2
    relevant[:, 0] = True
    theirs = [average_precision_score(r, c) for r, c in zip(relevant, cosines, strict=True)]
    assert metrics_class.average_precision(cosines, relevant) == pytest.approx(theirs)


@pytest.mark.parametrize(("items", "relevant", "k"), [(40, 4, 10), (12, 1, 5), (8, 8, 10)])
def test_chance_is_what_guessing_gives(items: int, relevant: int, k: int) -> None:
    rng = np.random.default_rng(1)
    cosines, right = rng.random((8000, items)), np.zeros((8000, items), bool)
    right[:, :relevant] = True
    guess = metrics_class.chance(items, relevant, k)
    assert metrics_class.top_any(cosines, right, k).mean() == pytest.approx(guess["top_any"], abs=0.02)
    assert metrics_class.precision(cosines, right, min(k, items)).mean() == pytest.approx(guess["precision"], abs=0.01)
    assert metrics_class.jaccard(cosines, right, k).mean() == pytest.approx(guess["jaccard"], abs=0.01)
    assert metrics_class.average_precision(cosines, right).mean() == pytest.approx(guess["map"], abs=0.01)


def test_one_right_item_makes_map_the_mean_reciprocal_rank() -> None:
    assert metrics_class.chance(200, 1)["map"] == pytest.approx(retrieval.chance(200)["mrr"])


def test_an_encoder_that_says_the_same_of_all_items_scores_what_guessing_does() -> None:
    truth = np.arange(2000) % 20
    relevant = metrics_class.same_class([str(k // 5) for k in range(20)], truth)
    flat = np.ones((2000, 20))
    assert metrics_class.precision(flat, relevant, 5).mean() == pytest.approx(5 / 20, abs=0.02)
    assert metrics_class.mean_chance(relevant, 5)["precision"] == 5 / 20


def test_mean_chance_weighs_classes_by_their_queries() -> None:
    relevant = metrics_class.same_class(["a", "a", "a", "b"], np.array([0, 1, 3, 3]))
    assert metrics_class.mean_chance(relevant, 2)["precision"] == pytest.approx((0.75 * 2 + 0.25 * 2) / 4)


def test_neighbours_hold_the_item_itself_and_the_nearest() -> None:
    angle = np.array([0.0, 0.1, 0.25, 2.0])
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert metrics_class.neighbours(vectors, np.array([0, 3]), 2).tolist() == [
        [True, True, False, False],
        [False, False, True, True],
    ]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 12))
def test_bounds_and_invariance(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    cosines, relevant = rng.random((6, 12)), rng.random((6, 12)) < 0.3
    relevant[:, seed % 12] = True
    shuffle = rng.permutation(12)
    for score in (metrics_class.top_any, metrics_class.precision, metrics_class.jaccard):
        value = score(cosines, relevant, k)
        assert ((value >= 0) & (value <= 1)).all()
        # neither the order of the items nor a rising function of the cosines matters
        assert score(np.exp(cosines[:, shuffle]), relevant[:, shuffle], k) == pytest.approx(value)
    assert (metrics_class.jaccard(cosines, relevant, k) <= metrics_class.precision(cosines, relevant, k) + 1e-12).all()
    assert (metrics_class.top_any(cosines, relevant, k) >= metrics_class.precision(cosines, relevant, k)).all()
