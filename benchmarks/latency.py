"""Added latency: from the push of the last needed sample into LSL to the result at a subscriber, beside a peer.

Real processes throughout: an LSL outlet (a simulated participant, not charged to anybody), then eegseek's acquisition,
inference and display; or the same outlet and the peer's single script. One after the other, never together. Each is
measured over the same length of time, after the chain has settled and the first pictures have passed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from benchmarks import targets, timing
from benchmarks.bundles import WINDOW, Sizes, write_bundles
from benchmarks.latency_table import show
from benchmarks.machine import machine
from benchmarks.reporting import write_json
from benchmarks.runs import PEERS, LatencyOptions, Rows, Run, Say, last_row, run_control, run_ours, run_peer
from config.errors import ProcessError, SettingsError
from display.latency import spread

__all__ = ["LatencyOptions", "Sizes", "run_latency"]
TARGET_P50_MS, TARGET_P99_MS, OVER_CONTROL_MS = 3.0, 8.0, 3.0
TARGET_FASTER, TARGET_CHEAPER = 5.0, 3.0
"""Times that the peer's median, and its processor time, are to be ours."""


def run_latency(options: LatencyOptions) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Parameters
    ----------
    options
        What to measure.

    Returns
    -------
    dict
        ``latency_ms`` (p50, p95, p99, max, n), ``stages_ms``, ``cpu_cores`` (by process and in total), ``windows``
        (whole run, lost and doubled included), ``machine``, ``options``, ``targets``, with the control ``control``
        (latency_ms, cpu_cores), and ``peers``: by name latency_ms, cpu_cores, windows, ``ratio`` (peer over ours: p50,
        p99, cpu).

    Raises
    ------
    ProcessError
        A process failed, nothing was measured, or the JSON cannot be written.
    SettingsError
        The options cannot be measured.
    """
    for peer in options.peers:
        if peer not in PEERS:
            raise SettingsError(f"unknown peer '{peer}', expected one of {', '.join(PEERS)}")
    if options.sizes.rate_hz % WINDOW.rate_hz:
        raise SettingsError(f"a rate of {options.sizes.rate_hz:g} Hz is no multiple of {WINDOW.rate_hz:g} Hz")
    console = Console(stderr=True)
    found: dict[str, Any] = {"machine": machine(), "options": described(options)}
    rate_hz = options.sizes.rate_hz
    with TemporaryDirectory(prefix="eegseek-") as place, _progress(console, options.seconds) as phase:
        folder = Path(place)
        phase("bundles")("writing", 0.0)
        bundles = write_bundles(folder, options.sizes, options.seed)
        for name in ("control", "ours", *options.peers):
            (folder / name).mkdir()
        if options.control:
            found["control"] = control_result(run_control(folder / "control", options, phase("control")), rate_hz)
        found.update(ours_result(*run_ours(folder / "ours", bundles, options, phase("eegseek")), rate_hz))
        found["peers"] = {}
        for peer in options.peers:
            run = run_peer(folder / peer, bundles, options, peer, phase(peer))
            found["peers"][peer] = peer_result(*run, rate_hz)
            found["peers"][peer]["ratio"] = ratio(found, found["peers"][peer])
    found["targets"] = aims(found)
    show(found, options)
    write_json(found, options.json)
    return found


def described(options: LatencyOptions) -> dict[str, Any]:
    """Options as written in the JSON."""
    sizes = options.sizes
    return {
        "seconds": options.seconds, "warm_s": options.warm_s, "channels": sizes.channels, "rate_hz": sizes.rate_hz,
        "chunk": options.chunk, "rsvp_hz": options.rsvp_hz, "encoder": sizes.encoder, "dim": sizes.dim,
        "gallery": sizes.gallery, "seed": options.seed, "peers": list(options.peers),
        "awake": options.awake, "realtime": options.realtime,
    }  # fmt: skip


def ratio(ours: dict[str, Any], peer: dict[str, Any]) -> dict[str, float]:
    """How many times the peer's figures are ours."""
    return {
        "p50": peer["latency_ms"]["p50"] / ours["latency_ms"]["p50"],
        "p99": peer["latency_ms"]["p99"] / ours["latency_ms"]["p99"],
        "cpu": peer["cpu_cores"] / ours["cpu_cores"]["total"],
    }


def aims(found: dict[str, Any]) -> list[targets.Target]:
    """What was aimed at, and what was reached. The peer is the first that was measured."""
    ours = found["latency_ms"]
    floor = found["control"]["latency_ms"]["p99"] if "control" in found else 0.0
    wanted = [
        targets.at_most("added latency, p50", TARGET_P50_MS, ours["p50"], "ms"),
        targets.at_most("added latency, p99", max(TARGET_P99_MS, floor + OVER_CONTROL_MS), ours["p99"], "ms"),
    ]
    for name, peer in list(found["peers"].items())[:1]:
        wanted += [
            targets.at_least(f"p50 of {name} over eegseek's", TARGET_FASTER, peer["ratio"]["p50"], "×"),
            targets.at_least(f"processor of {name} over eegseek's", TARGET_CHEAPER, peer["ratio"]["cpu"], "×"),
        ]
    wrong = found["windows"]["lost"] + found["windows"]["doubled"]
    return [*wanted, targets.at_most("windows lost or doubled", 0, wrong, "")]


def control_result(run: Run, rate_hz: float) -> dict[str, Any]:
    """Figures of the control."""
    kept = [run.rows[k] for k in run.measured([row["shown"] for row in run.rows])]
    if not kept:
        raise ProcessError("the control gave no answer in the measured time; measure longer")
    rows = timing.sample_of(
        np.array([row["sample_due"] for row in kept]), timing.stream_start(run.pushes_s, rate_hz), rate_hz
    )
    shown = np.array([row["shown"] for row in kept])
    return {
        "latency_ms": spread(timing.since_push_ms(shown, rows, run.pushes_s)).table,
        "cpu_cores": {**run.cpu_cores, "total": sum(run.cpu_cores.values())},
    }


def ours_result(run: Run, report: dict[str, Any], rate_hz: float) -> dict[str, Any]:
    """Figures of eegseek's run."""
    stamps = [row["stamps"] for row in run.rows]
    kept = [stamps[k] for k in run.measured([stamp["shown"] for stamp in stamps])]
    if not kept:
        raise ProcessError("no result fell into the measured time; measure longer, or see why windows are refused")
    start_s = timing.stream_start(run.pushes_s, rate_hz)
    rows = timing.sample_of(np.array([stamp["sample_due"] for stamp in kept]), start_s, rate_hz)
    shown = np.array([stamp["shown"] for stamp in kept])
    return {
        "latency_ms": spread(timing.since_push_ms(shown, rows, run.pushes_s)).table,
        "stages_ms": timing.stages(kept, rows, run.pushes_s),
        "cpu_cores": {**run.cpu_cores, "total": sum(run.cpu_cores.values())},
        "windows": report["windows"],
    }


def peer_result(run: Run, markers: Rows, rate_hz: float) -> dict[str, Any]:
    """Figures of the peer's run."""
    end = next((marker for marker in markers if marker["code"] == 0), None)
    if end is None:
        raise ProcessError("the stream that the peer read ended early; run the benchmark again")
    # the end marker stands on the sample after the last one: the exact start follows
    start_s = end["stamp"] - len(run.pushes_s) / rate_hz
    onsets = {marker["code"]: marker["stamp"] for marker in markers}
    kept = [run.rows[k] for k in run.measured([row["answered_s"] for row in run.rows])]
    if not kept:
        raise ProcessError("the peer gave no answer in the measured time; measure longer")
    at = np.array([onsets[row["code"]] for row in kept])
    rows = timing.last_rows_after(at, start_s, rate_hz, last_row(rate_hz))
    answered = np.array([row["answered_s"] for row in kept])
    times = [row["code"] for row in run.rows]
    return {
        "latency_ms": spread(timing.since_push_ms(answered, rows, run.pushes_s)).table,
        "cpu_cores": run.cpu_cores["peer"],
        "windows": {
            "due": len(markers) - 1,
            "answered": len(set(times)),
            "lost": len(markers) - 1 - len(set(times)),
            "doubled": len(times) - len(set(times)),
        },
    }


@contextmanager
def _progress(console: Console, seconds: float) -> Iterator[Callable[[str], Say]]:
    """A bar for each phase, on a terminal; quiet elsewhere."""
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:

        def phase(name: str) -> Say:
            task = bars.add_task(name, total=seconds)
            return lambda words, done: bars.update(task, description=f"{name}: {words}", completed=done)

        yield phase
