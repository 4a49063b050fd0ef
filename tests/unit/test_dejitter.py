"""Jitter is not loss, a loss is found where it is, stamps are right at once, and no result depends on the chunking."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from acquisition.clockfit import step_place
from acquisition.dejitter import Dejitter, Verdict
from config.errors import SourceError

Stamps = NDArray[np.float64]


def true_stamps(times: int, rate_hz: float, begin: int = 0, lost: int = 0, zero: float = 5.0) -> Stamps:
    """Stamps of a stream that loses samples before its sample ``begin``."""
    return np.delete(np.arange(times + lost), slice(begin, begin + lost)) / rate_hz + zero


def packets(true: Stamps, spread_s: float, seed: int = 0) -> Stamps:
    """Jitter as a Muse has it: twelve samples at a time share one delay, about zero on average."""
    late = np.random.default_rng(seed).normal(0.0, spread_s, len(true) // 12 + 1)
    return true + np.repeat(late, 12)[: len(true)]


def together(true: Stamps) -> Stamps:
    """Twelve samples at a time carry the stamp of their middle."""
    return np.array([true[k // 12 * 12 : k // 12 * 12 + 12].mean() for k in range(len(true))])


def correct(
    stamps: Stamps, rate_hz: float, counter: NDArray[np.int64] | None = None, edges: tuple[int, ...] = ()
) -> tuple[Stamps, NDArray[np.bool_], list[Verdict]]:
    """All corrected stamps, with the verdicts' last word on them."""
    dejitter = Dejitter(rate_hz, counter is not None)
    stamped, unsure = np.empty(len(stamps)), np.empty(len(stamps), dtype=bool)
    verdicts: list[Verdict] = []
    bounds = [0, *edges, len(stamps)]
    for begin, end in pairwise(bounds):
        got = dejitter.feed(stamps[begin:end], None if counter is None else counter[begin:end])
        stamped[begin:end], unsure[begin:end] = got.stamps, got.unsure
        for verdict in got.verdicts:
            if verdict.stamps.size:
                stamped[verdict.begin : verdict.decided + 1] = verdict.stamps
                unsure[verdict.begin : verdict.decided + 1] = verdict.unsure
        verdicts += got.verdicts
    return stamped, unsure, verdicts


def found(verdicts: list[Verdict]) -> list[tuple[int, int]]:
    return [(verdict.begin, round(verdict.missing)) for verdict in verdicts if verdict.kind == "gap"]


def worst(stamped: Stamps, true: Stamps, unsure: NDArray[np.bool_], rate_hz: float) -> float:
    """Largest error of stamps that are not called unsure, in samples."""
    return float(np.abs(stamped - true)[~unsure].max() * rate_hz)


@pytest.mark.parametrize("ppm", [-200, 0, 200])
@pytest.mark.parametrize(("rate_hz", "spread"), [(1000.0, 0.05), (1000.0, 1.5), (256.0, 1.2)])
def test_drift_and_jitter_leave_stamps_within_half_a_sample(rate_hz: float, spread: float, ppm: int) -> None:
    true = true_stamps(round(40 * rate_hz), rate_hz * (1 + ppm * 1e-6))
    stamped, unsure, verdicts = correct(packets(true, spread / rate_hz, seed=ppm + 200), rate_hz)
    assert not found(verdicts)
    assert (np.diff(stamped) > 0).all()
    assert worst(stamped, true, unsure, rate_hz) < 0.5
    assert unsure.mean() < 0.3 and not unsure[len(unsure) // 2 :].any()


@pytest.mark.parametrize("lost", [1, 2, 12, 500, 30_000])
@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_loss_is_found_at_its_place_and_stamps_are_right_at_once(lost: int, ppm: int) -> None:
    true = true_stamps(15_000, 1000.0 * (1 + ppm * 1e-6), 10_000, lost)
    stamped, unsure, verdicts = correct(true + np.random.default_rng(lost).normal(0, 5e-5, len(true)), 1000.0)
    assert found(verdicts) == [(10_000, lost)]
    assert (np.diff(stamped) > 0).all()
    assert worst(stamped, true, unsure, 1000.0) < 0.5
    assert unsure.mean() < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_twelve_samples_lost_among_muse_jitter(seed: int) -> None:
    true = true_stamps(256 * 60, 256.0, 6000, 12)
    stamped, unsure, verdicts = correct(packets(true, 0.0045, seed), 256.0)
    ((begin, missing),) = found(verdicts)
    assert begin == 6000 and missing == pytest.approx(12, abs=1)
    assert worst(stamped, true, unsure, 256.0) < 0.5
    assert not unsure[5900] and unsure[6000:].mean() < 0.15


def test_the_same_stamp_twelve_times_and_back_is_no_loss_and_a_loss_among_it_is() -> None:
    true = true_stamps(256 * 40, 256.0)
    stamps = together(true)
    stamps[6000:6012] -= 0.016  # a step backwards
    stamped, unsure, verdicts = correct(stamps, 256.0)
    assert not found(verdicts) and (np.diff(stamped) > 0).all()
    assert worst(stamped, true, unsure, 256.0) < 0.5

    true = true_stamps(256 * 40, 256.0, 6000, 12)
    stamped, unsure, verdicts = correct(together(true), 256.0)
    assert found(verdicts) == [(6000, 12)]
    assert worst(stamped, true, unsure, 256.0) < 0.5


@pytest.mark.parametrize("length", [1, 12, 300, 900])
def test_a_burst_of_48_ms_is_no_loss(length: int) -> None:
    true = true_stamps(20_000, 1000.0)
    late = true.copy()
    late[12_000 : 12_000 + length] += 0.048
    stamped, unsure, verdicts = correct(late, 1000.0)
    assert [(v.kind, v.opened, v.decided) for v in verdicts[1:]] == [("jitter", 12_000, 12_000 + length)]
    assert np.abs(stamped - true).max() < 1e-6
    assert not unsure.any()


def test_bursts_do_not_blind_it_to_a_loss() -> None:
    true = true_stamps(256 * 40, 256.0, 8000, 12)
    stamps = packets(true, 0.0045, 1)
    for at in (7200, 7500, 7800):
        stamps[at : at + 24] += 0.048
    stamped, unsure, verdicts = correct(stamps, 256.0)
    assert found(verdicts) == [(8000, 12)]
    assert worst(stamped, true, unsure, 256.0) < 0.5


def test_a_sender_that_stalls_and_catches_up_lost_nothing() -> None:
    """Two seconds' samples stamped within 50 ms, two seconds late."""
    true = true_stamps(256 * 30, 256.0)
    stamps = true.copy()
    stamps[5000:5512] = true[5512] - 0.05 + np.arange(512) * 1e-4
    stamped, _, verdicts = correct(stamps, 256.0)
    assert not found(verdicts)
    assert np.abs(stamped - true).max() * 256 < 0.5


def test_a_loss_within_a_burst_is_placed_where_it_was() -> None:
    true = true_stamps(256 * 40, 256.0, 6050, 24)
    stamps = true + np.random.default_rng(0).normal(0, 2e-4, len(true))
    stamps[6000:6050] += 0.020
    stamped, unsure, verdicts = correct(stamps, 256.0)
    assert found(verdicts) == [(6050, 24)]
    assert worst(stamped, true, unsure, 256.0) < 0.5


@pytest.mark.parametrize("step_s", [7200.0, -7200.0, -0.5])
def test_a_clock_that_is_set_is_followed(step_s: float) -> None:
    stamps = true_stamps(5000, 1000.0)
    stamps[2500:] += step_s
    stamped, _, verdicts = correct(stamps, 1000.0)
    assert [v.begin for v in verdicts if v.kind == "gap"] == [2500]
    assert np.abs(stamped - stamps).max() < 1e-6
    assert verdicts[-1].missing == pytest.approx(max(0.0, step_s * 1000), abs=1)


def test_a_shift_too_small_for_a_step_is_called_unsure_until_it_is_followed() -> None:
    true = true_stamps(256 * 60, 256.0, 8000, 3)
    stamped, unsure, _ = correct(packets(true, 0.0045, 2), 256.0)
    late = slice(8000 + 256, None)  # the mean over a second has to notice first
    assert unsure[8000:].any() and unsure[late].mean() < 0.4
    assert worst(stamped[late], true[late], unsure[late], 256.0) < 0.75


def test_a_rate_that_is_not_the_nominal_one_is_learned() -> None:
    true = true_stamps(250 * 30, 251.0)
    stamped, unsure, verdicts = correct(true + np.random.default_rng(0).normal(0, 1e-4, len(true)), 250.0)
    assert not found(verdicts)
    assert worst(stamped, true, unsure, 250.0) < 0.5 and unsure.mean() < 0.1


def test_a_device_counter_decides_at_once() -> None:
    counter = np.delete(np.arange(1012, dtype=np.int64), slice(500, 512))
    true = counter / 256.0
    stamps = true + np.random.default_rng(0).normal(0, 0.02, 1000)
    dejitter = Dejitter(256.0, counted=True)
    verdicts = [*dejitter.feed(stamps[:501], counter[:501]).verdicts]
    assert [(v.kind, v.begin, v.decided, v.missing) for v in verdicts[1:]] == [("gap", 500, 500, 12.0)]
    assert dejitter.opened is None


def test_with_a_counter_jitter_is_never_a_loss_and_stamps_go_on_across_one() -> None:
    counter = np.delete(np.arange(256 * 40 + 12, dtype=np.int64), slice(6000, 6012))
    true = counter / 256.0 + 5.0
    stamps = packets(true, 0.0045, 3)
    stamps[7000:7200] += 0.3
    stamped, unsure, verdicts = correct(stamps, 256.0, counter)
    assert found(verdicts) == [(6000, 12)]
    assert worst(stamped[:7000], true[:7000], unsure[:7000], 256.0) < 0.5


def test_a_counter_that_begins_anew_anchors_the_clock_anew() -> None:
    true = true_stamps(4000, 250.0, 2000, 777)
    counter = np.concatenate([np.arange(2000), np.arange(2000)]).astype(np.int64)
    stamped, _, verdicts = correct(true, 250.0, counter)
    assert found(verdicts) == [(2000, 777)]  # which only the stamps tell
    assert np.abs(stamped - true).max() < 1e-6


def test_stamps_that_are_no_numbers_are_bridged_but_for_the_first() -> None:
    true = true_stamps(2000, 250.0)
    stamps = true.copy()
    stamps[[700, 701, 1500]] = np.nan, np.inf, -np.inf
    stamped, _, verdicts = correct(stamps, 250.0)
    assert not found(verdicts) and np.abs(stamped - true).max() < 1e-6
    with pytest.raises(SourceError, match="first time stamp"):
        Dejitter(250.0).feed(np.array([np.nan]))


def test_the_end_of_the_stream_closes_a_suspect_as_unsure() -> None:
    true = true_stamps(1000, 250.0)
    late = true.copy()
    late[900:] += 0.2
    dejitter = Dejitter(250.0)
    dejitter.feed(late)
    assert dejitter.opened == 900
    verdict = dejitter.finish()
    assert verdict is not None and (verdict.kind, verdict.begin, verdict.unsure) == ("jitter", 900, True)
    assert np.abs(verdict.stamps - true[900:]).max() < 1e-6
    assert dejitter.finish() is None and dejitter.opened is None


def test_a_stream_shorter_than_a_second_is_anchored_at_its_end() -> None:
    true = true_stamps(100, 250.0)
    dejitter = Dejitter(250.0)
    dejitter.feed(true)
    verdict = dejitter.finish()
    assert verdict is not None and verdict.kind == "anchor" and verdict.begin == 0
    assert np.abs(verdict.stamps - true).max() < 1e-6


def test_the_split_of_a_step() -> None:
    assert step_place(np.array([5.0, 5, 5, 5]), 5.0) == 0
    assert step_place(np.array([0.1, -0.2, 5, 5.2, 5]), 5.0) == 2


def test_genuine_muse_files_lose_nothing(data: Path) -> None:
    files = sorted((data / "muse").glob("*/*.csv"))
    assert len(files) == 11
    for file in files:
        stamps = np.loadtxt(file, delimiter=",", skiprows=1, usecols=0)
        stamped, unsure, verdicts = correct(stamps, 256.0)
        assert not found(verdicts), file.name
        assert (np.diff(stamped) > 0).all()
        line = np.polyval(np.polyfit(np.arange(len(stamps)), stamps - stamps[0], 1), np.arange(len(stamps)))
        assert np.abs(stamped - stamps[0] - line)[~unsure].max() * 256 < 0.5
        assert unsure.mean() < 0.12 and not unsure[15 * 256 :].any()  # while the phase is being learned
        waiting = sum(verdict.decided - verdict.opened for verdict in verdicts[1:])
        assert waiting < 0.03 * len(stamps)


@settings(max_examples=30, deadline=None)
@given(
    edges=st.lists(st.integers(0, 2000), max_size=30),
    seed=st.integers(0, 99),
    lost=st.integers(0, 20),
    burst=st.integers(0, 300),
    counted=st.booleans(),
)
def test_chunking_changes_nothing(edges: list[int], seed: int, lost: int, burst: int, counted: bool) -> None:
    true = true_stamps(2000, 256.0, 900, lost)
    stamps = packets(true, 0.002, seed)
    stamps[1300 : 1300 + burst] += 0.05
    counter = np.round((true - 5.0) * 256).astype(np.int64) if counted else None
    whole, flags, expected = correct(stamps, 256.0, counter)
    pieces, marks, verdicts = correct(stamps, 256.0, counter, tuple(sorted(edges)))
    assert np.array_equal(pieces, whole) and np.array_equal(marks, flags)
    assert [(v.kind, v.opened, v.decided, v.begin, v.missing) for v in verdicts] == [
        (v.kind, v.opened, v.decided, v.begin, v.missing) for v in expected
    ]
    # causal: nothing said of a sample depends on later ones
    first = Dejitter(256.0, counted)
    head = first.feed(stamps[:1234], None if counter is None else counter[:1234]).stamps
    second = Dejitter(256.0, counted)
    assert np.array_equal(head, second.feed(stamps, counter).stamps[:1234])
