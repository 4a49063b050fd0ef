"""The pure parts of the benchmarks of throughput, start and scale."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from acquisition.recordings import read_recording
from acquisition.sources.recording import RecordingReader
from benchmarks import targets
from benchmarks.scale import ends
from benchmarks.scale_rigs import AGE_S, most_rigs, simulate
from benchmarks.scale_stages import Load, at, slope
from benchmarks.start import figures
from benchmarks.throughput import memory
from benchmarks.throughput_check import same_items
from benchmarks.throughput_probe import digest
from benchmarks.throughput_recording import LEAD_S, TAIL_S, Shape, write_recording
from config.settings import RecordingSource


def test_items_agree_but_for_ties() -> None:
    cosines = [0.9, 0.5, 0.500004, 0.3]
    assert same_items([7, 1, 2, 3], [7, 1, 2, 3], cosines)
    assert same_items([7, 2, 1, 3], [7, 1, 2, 3], cosines)  # two that tie
    assert not same_items([1, 7, 2, 3], [7, 1, 2, 3], cosines)
    assert not same_items([7, 1, 2], [7, 1, 2, 3], cosines)
    assert same_items([7, 1, 2, 9], [7, 1, 2, 3], cosines)  # took the last place, which it may tie with
    assert not same_items([7, 1, 9, 3], [7, 1, 2, 3], cosines)


def test_a_digest_is_of_number_and_every_bit() -> None:
    data = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    assert digest(1, data) == digest(1, data[..., ::-1][..., ::-1])
    other = data.copy()
    other[0, 0, 0] = np.nextafter(np.float32(0), np.float32(1))
    assert digest(1, data) != digest(1, other) and digest(1, data) != digest(2, data)


def test_growth_is_of_what_is_held_at_most() -> None:
    waves = [(0.1 * k, 0.0, 100.0 + 10 * (k % 7)) for k in range(101)]
    assert memory(waves, 0.0, 10.0) == {"first_half": 160.0, "second_half": 160.0, "growth": 0.0}
    rising = [(0.1 * k, 0.0, float(k)) for k in range(101)]
    assert memory(rising, 0.0, 10.0)["growth"] == pytest.approx(45.0, abs=1.0)
    loading = [(0.1 * k, 0.0, 500.0 if k < 5 else 100.0) for k in range(101)]
    assert memory(loading, 0.0, 10.0)["growth"] == 0.0


def test_start_leaves_out_what_the_signal_takes() -> None:
    found = figures(begun=10.0, status=11.0, reading=13.0, answer=18.25, due=18.0)
    assert found["ready_to_answer_s"] == 3.0 and found["added_ms"] == 250.0
    assert found["start_to_first_answer_s"] == 3.25 and found["signal_s"] == 5.0


def test_the_recording_is_what_it_says(tmp_path: Path) -> None:
    shape = Shape(channels=4, rate_hz=250.0, seconds=15.0, rsvp_hz=5.0)
    count = write_recording(tmp_path / "a", shape, seed=3)
    assert count == len(np.arange(LEAD_S, shape.seconds - TAIL_S, 0.2))
    recording = read_recording(RecordingSource(file=str(tmp_path / "a")))
    assert recording.n_rows == 3750 and recording.simulated and len(recording.events) == count
    assert 5.0 < recording.samples.std() < 20.0
    reader = RecordingReader(RecordingSource(file=str(tmp_path / "a"), speed=0.0))
    assert reader.open().exact_rows
    write_recording(tmp_path / "b", shape, seed=3)
    assert np.array_equal(read_recording(RecordingSource(file=str(tmp_path / "b"))).samples, recording.samples)


@pytest.mark.parametrize(
    ("one", "reached", "ratio"),
    [
        (targets.at_least("x", 100.0, 120.0, ""), True, 1.2),
        (targets.at_least("x", 100.0, 99.0, ""), False, 0.99),
        (targets.at_least("x", 100.0, None, ""), False, None),
        (targets.at_most("x", 6.0, 3.0, "s"), True, 0.5),
        (targets.at_most("x", 0, 1, ""), False, None),
        (targets.holds("x", False), False, 0.0),
    ],
)
def test_targets(one: targets.Target, reached: bool, ratio: float | None) -> None:
    assert one["reached"] is reached
    assert one["ratio"] == (None if ratio is None else pytest.approx(ratio))
    assert targets.table([one]).row_count == 1


def test_targets_are_read_with_their_bound_and_unit() -> None:
    said = StringIO()
    wanted = [
        targets.at_most("wait", 3.0, 4.5, "ms"), targets.at_least("faster", 5.0, 6.25, "×"),
        targets.at_most("lost", 0, 0, ""), targets.at_least("rows", 2000.0, None, "rows/s"),
        targets.holds("same", True),
    ]  # fmt: skip
    Console(file=said, width=120).print(targets.table(wanted))
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in said.getvalue().splitlines() if "│" in line]
    assert rows == [
        ["wait", "≤ 3 ms", "4.5 ms", "1.5", "NO"],
        ["faster", "≥ 5 ×", "6.25 ×", "1.25", "yes"],
        ["lost", "≤ 0", "0", "–", "yes"],
        ["rows", "≥ 2,000 rows/s", "–", "–", "NO"],
        ["same", "yes", "yes", "1", "yes"],
    ]


@given(st.floats(1e-6, 1e-2), st.floats(1e-6, 1e-2))
def test_a_slope_is_found_again(zero: float, a_unit: float) -> None:
    values = (1.0, 10.0, 100.0)
    found = slope(values, [zero + a_unit * value for value in values])
    assert found == pytest.approx((zero, a_unit), rel=1e-3, abs=1e-9)


def test_a_load_changes_in_one_size() -> None:
    assert at(Load(), "channels", 128.0) == Load(channels=128)
    assert at(Load(), "rsvp_hz", 10.0) == Load(rsvp_hz=10.0)


def test_ends_lie_where_a_core_is_full() -> None:
    base = {
        "feed": 0.1,
        "journal": 0.1,
        "codec": 0.01,
        "embed": 0.05,
        "search": 0.04,
        "dispatch": 0.01,
        "display": 0.02,
    }

    def row(axis: str, stage: str, zero: float, a_unit: float) -> dict[str, object]:
        return {"axis": axis, "stage": stage, "at_zero": zero, "slope": a_unit}

    lines = [
        row("channels", "feed", 0.037, 0.001), row("channels", "journal", 0.037, 0.001),
        row("rate_hz", "feed", 0.0, 1e-9), row("rate_hz", "journal", 0.0, 0.0), row("rsvp_hz", "feed", 0.0, 0.1),
        row("gallery", "search", 0.0, 1e-6),
    ]  # fmt: skip
    found = ends(base, lines, Load())
    assert found["acquisition: channels"] == pytest.approx(63 + 0.8 / 0.002)
    assert found["acquisition: rate_hz"] == 20_000.0  # beyond what is followed
    assert found["acquisition: rsvp_hz"] == pytest.approx(13.0)
    assert found["worker: windows a second"] == pytest.approx(10.0)
    assert found["worker: gallery, no index built"] == pytest.approx((0.2 - 0.06) / 1e-6)


def test_one_rig_and_a_quick_worker_never_wait() -> None:
    found = simulate(1, 1, 5.0, [0.01], seconds=20.0)
    assert found.p50_ms == pytest.approx(10.0) and found.p99_ms == pytest.approx(10.0)
    assert found.wait_p99_ms == 0.0 and found.expired == 0.0 and found.load == pytest.approx(0.05)


@given(st.integers(1, 12), st.integers(1, 4), st.integers(0, 5))
def test_more_workers_are_never_worse(rigs: int, workers: int, seed: int) -> None:
    few, more = (simulate(rigs, n, 5.0, [0.02, 0.05], seconds=10.0, seed=seed) for n in (workers, workers + 1))
    assert more.p99_ms <= few.p99_ms + 1e-9 and more.expired <= few.expired
    assert few.p50_ms >= 20.0 - 1e-9


def test_too_many_rigs_expire() -> None:
    crowd = simulate(40, 1, 5.0, [0.02], seconds=60.0)
    assert crowd.load == pytest.approx(4.0) and crowd.expired > 0.5 and crowd.p99_ms <= 1e3 * AGE_S + 20.0 + 1e-6


def test_most_rigs_rise_with_workers() -> None:
    one, two = (most_rigs(n, 5.0, [0.02], wait_ms=100.0) for n in (1, 2))
    assert 1 <= one <= 10 and two >= 2 * one - 1
    assert most_rigs(1, 5.0, [0.5], wait_ms=100.0) == 0  # half a second each, and five a second
