"""The arithmetic of the latency benchmark, on clocks whose answer is known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import timing
from benchmarks.bundles import THINGS_CHANNELS, Sizes, channel_names, participant, write_bundles
from benchmarks.latency import (
    LatencyOptions,
    aims,
    control_result,
    ours_result,
    peer_result,
    ratio,
    run_latency,
)
from benchmarks.latency_table import show
from benchmarks.machine import machine, machine_line
from benchmarks.processes import Processes
from benchmarks.runs import Run
from config.bundles import read_encoder_spec, read_gallery_spec
from config.errors import ProcessError, SettingsError

RATE, START, CHUNK = 1000.0, 5000.0, 4
NAMES = ("sample_due", "sample_in", "cut", "sent", "received", "embedded", "searched", "committed", "shown")


def pushes(n: int = 4000) -> np.ndarray:
    """Chunks of four, each pushed 0.1 ms or more after its last sample is due."""
    late = np.random.default_rng(0).uniform(1e-4, 3e-3, n // CHUNK)
    late[3] = 1e-4
    last = START + (np.arange(CHUNK - 1, n, CHUNK)) / RATE
    return np.repeat(last + late, CHUNK)


def test_the_start_is_found_to_a_tenth_of_a_millisecond() -> None:
    assert timing.stream_start(pushes(), RATE) == pytest.approx(START + 1e-4, abs=1e-9)


def test_rows_of_stamps() -> None:
    rows = np.array([0, 3, 1203, 3999])
    found = timing.sample_of(START + rows / RATE + 2e-5, timing.stream_start(pushes(), RATE), RATE)
    assert found.tolist() == rows.tolist()


def test_a_stamp_between_two_samples_is_refused() -> None:
    with pytest.raises(ProcessError, match="samples from any sample"):
        timing.sample_of(np.array([START + 0.0105]), START, RATE)


def test_the_peers_epoch_begins_at_the_first_sample_after_the_onset() -> None:
    onsets = START + np.array([0.1, 0.1002, 0.1009])
    assert timing.last_rows_after(onsets, START, RATE, 996).tolist() == [1096, 1097, 1097]


def ours(latency_s: np.ndarray) -> Run:
    """A run whose results were shown so long after the push of their last sample."""
    pushed = pushes()
    rows = 1000 + np.arange(len(latency_s)) * 200
    made = []
    for row, latency in zip(rows, latency_s, strict=True):
        shown = pushed[row] + latency
        times = [START + row / RATE, *np.linspace(pushed[row] + latency / 8, shown, 8)]
        made.append({"stamps": dict(zip(NAMES, map(float, times), strict=True))})
    return Run(made, pushed, START, START + 100.0, {"acquisition": 0.1, "inference": 0.2, "display": 0.05})


def test_latency_is_counted_from_the_push_and_not_from_the_stamp() -> None:
    latency_s = np.linspace(0.002, 0.004, 11)
    found = ours_result(ours(latency_s), {"windows": {"lost": 0, "doubled": 0}}, RATE)
    assert found["latency_ms"]["p50"] == pytest.approx(3.0, abs=1e-3)
    assert found["latency_ms"]["max"] == pytest.approx(4.0, abs=1e-3)
    assert found["cpu_cores"]["total"] == pytest.approx(0.35)
    medians = [stage["p50"] for stage in found["stages_ms"].values()]
    assert medians == pytest.approx([3.0 / 8] * 8, abs=1e-3)
    assert next(iter(found["stages_ms"])) == "push_to_in"


def test_results_outside_the_measured_time_do_not_count() -> None:
    run = ours(np.array([0.5, 0.002, 0.002]))
    cut = Run(run.rows, run.pushes_s, run.rows[1]["stamps"]["sample_in"], run.end_s, run.cpu_cores)
    # the first is shown after the second: it is its time of being shown that counts
    assert ours_result(cut, {"windows": {}}, RATE)["latency_ms"]["n"] == 3
    early = Run(run.rows, run.pushes_s, START + 1.9, run.end_s, run.cpu_cores)
    with pytest.raises(ProcessError, match="no result fell"):
        ours_result(early, {"windows": {}}, RATE)


def peer() -> tuple[Run, list[dict]]:
    pushed = pushes()
    onsets = START + 0.1 + np.arange(5) * 0.2
    rows = [{"code": k + 1, "answered_s": float(pushed[1096 + 200 * k] + 0.015)} for k in range(5)]
    markers = [{"code": k + 1, "label": f"s{k}", "stamp": float(onset)} for k, onset in enumerate(onsets)]
    end = {"code": 0, "label": "eegseek:end", "stamp": START + len(pushed) / RATE}
    return Run([*rows, rows[-1]], pushed, START, START + 100.0, {"peer": 0.7}), [*markers, end]


def test_the_peers_latency_and_its_losses() -> None:
    run, markers = peer()
    found = peer_result(run, markers, RATE)
    assert found["latency_ms"]["p50"] == pytest.approx(15.0, abs=1e-3)
    assert found["windows"] == {"due": 5, "answered": 5, "lost": 0, "doubled": 1}
    assert found["cpu_cores"] == 0.7
    less = Run(run.rows[1:4], run.pushes_s, run.begin_s, run.end_s, run.cpu_cores)
    assert peer_result(less, markers, RATE)["windows"] == {"due": 5, "answered": 3, "lost": 2, "doubled": 0}
    with pytest.raises(ProcessError, match="ended early"):
        peer_result(run, markers[:-1], RATE)


def test_the_table_holds_both_and_the_ratio(capsys: pytest.CaptureFixture[str]) -> None:
    found = ours_result(ours(np.full(5, 0.003)), {"windows": {"lost": 0, "doubled": 0}}, RATE)
    control = ours(np.full(5, 0.001))
    rows = [{"sample_due": row["stamps"]["sample_due"], "shown": row["stamps"]["shown"]} for row in control.rows]
    empty = Run(rows, control.pushes_s, control.begin_s, control.end_s, control.cpu_cores)
    found |= {"machine": machine(), "control": control_result(empty, RATE)}
    found["peers"] = {"mne-lsl": peer_result(*peer(), RATE)}
    found["peers"]["mne-lsl"]["ratio"] = ratio(found, found["peers"]["mne-lsl"])
    found["targets"] = aims(found)
    assert found["peers"]["mne-lsl"]["ratio"]["p50"] == pytest.approx(5.0, abs=0.01)
    reached = {row["name"]: row["reached"] for row in found["targets"]}
    assert (reached["added latency, p99"], reached["windows lost or doubled"]) == (True, True)
    assert not reached["processor of mne-lsl over eegseek's"]
    show(found, LatencyOptions(peers=("mne-lsl",)))
    text = capsys.readouterr().out
    for words in (
        "mne-lsl script",
        "p50 5.0 times",
        "processor 2.0 times",
        "lost 0, doubled 0",
        "push_to_in",
        "control",
        "≤ 3 ms",
        "≥ 5 ×",
    ):
        assert words in text, words


def test_the_machine_is_named() -> None:
    found = machine()
    assert found["cores"] >= 1
    assert found["memory_gib"] > 0
    assert found["libraries"]["numpy"] == np.__version__
    assert found["cpu"] in machine_line(found)


def test_bundles_are_of_the_size_asked_for(tmp_path: Path) -> None:
    sizes = Sizes(channels=70, gallery=30, dim=16)
    encoder, gallery = write_bundles(tmp_path, sizes)
    spec = read_encoder_spec(encoder)
    assert (spec.architecture, len(spec.channels), spec.dim, spec.window.n_times) == ("nice", 70, 16, 250)
    assert channel_names(63) == THINGS_CHANNELS
    assert read_gallery_spec(gallery).n_items == 30
    source = participant(sizes, 5.0, 10.0)
    assert (source.stimuli, source.repeats, source.channels) == (13, 4, spec.channels)
    with pytest.raises(SettingsError, match="ask for fewer"):
        channel_names(1000)


def test_options_that_cannot_be_measured() -> None:
    with pytest.raises(SettingsError, match="unknown peer 'bcilab'"):
        run_latency(LatencyOptions(peers=("bcilab",)))
    with pytest.raises(SettingsError, match="no multiple"):
        run_latency(LatencyOptions(sizes=Sizes(rate_hz=300.0)))


def test_a_process_that_fails_is_told_and_none_stays(tmp_path: Path) -> None:
    with Processes(tmp_path / "logs") as processes:
        processes.start("display", "display", "--set", "no.such=1")
        processes.running["display"].wait(20)
        with pytest.raises(ProcessError, match="benchmark's display ended with 1: display: unknown setting 'no"):
            processes.check()
        processes.start("sleeper", "display", "--headless", "--set", f"run.folder={tmp_path / 'r'}")
    assert processes.ended("sleeper")
