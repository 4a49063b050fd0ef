"""Running averages and maps against what numpy says of all trials at once."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bundles import THINGS_CHANNELS
from display.dashboard.evoked_average import EVERY, MOST, REST, Averages, category_of
from display.dashboard.evoked_map import GRID, OUTSIDE, mapper, packed
from display.dashboard.head import places
from wire.packets import Tap

CHANNELS = ("PO7", "Oz", "PO8")


def tap(data: np.ndarray, stimulus: str = "face/1", offset_s: float = 0.0, channels: tuple[str, ...] = CHANNELS) -> Tap:
    trial = np.stack([data, np.full_like(data, 1e3)])  # version 1, the running average, is not to be counted
    return Tap(
        session="s",
        segment=0,
        sequence=0,
        stimulus=stimulus,
        onset_s=1.0,
        sampling_rate_hz=250.0,
        first_sample_offset_s=offset_s,
        channels=channels,
        versions=2,
        times=data.shape[1],
        repeats=1,
        data=trial,
    )


def test_mean_and_standard_error_are_those_of_all_trials_at_once() -> None:
    trials = (
        np.random.default_rng(0).normal(1e4, 3, (50, 3, 20)).astype(np.float32)
    )  # a large offset: no precision lost
    averages = Averages(0.0)
    for k, trial in enumerate(trials):
        averages.add(tap(trial), "face" if k % 2 else "house", 1.0)
    for name, kept in (("face", trials[1::2]), ("house", trials[::2]), (EVERY, trials)):
        kept = kept.astype(np.float64)
        np.testing.assert_allclose(averages.by[name].mean, kept.mean(axis=0), rtol=1e-12)
        expected = kept.std(axis=0, ddof=1) / np.sqrt(len(kept))
        np.testing.assert_allclose(averages.by[name].error, expected, rtol=1e-8)
    assert averages.counts == {"house": 25, "face": 25}
    assert averages.n == 50


def test_one_trial_has_no_standard_error() -> None:
    averages = Averages(0.0)
    averages.add(tap(np.ones((3, 5), np.float32)), "a", 1.0)
    assert np.isnan(averages.by["a"].error).all()


def test_the_remainder_of_a_sample_does_not_matter_and_another_shape_begins_anew() -> None:
    averages = Averages(0.0)
    averages.add(tap(np.ones((3, 5), np.float32), offset_s=0.0004), "a", 1.0)
    averages.add(tap(np.ones((3, 5), np.float32), offset_s=0.0051), "a", 2.0)
    assert averages.n == 2
    averages.add(tap(np.ones((2, 5), np.float32), channels=CHANNELS[:2]), "a", 9.0)
    assert (averages.n, averages.since_s) == (1, 9.0)
    assert averages.begun_anew
    assert averages.times_s == pytest.approx(np.arange(5) / 250)


def test_what_is_no_number_is_not_counted() -> None:
    averages = Averages(0.0)
    averages.add(tap(np.full((3, 5), np.nan, np.float32)), "a", 1.0)
    assert averages.n == 0


def test_memory_is_bounded_with_any_number_of_categories() -> None:
    averages = Averages(0.0)
    for k in range(MOST + 30):
        averages.add(tap(np.ones((3, 5), np.float32)), f"c{k}", 1.0)
    assert len(averages.by) == MOST + 2
    assert averages.counts[REST] == 30
    assert averages.n == MOST + 30


@pytest.mark.parametrize(
    ("stimulus", "expected"),
    [("face/12", "face"), ("17", "a dog"), ("18", "item-18"), ("new", "new"), ("/odd", "/odd")],
)
def test_the_category_of_a_stimulus(stimulus: str, expected: str) -> None:
    assert category_of(stimulus, {"17": "item-17", "18": "item-18"}, {"item-17": "a dog"}) == expected


def test_the_map_has_the_electrodes_own_values_and_a_plane_between_them() -> None:
    known = places(THINGS_CHANNELS)
    found = mapper(THINGS_CHANNELS, known)
    assert found is not None
    spots = np.array([known[name] for name in THINGS_CHANNELS])
    grid = found.grid(spots[:, 0] * 3 + 1)
    assert grid.shape == (GRID, GRID)
    middle = grid[GRID // 2]
    assert middle[GRID // 2] == pytest.approx(1.0, abs=0.15)
    assert middle[GRID // 2 + 12] > 2 > 0 > middle[GRID // 2 - 12]  # the right is positive
    front = found.grid(spots[:, 1])
    assert front[8, GRID // 2] > 0.4 > -0.4 > front[-9, GRID // 2]  # the front comes first


def test_what_is_far_from_every_electrode_is_left_out() -> None:
    channels = ("TP9", "AF7", "AF8", "TP10")
    found = mapper(channels, places(channels))
    assert found is not None
    grid = found.grid(np.array([1.0, 2.0, 3.0, 4.0]))
    assert np.isnan(grid[GRID // 2, GRID // 2])
    assert np.isnan(grid[0]).all()  # and so is what lies outside of all of them
    assert 0.03 < np.isfinite(grid).mean() < 0.3
    assert np.nanmin(grid) >= 1.0
    assert np.nanmax(grid) <= 4.0
    steps = packed(grid, 4.0)
    assert steps[GRID // 2, GRID // 2] == OUTSIDE
    assert steps.max() <= 127


def test_too_few_or_doubled_places_give_no_map() -> None:
    assert mapper(("Cz", "Pz", "Oz"), places(("Cz", "Pz", "Oz"))) is None
    doubled = {"a": (0.0, 0.0), "b": (0.0, 0.0), "c": (0.5, 0.0), "d": (0.0, 0.5), "e": (0.1, 0.2)}
    assert mapper(tuple(doubled), doubled) is None


def test_rows_without_a_place_are_passed_over() -> None:
    channels = ("AUX", "Fz", "Cz", "Pz", "Oz", "T7")
    found = mapper(channels, places(channels))
    assert found is not None
    assert found.rows.tolist() == [1, 2, 3, 4, 5]
    values = np.array([1e6, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert np.nanmax(found.grid(values)) == 1.0
