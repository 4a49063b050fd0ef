"""The latency benchmark in small: real outlet, real processes, every window answered, the peer beside it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from benchmarks.bundles import Sizes, write_bundles
from benchmarks.latency import LatencyOptions, control_result, ours_result, peer_result
from benchmarks.runs import run_control, run_ours, run_peer

SMALL = LatencyOptions(
    seconds=1.5,
    warm_s=0.1,
    lead_s=2.0,
    sizes=Sizes(channels=8, rate_hz=250.0, encoder="eegproject", dim=16, gallery=50),
)


def quiet(words: str, done: float) -> None:
    """Say nothing."""


@pytest.mark.timeout(180)
def test_eegseek_answers_every_window_and_each_stage_is_timed(tmp_path: Path) -> None:
    bundles = write_bundles(tmp_path, SMALL.sizes)
    (tmp_path / "ours").mkdir()
    run, report = run_ours(tmp_path / "ours", bundles, SMALL, quiet)
    found = ours_result(run, report, SMALL.sizes.rate_hz)
    windows = found["windows"]
    assert windows["due"] == windows["sent"] + windows["rejected"] + windows["missed"]
    assert windows["answered"] == windows["sent"] == report["results"] == len(run.rows)
    assert windows["sent"] >= 15
    assert (windows["lost"], windows["doubled"]) == (0, 0)
    assert report["simulated"]
    assert found["latency_ms"]["n"] >= 5
    assert found["latency_ms"]["p50"] > 0
    stages = [stage["p50"] for stage in found["stages_ms"].values()]
    assert len(stages) == 8
    assert min(stages) >= 0
    assert set(found["cpu_cores"]) == {"acquisition", "inference", "display", "total"}
    json.dumps(found, allow_nan=False)


@pytest.mark.timeout(180)
@pytest.mark.skipif(not importlib.util.find_spec("mne_lsl"), reason="mne-lsl is not installed: pip install .[peers]")
def test_the_peer_answers_the_same_stream(tmp_path: Path) -> None:
    bundles = write_bundles(tmp_path, SMALL.sizes)
    (tmp_path / "peer").mkdir()
    run, markers = run_peer(tmp_path / "peer", bundles, SMALL, "mne-lsl", quiet)
    found = peer_result(run, markers, SMALL.sizes.rate_hz)
    assert found["windows"]["due"] == 20
    # it cannot answer the windows that were complete when the stream ended within its own tick
    assert found["windows"]["lost"] <= 1
    assert found["windows"]["doubled"] == 0
    assert found["latency_ms"]["p50"] > 0
    assert found["cpu_cores"] > 0


@pytest.mark.timeout(120)
def test_the_control_passes_every_window_on(tmp_path: Path) -> None:
    run = run_control(tmp_path, SMALL, quiet)
    assert len(run.rows) == 20
    found = control_result(run, SMALL.sizes.rate_hz)
    assert found["latency_ms"]["n"] >= 5
    assert found["latency_ms"]["p50"] > 0
    assert set(found["cpu_cores"]) == {"acquisition", "inference", "display", "total"}
