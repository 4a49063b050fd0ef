"""``eegseek bench scale``: what limits each stage as sizes grow, and where one machine ends.

Measured: each stage's cost along channels, rate, RSVP rate and gallery, as a line (`scale_stages`); and what two
workers on two cores lose to one another. Simulated, and said to be: rigs that share workers (`scale_rigs`).
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import scale_stages as stages
from benchmarks.bundles import Sizes, write_bundles
from benchmarks.machine import machine, machine_line
from benchmarks.reporting import printer, write_json
from benchmarks.scale_rigs import most_rigs, simulate
from benchmarks.scale_stages import AXES, PER_SECOND, VALUES, Load
from config.errors import ProcessError

ROOT = Path(__file__).resolve().parents[1]
RIGS = (1, 2, 4, 8, 16, 32, 64)
WORKERS = (1, 2, 4, 8)
FURTHEST = 4
"""A line is followed to so many times the largest size measured: beyond, it would be a guess."""
WAIT_MS = 100.0
"""A window that waits longer for a worker is late for what a person does with its answer."""
SERVICE_DRAWS = 200
Say = Callable[[str], None]
WORKER = ("codec", "embed", "search")
"""Stages of a window at its worker."""


@dataclass(frozen=True)
class ScaleOptions:
    """What is measured.

    Attributes
    ----------
    base
        What stays the same while one size grows.
    seconds
        Of signal, for each point of acquisition's stages.
    quick
        Two values of each size in place of five.
    figure
        Where a drawing is written (SVG, PNG or PDF by its name).
    json
        Where the result is written, too.
    """

    base: Load = field(default_factory=Load)
    seconds: float = 6.0
    quick: bool = False
    figure: Path | None = None
    json: Path | None = None


def run_scale(options: ScaleOptions, say: Say | None = None) -> dict[str, Any]:
    """Measure, simulate, print tables, and write the JSON.

    Returns
    -------
    dict
        ``stages`` (rows of axis, stage, values, costs, at_zero, slope, unit), ``base`` (cost of every stage), ``ends``
        (where one core is full), ``two_workers`` (rows a second of one and of two decoders at once), ``simulated``
        (rigs x workers), ``targets`` (none: there is no target to scale), ``machine``, ``options``.

    Raises
    ------
    ProcessError
        A measurement failed.
    """
    console = Console(stderr=True)
    say = say or (lambda words: console.print(words, highlight=False))
    described = {**asdict(options.base), "seconds": options.seconds, "quick": options.quick}
    found: dict[str, Any] = {"benchmark": "scale", "machine": machine(), "options": described, "stages": []}
    say("every stage at the base")
    names = (*PER_SECOND, *stages.PER_WINDOW)
    found["base"] = {name: stages.cost(name, options.base, options.seconds) for name in names}
    for axis, felt in AXES.items():
        for stage in felt:
            say(f"{stage} by {axis}")
            found["stages"].append(_line(axis, stage, options))
    found["ends"] = ends(found["base"], found["stages"], options.base)
    say("one decoder, and two at once")
    found["two_workers"] = _two_workers(options.base)
    say("simulating rigs and workers")
    found["simulated"] = _simulated(options.base)
    found["targets"] = []
    _show(found)
    if options.figure is not None:
        from benchmarks.scale_figure import draw

        draw(found, options.figure)
    write_json(found, options.json)
    return found


def _line(axis: str, stage: str, options: ScaleOptions) -> dict[str, Any]:
    values = VALUES[axis][1:4:2] if options.quick else VALUES[axis]
    costs = [stages.cost(stage, stages.at(options.base, axis, value), options.seconds) for value in values]
    at_zero, a_unit = stages.slope(values, costs)
    unit = "s a second of signal" if stage in PER_SECOND else "s a window"
    return {
        "axis": axis, "stage": stage, "unit": unit, "values": list(values), "costs": costs, "at_zero": at_zero,
        "slope": a_unit,
    }  # fmt: skip


def ends(base: dict[str, float], lines: list[dict[str, Any]], load: Load) -> dict[str, float]:
    """Where one core is full, by the measured costs and lines; the other sizes as in the base.

    Acquisition: filter, windows and journal of one stream (its reading thread). Worker: one process, one window after
    the other. Dispatcher and display: windows a second of all rigs together. A size that lies further than
    ``FURTHEST`` times the largest measured is given as that: the end lies beyond.
    """
    line = {(row["axis"], row["stage"]): row for row in lines}
    worker = sum(base[name] for name in WORKER)
    reader = base["feed"] + base["journal"]
    found = {
        "acquisition: cores at the base": reader,
        "worker: windows a second": 1.0 / worker,
        "dispatcher: windows a second": 1.0 / (base["dispatch"] + base["codec"]),
        "display: results a second": 1.0 / base["display"],
    }
    for axis, here in (("channels", load.channels), ("rate_hz", load.rate_hz), ("rsvp_hz", load.rsvp_hz)):
        felt = [line[axis, stage] for stage in ("feed", "journal") if (axis, stage) in line]
        slope = sum(row["slope"] for row in felt)
        # through what was measured at the base
        end = here + (1.0 - reader) / slope if slope > 0 else float("inf")
        found[f"acquisition: {axis}"] = min(end, FURTHEST * max(VALUES[axis]))
    search = line["gallery", "search"]
    room = 1.0 / load.rsvp_hz - (worker - base["search"])
    most = max(0.0, (room - search["at_zero"]) / search["slope"])
    found["worker: gallery, no index built"] = min(most, FURTHEST * max(VALUES["gallery"]))
    return found


def _two_workers(load: Load) -> dict[str, float]:
    """Rows a second of one decoder, of each of two at once, and what is left of the second."""
    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        sizes = Sizes(load.channels, load.rate_hz, load.encoder, load.dim, load.gallery)
        bundles = [str(path) for path in write_bundles(Path(place), sizes)]
        (alone,) = _decoders(bundles, 1)
        both = _decoders(bundles, 2)
    return {"one": alone, "two": sum(both), "times": sum(both) / alone}


def _decoders(bundles: list[str], count: int) -> list[float]:
    command = [sys.executable, "-m", "benchmarks.workers_alone", *bundles, "4", "16"]
    running = [
        subprocess.Popen(command, cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, stdout=subprocess.PIPE)
        for _ in range(count)
    ]
    try:
        written = [process.communicate(timeout=120.0)[0] for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    if any(process.returncode for process in running):
        raise ProcessError("a decoder failed; its words stand above")
    return [float(text.split()[1]) for text in written]


def _simulated(load: Load) -> dict[str, Any]:
    """Rigs x workers, by service times that are measured here one by one, pauses between them as live."""
    service = service_times(load)
    table = []
    for workers in WORKERS:
        for rigs in RIGS:
            one = simulate(rigs, workers, load.rsvp_hz, service)
            table.append({"rigs": rigs, "workers": workers, **asdict(one)})
    most = {str(workers): most_rigs(workers, load.rsvp_hz, service, wait_ms=WAIT_MS) for workers in WORKERS}
    spread = {f"p{q}": float(np.percentile(service, q) * 1e3) for q in (50, 95, 99)}
    return {"simulated": True, "service_ms": spread, "wait_ms": WAIT_MS, "most_rigs": most, "table": table}


def service_times(load: Load) -> list[float]:
    """Seconds of one window at a worker, codec included, each measured once after a pause: cold, as live."""
    from benchmarks.workers_alone import decoder

    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        sizes = Sizes(load.channels, load.rate_hz, load.encoder, load.dim, load.gallery)
        made = decoder(*(str(path) for path in write_bundles(Path(place), sizes)))
        found = []
        for _ in range(SERVICE_DRAWS):
            time.sleep(0.02)
            found.append(made.warm())
    return found


def _show(found: dict[str, Any]) -> None:
    console = printer()
    drawn = Table(title="cost of each stage as one size grows, processor ms", title_justify="left")
    for name in ("stage", "grows", "at", "ms", "at 0", "a unit more"):
        drawn.add_column(name)
    for row in found["stages"]:
        values = " / ".join(f"{value:g}" for value in row["values"])
        costs = " / ".join(f"{1e3 * value:.3g}" for value in row["costs"])
        unit = "a second" if "second" in row["unit"] else "a window"
        drawn.add_row(
            f"{row['stage']}, {unit}", row["axis"], values, costs, f"{1e3 * row['at_zero']:.3g}",
            f"{1e3 * row['slope']:.3g}",
        )  # fmt: skip
    console.print(drawn)
    limits = Table(title="where one core is full, the other sizes as in the base", title_justify="left")
    limits.add_column("what")
    limits.add_column("at", justify="right")
    furthest = {FURTHEST * max(values) for values in VALUES.values()}
    for name, value in found["ends"].items():
        beyond = "beyond " if value in furthest else ""
        limits.add_row(name, beyond + (f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"))
    console.print(limits)
    two, most = found["two_workers"], found["simulated"]["most_rigs"]
    service = ", ".join(f"{name} {value:.1f}" for name, value in found["simulated"]["service_ms"].items())
    for line in (
        f"decoder: one {two['one']:.0f} rows/s, two at once {two['two']:.0f}: {two['times']:.2f} times",
        f"simulated: most rigs by workers, 99 % waiting at most {WAIT_MS:g} ms: {most} (service, ms: {service})",
        machine_line(found["machine"]),
    ):
        console.print(line, highlight=False, markup=False)
