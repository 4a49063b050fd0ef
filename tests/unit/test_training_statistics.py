"""Ranks, areas, chance levels and intervals against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from training.metrics import bootstrap, retrieval


def test_ranks_and_ties() -> None:
    cosines = np.array([[0.9, 0.1, 0.5], [0.9, 0.1, 0.5], [0.3, 0.3, 0.3], [0.1, 0.7, 0.7]])
    assert retrieval.ranks(cosines, np.array([0, 1, 2, 1])).tolist() == [1, 3, 2, 1.5]


def test_an_encoder_that_says_the_same_of_all_items_is_never_right() -> None:
    rank = retrieval.ranks(np.ones((50, 10)), np.arange(50) % 10)
    assert retrieval.top(1)(rank).sum() == 0
    assert rank.mean() == retrieval.chance(10)["median_rank"]


def test_chance_is_what_guessing_gives() -> None:
    rng = np.random.default_rng(0)
    rank = retrieval.ranks(rng.random((20_000, 20)), rng.integers(20, size=20_000))
    guess = retrieval.chance(20)
    assert retrieval.top(1)(rank).mean() == pytest.approx(guess["top1"], abs=0.006)
    assert retrieval.top(5)(rank).mean() == pytest.approx(guess["top5"], abs=0.01)
    assert retrieval.reciprocal(rank).mean() == pytest.approx(guess["mrr"], abs=0.006)
    assert np.median(rank) == pytest.approx(guess["median_rank"], abs=0.6)


def test_auc_equals_scikit_learns_with_ties() -> None:
    rng = np.random.default_rng(1)
    scores, positive = rng.integers(8, size=300) / 8, rng.random(300) < 0.3
    assert retrieval.auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
    assert np.isnan(retrieval.auc(scores, np.zeros(300, bool)))


def test_headline_is_auc_of_the_second_item_between_two() -> None:
    cosines = np.array([[0.1, 0.9], [0.8, 0.2], [0.5, 0.4]])
    assert retrieval.headline(cosines, np.array([1, 0, 0])) == ("auc", 1.0)
    assert retrieval.headline(cosines, np.array([0, 1, 1])) == ("auc", 0.0)
    assert retrieval.headline(np.eye(3), np.arange(3)) == ("mrr", 1.0)


def test_interval_resamples_units_and_not_trials() -> None:
    """Eight subjects that are each all right or all wrong: a thousand trials of each add nothing."""
    subject = np.repeat(np.arange(8), 1000)
    right = np.repeat([1.0, 0, 1, 0, 1, 0, 1, 0], 1000)
    by_subject = bootstrap.interval(lambda index: float(right[index].mean()), subject)
    by_trial = bootstrap.interval(lambda index: float(right[index].mean()), np.arange(8000), draws=200)
    assert by_subject is not None and by_trial is not None
    assert by_subject[0] < 0.25 and by_subject[1] > 0.75
    assert by_trial[1] - by_trial[0] < 0.05


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    inside = 0
    for k in range(100):
        values = rng.standard_normal(40)
        found = bootstrap.interval(lambda i, v=values: float(v[i].mean()), np.arange(40), draws=200, seed=k)
        assert found is not None
        inside += found[0] <= 0 <= found[1]
    assert 86 <= inside <= 100


def test_no_interval_from_two_units_or_for_an_undefined_statistic() -> None:
    assert bootstrap.interval(lambda index: 1.0, np.array([0, 0, 1])) is None
    assert bootstrap.interval(lambda index: float("nan"), np.arange(9)) is None


def test_interval_is_the_same_for_the_same_seed() -> None:
    values = np.random.default_rng(3).random(30)
    made = [bootstrap.interval(lambda i: float(values[i].mean()), np.arange(30), seed=seed) for seed in (0, 0, 1)]
    assert made[0] == made[1] != made[2]
