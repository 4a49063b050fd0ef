"""Free search moves towards what was attended to."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from training.calibration.attend import MOST, Search, centred, relative


def gallery() -> NDArray[np.float32]:
    vectors = np.random.default_rng(0).standard_normal((200, 16))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


@pytest.mark.parametrize(("skill", "best"), [(3.0, 25), (1.0, 50)])
def test_the_wanted_picture_rises(skill: float, best: int) -> None:
    """Attended responses are likelier for pictures like the wanted one; a weak decoder takes longer."""
    vectors, rng, wanted = gallery(), np.random.default_rng(1), 17
    ranks = []
    for seed in range(10):
        search = Search.begin(16)
        for _ in range(12):
            rows = search.next_round(vectors, 20, seed)
            odds = skill * vectors[list(rows)] @ vectors[wanted] + rng.standard_normal(20) * 0.5
            search = search.after(rows, odds.tolist(), vectors)
        ranks.append(int(np.flatnonzero(search.ranking(vectors) == wanted)[0]))
    assert np.median(ranks) < best < 100  # 100 is where chance would leave it


def test_nothing_attended_changes_nothing() -> None:
    vectors, search = gallery(), Search.begin(16)
    assert search.ranking(vectors).tolist() == list(range(200))
    same = search.after([1, 2, 3], [0.7, 0.7, 0.7], vectors)
    assert not same.query.any() and same.shown == (1, 2, 3) and same.rounds == 1
    assert search.after([], [], vectors).query.tolist() == [0.0] * 16


def test_rounds_are_seeded_whole_and_prefer_what_was_not_shown() -> None:
    vectors = gallery()
    search = Search.begin(16).after(range(10), [float(k) for k in range(10)], vectors)
    one = search.next_round(vectors, 20, 3)
    assert one == search.next_round(vectors, 20, 3) and len(set(one)) == 20
    assert len(search.next_round(vectors, 500, 3)) == 200
    best = set(search.ranking(vectors)[:10].tolist())
    assert best <= set(one) and not (set(one) - best) & set(range(10))
    # where nothing new is left, what was shown comes again
    assert len(search.next_round(vectors[:25], 20, 3)) == 20


def test_one_blink_does_not_choose() -> None:
    weights = relative(np.array([0.1, -0.1, 0.2, 0.0, 1000.0]))
    assert weights.max() == MOST and abs(np.median(weights)) < 1e-9


def test_what_all_share_is_taken_out() -> None:
    shared = gallery() + 3.0
    found = centred(shared / np.linalg.norm(shared, axis=1, keepdims=True))
    assert abs(float((found @ found.T).mean())) < 0.02 and np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert centred(np.ones((3, 4), np.float32)).tolist() == [[0.0] * 4] * 3
