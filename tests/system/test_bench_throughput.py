"""The benchmarks of throughput and start with real processes, small: every figure is there, and every window."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.bundles import Sizes
from benchmarks.start import StartOptions, run_start
from benchmarks.throughput import ReplayOptions, run_replay_speed
from benchmarks.workers import Case, WorkersOptions, run_workers


@pytest.mark.timeout(180)
def test_a_direct_replay_says_what_a_slow_one_says(tmp_path: Path) -> None:
    out = tmp_path / "found.json"
    options = ReplayOptions(
        seconds=15.0, encoders=("eegproject",), workers=(1,), gallery=50, batch=8, check_s=6.0, json=out
    )
    found = run_replay_speed(options, say=lambda words: None)
    assert json.loads(out.read_text())["runs"] == found["runs"]
    (run,) = found["runs"]
    count = found["same_windows"]["windows"]
    assert run["windows"]["answered"] == count == 53
    assert run["windows"]["lost"] == run["windows"]["doubled"] == 0
    assert found["same_windows"]["direct_equals_offline"] and found["same_windows"]["real_time_equals_direct"]
    assert run["lowest_cosine"] >= 0.99999 and run["same_items"]
    assert set(run["cores"]) == {"acquisition", "worker-1", "display", "total"}
    assert run["times_real_time"] == pytest.approx(15.0 / run["seconds"])


@pytest.mark.timeout(180)
def test_workers_are_fed_by_credit(tmp_path: Path) -> None:
    options = WorkersOptions(
        cases=(Case("eegproject", 17, 64, 1.0),), workers=(1,), gallery=50, batch=4, batches=(1, 4), seconds=1.0
    )
    (row,) = run_workers(options, say=lambda words: None)["cases"]
    assert row["rows_a_second"]["1"] > 0 and 1 <= row["mean_batch"]["1"] <= 4
    assert set(row["decoder_rows_a_second"]) == {"1", "4"}


@pytest.mark.timeout(180)
def test_a_start_is_timed_to_its_first_answer() -> None:
    sizes = Sizes(channels=17, rate_hz=250.0, encoder="eegproject", dim=64, gallery=50)
    found = run_start(StartOptions(sizes=sizes, tries=1, cold=0, lead_s=2.0), say=lambda words: None)
    (row,) = found["warm"]
    assert 0 < row["first_status_s"] <= row["first_answer_s"]
    # a window cannot have been answered before a worker was ready, nor before its own signal
    assert row["first_answer_s"] >= row["ready_to_answer_s"] + 2.0 and row["added_ms"] > 0
    assert found["imports_s"]["acquisition.process"] > 0
