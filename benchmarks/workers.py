"""``eegseek bench workers``: rows a second through real workers over ZeroMQ, and by the decoder alone.

A dispatcher without a pipeline sends windows made beforehand, each worker as many as its credit allows, and counts the
results of a measured time. A window is two rows: the single trial and the running average.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zmq
from rich.console import Console
from rich.table import Table

from benchmarks import targets
from benchmarks.bundles import WINDOW, Sizes, channel_names, write_bundles
from benchmarks.machine import machine, machine_line
from benchmarks.processes import Processes
from benchmarks.reporting import printer, write_json
from benchmarks.workers_feed import START_S, Feeder
from config.errors import ProcessError
from config.settings import InferenceSettings, RunSettings, SessionSettings, Settings
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Window
from wire.sockets import bind, make

KINDS = 64
"""Different windows that are sent, in turn: their bytes are made once."""
ROOT = Path(__file__).resolve().parents[1]
Say = Callable[[str], None]


@dataclass(frozen=True)
class Case:
    """An encoder of a size, and the rows a second that two workers are to reach."""

    encoder: str
    channels: int
    dim: int
    target: float


CASES = (
    Case("eegproject", 17, 512, 2000.0),
    Case("eegproject", 63, 512, 2000.0),
    Case("nice", 63, 1024, 800.0),
)


@dataclass(frozen=True)
class WorkersOptions:
    """What is measured.

    Attributes
    ----------
    cases
        Encoders and sizes.
    workers
        Counts of workers; the targets are for the last.
    gallery
        Items.
    batch
        Windows that a worker takes at once.
    batches
        Batches at which the decoder alone is measured.
    seconds
        Measured time of each.
    json
        Where the result is written, too.
    """

    cases: tuple[Case, ...] = CASES
    workers: tuple[int, ...] = (1, 2)
    gallery: int = 16_540
    batch: int = 32
    batches: tuple[int, ...] = (1, 4, 16, 32, 64)
    seconds: float = 10.0
    seed: int = 0
    json: Path | None = None


def run_workers(options: WorkersOptions, say: Say | None = None) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Returns
    -------
    dict
        ``cases``: a row each with ``rows_a_second`` by workers, ``cores`` and ``mean_batch`` by workers, and
        ``decoder_rows_a_second`` by batch; ``targets``, ``machine``, ``options``.

    Raises
    ------
    ProcessError
        A worker failed or did not become ready.
    """
    console = Console(stderr=True)
    say = say or (lambda words: console.print(words, highlight=False))
    described = {
        "workers": list(options.workers), "gallery": options.gallery, "batch": options.batch,
        "batches": list(options.batches), "seconds": options.seconds, "seed": options.seed,
    }  # fmt: skip
    found: dict[str, Any] = {"benchmark": "workers", "machine": machine(), "options": described, "cases": []}
    for case in options.cases:
        with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
            found["cases"].append(_case(Path(place), case, options, say))
    count = options.workers[-1]
    found["targets"] = [
        targets.at_least(f"{count} workers, {_name(row)}", row["target"], row["rows_a_second"][str(count)], "rows/s")
        for row in found["cases"]
    ]
    _show(found)
    write_json(found, options.json)
    return found


def _name(row: dict[str, Any]) -> str:
    return f"{row['encoder']} {row['channels']} x {WINDOW.n_times} -> {row['dim']}"


def _case(folder: Path, case: Case, options: WorkersOptions, say: Say) -> dict[str, Any]:
    sizes = Sizes(channels=case.channels, encoder=case.encoder, dim=case.dim, gallery=options.gallery)
    bundles = write_bundles(folder, sizes, options.seed)
    row: dict[str, Any] = {
        "encoder": case.encoder, "channels": case.channels, "dim": case.dim, "target": case.target,
        "rows_a_second": {}, "cores": {}, "mean_batch": {}, "decoder_rows_a_second": {},
    }  # fmt: skip
    for count in options.workers:
        say(f"{_name(row)}: {count} worker{'s' * (count > 1)} over ZeroMQ")
        rate, cores, batch = _served(folder / f"workers-{count}", bundles, case, count, options)
        row["rows_a_second"][str(count)], row["cores"][str(count)], row["mean_batch"][str(count)] = rate, cores, batch
    say(f"{_name(row)}: decoder alone")
    row["decoder_rows_a_second"] = _alone(folder, bundles, options)
    return row


def _served(
    folder: Path, bundles: tuple[Path, Path], case: Case, count: int, options: WorkersOptions
) -> tuple[float, dict[str, float], float]:
    """Rows a second, cores by process, mean batch."""
    folder.mkdir()
    names = [f"worker-{k + 1}" for k in range(count)]
    with (
        tempfile.TemporaryDirectory(prefix="eegseek-") as run,
        Processes(folder / "logs") as processes,
        zmq.Context() as context,
        make(context, zmq.ROUTER) as socket,
    ):
        settings = Settings(
            session=SessionSettings(name="bench"),
            inference=InferenceSettings(
                encoder=str(bundles[0]), gallery=str(bundles[1]), device="cpu", mode="throughput", batch=options.batch
            ),
            run=RunSettings(folder=run),
        )
        config = folder / "settings.json"
        config.write_text(settings.model_dump_json(), "utf-8")
        bind(socket, endpoints(run).work)
        for name in names:
            processes.start(name, "inference", "--config", str(config), "--name", name)
        feeder = Feeder(socket, _windows(case, options.seed), processes)
        feeder.greet(names)
        feeder.serve(min(2.0, options.seconds))  # caches, and queues that fill
        before, began, feeder.results = processes.cpu_s(names), now(), []
        feeder.serve(options.seconds)
        after, ended = processes.cpu_s(names), now()
        cores = {name: (after[name] - before[name]) / (ended - began) for name in names}
        for name in names:
            processes.terminate(name)
    if not feeder.results:
        raise ProcessError("the workers gave no answer in the measured time; see why they are slow")
    rows = sum(result.versions for result in feeder.results)
    calls = len({(result.worker, result.stamps.embedded) for result in feeder.results})
    return rows / (ended - began), cores, len(feeder.results) / calls


def _windows(case: Case, seed: int) -> list[Window]:
    rng = np.random.default_rng(seed)
    names = channel_names(case.channels)
    return [
        Window(
            session="bench", segment=0, sequence=k, stimulus=f"item-{k}", onset_s=0.2 * k, first_sample_offset_s=0.0,
            sampling_rate_hz=WINDOW.rate_hz, channels=names, versions=2, times=WINDOW.n_times, repeats=4,
            data=10 * rng.standard_normal((2, len(names), WINDOW.n_times), dtype=np.float32),
        )
        for k in range(KINDS)
    ]  # fmt: skip


def _alone(folder: Path, bundles: tuple[Path, Path], options: WorkersOptions) -> dict[str, float]:
    """Rows a second of the decoder without sockets by batch, in a process of its own."""
    arguments = [str(bundles[0]), str(bundles[1]), str(options.seconds / 2), *map(str, options.batches)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.workers_alone", *arguments],
        cwd=ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True,
        timeout=START_S + 2 * options.seconds * len(options.batches),
    )  # fmt: skip
    if done.returncode:
        raise ProcessError(f"the decoder alone failed: {(done.stderr.strip().splitlines() or ['no words'])[-1]}")
    return {batch: float(rate) for batch, rate in (line.split() for line in done.stdout.splitlines())}


def _show(found: dict[str, Any]) -> None:
    options = found["options"]
    title = f"rows a second; gallery {options['gallery']}, batches of {options['batch']} windows, a window is two rows"
    drawn = Table(title=title, title_justify="left")
    drawn.add_column("encoder")
    for count in options["workers"]:
        drawn.add_column(f"{count} worker{'s' * (count > 1)}", justify="right")
    for batch in options["batches"]:
        drawn.add_column(f"alone, {batch}", justify="right")
    lines = []
    for row in found["cases"]:
        served = [f"{row['rows_a_second'][str(count)]:.0f}" for count in options["workers"]]
        alone = [f"{row['decoder_rows_a_second'][str(batch)]:.0f}" for batch in options["batches"]]
        drawn.add_row(_name(row), *served, *alone)
        cores = {count: round(sum(one.values()), 2) for count, one in row["cores"].items()}
        means = {count: round(one, 1) for count, one in row["mean_batch"].items()}
        lines.append(f"{_name(row)}: cores by workers {cores}, mean batch {means}")
    console = printer()
    console.print(drawn)
    for line in lines:
        console.print(line, highlight=False, markup=False)
    console.print(targets.table(found["targets"]))
    console.print(machine_line(found["machine"]), highlight=False, markup=False)
