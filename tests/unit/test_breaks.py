"""Losses in files: jitter is not loss, a lasting step is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquisition.recordings.breaks import counter_breaks, find_breaks, losses
from acquisition.recordings.recording import Break


def jittered(n: int, rate: float, seed: int = 0) -> np.ndarray:
    """Stamps with bursts: a packet of 12 is late by up to 48 ms, and comes back."""
    rng = np.random.default_rng(seed)
    late = np.repeat(rng.uniform(0, 0.004, n // 12 + 1), 12)[:n]
    late[rng.integers(0, n, n // 200)] += 0.048
    return 100.0 + np.arange(n) / rate + late


@pytest.mark.parametrize("lost", [4, 12, 256, 2000])
def test_a_lasting_step_is_a_loss(lost: int) -> None:
    stamps = jittered(6000, 256.0)
    stamps[3100:] += lost / 256
    breaks, resets = find_breaks(stamps, 256.0)
    assert not resets and len(breaks) == 1
    assert abs(breaks[0].row - 3100) <= 1 and abs(breaks[0].missing - lost) <= 1


def test_a_burst_is_no_loss() -> None:
    stamps = jittered(6000, 256.0)
    assert np.any(np.diff(stamps) < 0) and np.any(np.diff(stamps) > 0.045)
    assert find_breaks(stamps, 256.0) == ((), ())


def test_a_genuine_muse_with_a_loss_cut_into_it(data: Path) -> None:
    file = data / "muse" / "n170" / "data_2017-09-13-15.30.01.csv"
    stamps = np.loadtxt(file, delimiter=",", skiprows=1, usecols=0)
    assert find_breaks(stamps, 256.0) == ((), ())
    kept = np.delete(stamps, slice(9000, 9012))
    breaks, resets = find_breaks(kept, 256.0)
    assert not resets and len(breaks) == 1
    # within a burst of jitter the row is known to a packet or so
    assert abs(breaks[0].row - 9000) <= 24 and abs(breaks[0].missing - 12) <= 1


def test_two_losses_a_second_apart() -> None:
    stamps = np.arange(4000) / 256
    stamps[2000:] += 30 / 256
    stamps[2300:] += 50 / 256
    assert find_breaks(stamps, 256.0)[0] == (Break(2000, 30), Break(2300, 50))


@pytest.mark.parametrize("step", [-5.0, 7200.0])
def test_a_clock_set_anew(step: float) -> None:
    stamps = jittered(4000, 256.0)
    stamps[1500:] += step
    breaks, resets = find_breaks(stamps, 256.0)
    assert not breaks and len(resets) == 1 and abs(resets[0] - 1500) <= 1


@pytest.mark.parametrize("length", [0, 1, 3])
def test_hardly_any_rows(length: int) -> None:
    assert find_breaks(np.arange(length, dtype=float), 1.0) == ((), ())


@pytest.mark.parametrize("period", [255, 256])
def test_a_wrapping_counter(period: int) -> None:
    kept = np.delete(np.arange(3000), np.r_[700:710, 1500:1501])
    assert counter_breaks(kept % period) == (Break(700, 10), Break(1490, 1))


def test_whole_rounds_show_in_the_stamps_only() -> None:
    kept = np.delete(np.arange(4000), slice(1000, 1000 + 2 * 256 + 5))
    stamps = jittered(4000, 250.0)[kept]
    assert losses((kept % 256).astype(float), stamps, 250.0)[0] == (Break(1000, 2 * 256 + 5),)
    even = np.delete(np.arange(4000), slice(1000, 1000 + 256))
    (found,) = losses((even % 256).astype(float), jittered(4000, 250.0)[even], 250.0)[0]
    assert found.missing == 256 and abs(found.row - 1000) <= 1


def test_a_counter_that_counts_packets_is_not_used() -> None:
    index = np.repeat(np.arange(300), 12)[:3000] % 256
    assert counter_breaks(index) is None
    stamps = np.arange(3000) / 256
    stamps[1000:] += 0.5
    breaks, _, notes = losses(index.astype(float), stamps, 256.0)
    assert breaks == (Break(1000, 128),) and "time stamps alone" in notes[0]
