"""The threshold from which on an early answer is committed: what it takes, and what it must not be moved by."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from config.bundles import Calibration
from inference.score import commit_above
from training.bound.model import WindowModel
from training.bound.observer import Observer
from training.bound.timeline import Timeline
from training.confidence import anytime
from training.protocols.anytime import Judged, stopped

RNG = np.random.default_rng(0)


def answers(n: int, fall: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Answers as right as they are sure, of which the whole window gets right those and a share ``fall`` of others."""
    rng = np.random.default_rng(seed)
    sure = rng.uniform(0.3, 1, n)
    right = rng.random(n) < sure
    return sure, right, right | (rng.random(n) < fall), np.arange(n)


def test_answers_as_good_as_the_whole_windows_are_committed_down_to_a_half() -> None:
    found = anytime.lowest(*answers(4000, 0.0))
    assert found is not None and 0.5 <= found < 0.53


def test_where_the_whole_window_knows_better_only_the_surest_are_committed() -> None:
    # a share of 0.3 of the wrong ones is put right later: sure ones lose 0.3 (1 - sure)
    found = anytime.lowest(*answers(20_000, 0.3))
    assert found is not None and 0.75 < found < 0.95


def test_no_threshold_where_early_answers_are_worse_or_few() -> None:
    rng = np.random.default_rng(1)
    sure = rng.uniform(0.5, 1, 2000)
    poor = rng.random(2000) < 0.5
    assert anytime.lowest(sure, poor, np.ones(2000, bool), np.arange(2000)) is None
    few = anytime.fewest() - 1
    good = np.ones(few + 1, bool)
    assert anytime.lowest(sure[:few], good[:-1], good[:-1], np.arange(few)) is None
    assert anytime.lowest(sure[: few + 1], good, good, np.arange(few + 1)) is not None
    assert anytime.lowest(np.empty(0), np.empty(0, bool), np.empty(0, bool), np.empty(0, np.int64)) is None


def test_many_answers_of_few_stimuli_are_little_evidence() -> None:
    good = np.ones(5000, bool)
    assert anytime.lowest(RNG.uniform(0.5, 1, 5000), good, good, np.arange(5000) % 20) is None
    weight = np.full(5000, 0.01)
    assert anytime.lowest(RNG.uniform(0.5, 1, 5000), good, good, np.arange(5000), weight) is None


@given(seed=st.integers(0, 10_000), fall=st.floats(0, 0.5), n=st.integers(1, 600))
@settings(max_examples=40, deadline=None)
def test_a_threshold_is_a_claim_and_committed_answers_bear_it_out(seed: int, fall: float, n: int) -> None:
    sure, right, later, unit = answers(n, fall, seed)
    found = anytime.lowest(sure, right, later, unit)
    if found is None:
        return
    kept = sure >= found
    assert found >= anytime.LEAST_SURE and kept.sum() >= anytime.fewest()
    assert right[kept].mean() - later[kept].mean() > -anytime.TOLERANCE


def test_the_bound_holds_where_answers_fall_just_short() -> None:
    # all alike sure, early worse by a little more than is tolerated: a threshold is found at most as often as it says
    rng, wrong, n, fall = np.random.default_rng(3), 0, 400, anytime.TOLERANCE + 0.001
    for _ in range(400):
        lost = rng.random(n) < fall
        later = rng.random(n) < 0.8
        found = anytime.lowest(np.full(n, 0.8), later & ~lost, later | lost, np.arange(n))
        wrong += found is not None
    assert wrong / 400 < 0.09


def test_an_answer_is_given_at_the_first_end_that_commits_it() -> None:
    right = np.array([True, False, True])
    ends = [Judged(np.array(sure), right) for sure in ([0.9, 0.2, 0.6], [0.5, 0.8, 0.7], [1.0, 1.0, 1.0])]
    assert stopped(ends, [0.9, 0.8]).tolist() == [0, 1, 2]
    assert stopped(ends, [None, 0.7]).tolist() == [2, 1, 1]
    assert stopped(ends, [None, None]).tolist() == [2, 2, 2]


def calibration(repeats: int, size: int, above: float | None, end: float | None = 0.2) -> Calibration:
    return Calibration(
        repeats=repeats,
        temperature=0.1,
        log_loss=1.0,
        calibration_error=0.0,
        n_stimuli=9,
        gallery_size=size,
        window_end_s=end,
        commit_above=above,
    )


@pytest.mark.parametrize(
    ("repeats", "size", "end", "wanted"),
    [
        (1, 200, 0.2, 0.9),
        (3, 200, 0.2, 0.9),
        (4, 200, 0.2, 0.7),
        (1, 100, 0.2, 0.9),
        (1, 50, 0.2, 0.6),
        (1, 10, 0.2, 0.6),
        (1, 9000, 0.2, 0.9),
        (4, 50, 0.2, 0.7),
        (1, 200, 0.31, None),
        (1, 200, 0.24, 0.9),
    ],
)
def test_the_threshold_of_an_answer(repeats: int, size: int, end: float, wanted: float | None) -> None:
    known = [
        calibration(1, 200, None, None),
        calibration(1, 200, 0.9),
        calibration(1, 50, 0.6),
        calibration(4, 200, 0.7),
        calibration(1, 200, None, 0.3),
    ]
    assert commit_above(known, repeats, size, end) == wanted
    assert commit_above(known[:1], repeats, size, end) is None and commit_above([], repeats, size, end) is None


def test_one_factorisation_gives_the_ideal_observer_of_every_end() -> None:
    rng = np.random.default_rng(4)
    channels, times = 4, 10

    def covariance(size: int) -> np.ndarray:
        root = rng.standard_normal((size, 3 * size))
        return root @ root.T / (3 * size)

    noise = tuple((covariance(channels), covariance(times)) for _ in range(2))
    model = WindowModel(rng.standard_normal((16, 40)), rng.standard_normal((3, 16, 40)), noise)
    shown, mean = covariance(16), rng.standard_normal(16)
    timeline = Timeline(model)
    for end in (6, 10):
        kept = np.arange(channels * times).reshape(channels, times)[:, :end].ravel()
        cut = tuple((space, time[:end, :end]) for space, time in noise)
        alone = Observer(WindowModel(model.own[:, kept], model.neighbours[:, :, kept], cut))
        one = timeline.by_channel(timeline.until(end).statistics(2.0, shown, mean))
        other = alone.statistics(2.0, shown, mean)
        assert np.allclose(one.error, other.error) and np.allclose(one.filters, other.filters)
        assert np.allclose(one.offset, other.offset)
