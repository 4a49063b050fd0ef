"""How long a network takes to train, and how much memory: data of THINGS-EEG2's size, drawn at random."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from acquisition.account import Account
from acquisition.offline import Epochs
from acquisition.plan import Plan
from acquisition.types import StreamInfo
from benchmarks.machine import machine, machine_line
from config.bundles import Item
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings
from inference.gallery import Gallery, write_gallery
from training.request import TrainRequest
from training.train import train
from training.trials.epochs import Progress, silent

TARGET_S, TARGET_GIB, TARGET_GPU_S = 180.0, 4.0, 20.0
"""On two processor cores, and on a GPU."""


@dataclass(frozen=True)
class Sizes:
    """Of the data and the fit."""

    stimuli: int = 16540
    repeats: int = 1
    channels: int = 17
    times: int = 250
    dim: int = 512
    epochs: int = 50
    batch: int = 1024


def train_speed(
    sizes: Sizes | None = None,
    *,
    encoder: str = "eegproject",
    threads: int = 0,
    device: str = "auto",
    precision: str = "auto",
    json_path: Path | None = None,
    console: Console | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Train an encoder on noise, from epochs to bundle, and tell time and memory.

    Parameters
    ----------
    sizes
        None: those of the project's target.
    encoder, threads, device, precision
        As in `training.request.TrainRequest`.
    json_path
        Write the figures here too.
    console
        Where to draw the table.
    progress
        Told after each pass.

    Returns
    -------
    dict
        ``wall_s``, ``cpu_s`` of the whole training, ``fit_s`` of its passes, ``peak_gib`` of the process, and the
        machine as it was before.
    """
    sizes, before = sizes or Sizes(), machine()
    with tempfile.TemporaryDirectory(prefix="eegseek-train-") as folder:
        request = _request(Path(folder), sizes, encoder, threads, device, precision)
        wall, cpu = time.perf_counter(), time.process_time()
        spec = train(request, progress)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        lines = (Path(folder) / "run" / "metrics.csv").read_text().splitlines()
    seconds = [float(line.rpartition(",")[2]) for line in lines[1:]]
    found = {
        "encoder": encoder,
        **asdict(sizes),
        "device": spec.training["device"],
        "precision": precision,
        "threads": threads or 1,
        "wall_s": round(wall, 2),
        "cpu_s": round(cpu, 2),
        "fit_s": round(sum(seconds), 2),
        "peak_gib": round(_peak_gib(), 2),
        "machine": before,
    }
    (console or Console()).print(heading(found), table(found), machine_line(before), sep="\n", soft_wrap=True)
    if json_path:
        json_path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    return found


def heading(found: dict[str, Any]) -> str:
    """What was trained, in one line."""
    shape = f"{found['channels']} x {found['times']} -> {found['dim']}"
    return (
        f"{found['encoder']}, {found['stimuli'] * found['repeats']} trials of {shape}, {found['epochs']} passes, "
        f"batch {found['batch']}, {found['device']}, {found['threads']} thread(s)"
    )


def table(found: dict[str, Any]) -> Table:
    """The figures beside the targets."""
    drawn = Table()
    for column in ("", "measured", "target"):
        drawn.add_column(column)
    limit = TARGET_GPU_S if found["device"] == "cuda" else TARGET_S
    drawn.add_row("passes, s", f"{found['fit_s']:.1f}", f"{limit:.0f}")
    drawn.add_row("epochs to bundle, s", f"{found['wall_s']:.1f}", "")
    drawn.add_row("processor time, s", f"{found['cpu_s']:.1f}", "")
    drawn.add_row("peak memory, GiB", f"{found['peak_gib']:.2f}", f"{TARGET_GIB:.0f}")
    return drawn


def _request(folder: Path, sizes: Sizes, encoder: str, threads: int, device: str, precision: str) -> TrainRequest:
    """Noise towards random vectors; memory and arithmetic are those of true data."""
    rng = np.random.default_rng(0)
    ids = [f"{k:05d}" for k in range(sizes.stimuli)]
    vectors = rng.standard_normal((sizes.stimuli, sizes.dim), dtype=np.float32)
    write_gallery(folder / "gallery", [Item(id=i, label=i) for i in ids], vectors, space="random", model="random")
    channels = tuple(f"E{k}" for k in range(sizes.channels))
    window = WindowSettings(start_s=0.0, end_s=sizes.times / 250.0, rate_hz=250.0)
    return TrainRequest(
        epochs=(_noise(ids * sizes.repeats, channels, sizes.times, rng),),
        gallery=Gallery.load(folder / "gallery"),
        encoder=encoder,
        out=folder / "bundle",
        plan=Plan(ChainSettings(channels=channels), window, RejectionSettings(), MarkerSettings()),
        epochs_max=sizes.epochs,
        batch=sizes.batch,
        learning_rate=1e-4,
        average="averaged",
        validation="none",
        patience=None,
        device=device,
        precision=precision,
        threads=threads,
        run=folder / "run",
    )


def _noise(labels: list[str], channels: tuple[str, ...], times: int, rng: np.random.Generator) -> Epochs:
    count = len(labels)
    return Epochs(
        data=rng.standard_normal((count, 1, len(channels), times), dtype=np.float32),
        labels=tuple(labels),
        onsets_s=np.linspace(0, 0.2 * count, count),
        repeats=np.ones(count, np.int64),
        sequences=np.arange(count),
        refused=[],
        missed=[],
        account=Account(),
        info=StreamInfo("noise", "recording", 250.0, channels),
        channels=channels,
    )


def _peak_gib() -> float:
    """Largest resident size of this process so far; Linux counts in KiB, macOS in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**30 if sys.platform == "darwin" else 2**20)
