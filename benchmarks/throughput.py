"""``eegseek bench replay-speed``: how much faster than real time a recording of the size of THINGS-EEG2 is replayed.

Real processes: acquisition (source, journal, filters, windows), workers in ``throughput`` mode, a display. Measured
from the first sample read to the last committed answer, workers warm. Beside the speed: windows against those cut
offline and those of a replay at real time, answers against ``exact`` mode, memory over time, processor by process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import targets
from benchmarks.bundles import Sizes, write_bundles
from benchmarks.machine import machine
from benchmarks.reporting import print_below, printer, write_json
from benchmarks.throughput_check import agreement, hashes, offline, sent_hashes
from benchmarks.throughput_recording import Shape, write_recording
from benchmarks.throughput_run import Replay, Usage, replay
from wire.packets import Result

DIMS = {"eegproject": 512, "nice": 1024}
TARGET = 100.0
COSINE = 0.99999
FLAT_MIB = 20.0
"""Growth of a process' highest memory in the second half that still counts as flat: less than 7 kB a window."""
STAGES = (("cut", "sent"), ("sent", "received"), ("received", "embedded"), ("embedded", "searched"),
          ("searched", "committed"))  # fmt: skip
Say = Callable[[str], None]


@dataclass(frozen=True)
class ReplayOptions:
    """What is measured.

    Attributes
    ----------
    seconds
        Of the recording: 63 channels, 1 kHz, 5 pictures a second, as THINGS-EEG2.
    encoders
        Names in the registry.
    workers
        Counts of workers.
    channels
        Of the encoder's windows, the recording's first; the recording has its own.
    gallery
        Items.
    batch
        Windows that a worker takes at once.
    history
        Committed results that acquisition keeps for late displays: bounds its memory.
    check_s
        Length of the piece that is played at real time, too; 0 leaves that out.
    json
        Where the result is written, too.
    """

    seconds: float = 600.0
    encoders: tuple[str, ...] = ("eegproject", "nice")
    workers: tuple[int, ...] = (1, 2)
    channels: int = 63
    gallery: int = 16_540
    batch: int = 32
    history: int = 1000
    check_s: float = 16.0
    seed: int = 0
    json: Path | None = None

    @property
    def shape(self) -> Shape:
        """Of the recording."""
        return Shape(seconds=self.seconds)


def run_replay_speed(options: ReplayOptions, say: Say | None = None) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Returns
    -------
    dict
        ``runs`` (by encoder and workers: ``times_real_time``, ``seconds``, ``cores``, ``memory_mib``, ``stages_ms``,
        ``limited_by``, ``windows``, ``agreement``), ``same_windows``, ``targets``, ``machine``, ``options``.

    Raises
    ------
    ProcessError
        A process failed.
    """
    console = Console(stderr=True)
    say = say or (lambda words: console.print(words, highlight=False))
    found: dict[str, Any] = {"benchmark": "replay-speed", "machine": machine(), "options": described(options)}
    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        folder = Path(place)
        say("writing the recording")
        write_recording(folder / "recording", options.shape, options.seed)
        found["runs"] = []
        for name in options.encoders:
            found["runs"] += _encoder(folder, name, options, say)
        found["same_windows"] = _windows(folder, options, say)
    found["targets"] = _targets(found, options)
    _show(found)
    write_json(found, options.json)
    return found


def described(options: ReplayOptions) -> dict[str, Any]:
    """Options as written in the JSON."""
    shape = options.shape
    return {
        "channels": shape.channels, "rate_hz": shape.rate_hz, "seconds": shape.seconds, "rsvp_hz": shape.rsvp_hz,
        "encoder_channels": options.channels, "encoders": list(options.encoders), "workers": list(options.workers),
        "gallery": options.gallery, "batch": options.batch, "history": options.history, "seed": options.seed,
    }  # fmt: skip


def _encoder(folder: Path, name: str, options: ReplayOptions, say: Say) -> list[dict[str, Any]]:
    """Runs of one encoder; its answers are compared with those of ``exact`` mode on windows cut offline."""
    here = folder / name
    here.mkdir()
    bundles = write_bundles(here, _sizes(name, options), options.seed)
    runs, best = [], None
    for count in options.workers:
        words = f"{name}, {count} worker{'s' * (count > 1)}"
        place = here / f"workers-{count}"
        place.mkdir()
        one = replay(
            place, bundles, folder / "recording", workers=count, batch=options.batch, history=options.history,
            say=lambda what, words=words: say(f"{words}: {what}"),  # type: ignore[misc]
        )  # fmt: skip
        best = one if best is None or one.took_s < best.took_s else best
        runs.append({"encoder": name, "workers": count, **_figures(one, options.shape.seconds)})
    say(f"{name}: comparing with exact mode")
    lowest, same = _agreement(folder / "recording", bundles, [] if best is None else best.results)
    return [{**run, "lowest_cosine": lowest, "same_items": same} for run in runs]


def _sizes(name: str, options: ReplayOptions) -> Sizes:
    return Sizes(
        channels=options.channels, rate_hz=options.shape.rate_hz, encoder=name, dim=DIMS.get(name, 512),
        gallery=options.gallery,
    )  # fmt: skip


def _agreement(recording: Path, bundles: tuple[Path, Path], results: list[Result]) -> tuple[float, bool]:
    from config.settings import InferenceSettings
    from inference.loading import load_decoder

    settings = InferenceSettings(encoder=str(bundles[0]), gallery=str(bundles[1]), device="cpu", mode="exact")
    return agreement(results, load_decoder(settings, "exact"), offline(recording, bundles[0]))


def _figures(one: Replay, seconds: float) -> dict[str, Any]:
    cores = one.cores()
    stages = {}
    for first, second in STAGES:
        spent = [1e3 * (getattr(r.stamps, second) - getattr(r.stamps, first)) for r in one.results]
        stages[f"{first}_to_{second}"] = {"p50": float(np.median(spent)), "p95": float(np.percentile(spent, 95))}
    batches = np.unique([(r.worker, r.stamps.embedded) for r in one.results], axis=0)
    return {
        "times_real_time": seconds / one.took_s,
        "seconds": one.took_s,
        "windows_a_second": len(one.results) / one.took_s,
        "cores": {**cores, "total": sum(cores.values())},
        "limited_by": max(cores, key=lambda name: cores[name]),
        "mean_batch": len(one.results) / max(1, len(batches)),
        "memory_mib": {name: memory(rows, one.began_s, one.ended_s) for name, rows in one.usage.items()},
        "stages_ms": stages,
        "windows": one.report["windows"],
    }


def memory(rows: list[Usage], began_s: float, ended_s: float) -> dict[str, float]:
    """Resident memory of a process: the highest in each half of a run, and by how much that of the second is higher.

    What is held rises and falls with the queues; what leaks shows in the highest. The first tenth is left out.

    Parameters
    ----------
    rows
        (moment, processor seconds, MiB) in time.
    began_s, ended_s
        Of the run.
    """
    length = ended_s - began_s

    def highest(low: float, high: float) -> float:
        return max((row[2] for row in rows if low <= (row[0] - began_s) / length <= high), default=0.0)

    first, second = highest(0.1, 0.55), highest(0.55, 1.0)
    return {"first_half": first, "second_half": second, "growth": second - first}


def _windows(folder: Path, options: ReplayOptions, say: Say) -> dict[str, Any]:
    """Windows that acquisition sends, whole and as fast as it goes, and a piece of them at real time, by hash."""
    bundles = (folder / options.encoders[0] / "encoder", folder / options.encoders[0] / "gallery")
    say("hashing every window that is sent")
    wanted = hashes(offline(folder / "recording", bundles[0]))
    direct = sent_hashes(folder / "recording", bundles, 0.0, 300.0)
    found: dict[str, Any] = {"windows": len(wanted), "direct_equals_offline": direct == wanted}
    if options.check_s:
        say(f"playing {options.check_s:g} s at real time")
        piece = folder / "piece"
        count = write_recording(piece, replace(options.shape, seconds=options.check_s), options.seed)
        paced, quick = (sent_hashes(piece, bundles, speed, options.check_s + 60.0) for speed in (1.0, 0.0))
        found.update(real_time_windows=len(paced), real_time_equals_direct=paced == quick and len(paced) == count)
    return found


def _targets(found: dict[str, Any], options: ReplayOptions) -> list[targets.Target]:
    wanted = []
    for name in options.encoders:
        runs = [run for run in found["runs"] if run["encoder"] == name]
        best = max(run["times_real_time"] for run in runs)
        if name == "eegproject":
            wanted.append(targets.at_least("direct replay, eegproject", TARGET, best, "× real time"))
        lost = sum(run["windows"]["lost"] + run["windows"]["doubled"] for run in runs)
        growth = max(m["growth"] for run in runs for m in run["memory_mib"].values())
        wanted += [
            targets.at_least(
                f"throughput mode beside exact, {name}: lowest cosine", COSINE, runs[0]["lowest_cosine"], ""
            ),
            targets.holds(f"throughput mode beside exact, {name}: same items", runs[0]["same_items"]),
            targets.at_most(f"direct replay, {name}: windows lost or doubled", 0, lost, ""),
            targets.at_most(f"direct replay, {name}: memory growth in the second half", FLAT_MIB, growth, "MiB"),
        ]
    same = found["same_windows"]
    wanted.append(targets.holds("windows of direct replay = offline", same["direct_equals_offline"]))
    if "real_time_equals_direct" in same:
        wanted.append(targets.holds("windows of direct replay = real time", same["real_time_equals_direct"]))
    return wanted


def _show(found: dict[str, Any]) -> None:
    options = found["options"]
    title = (
        f"direct replay: {options['channels']} ch, {options['rate_hz']:g} Hz, {options['rsvp_hz']:g} windows a second "
        f"of two rows, {options['seconds']:g} s; gallery {options['gallery']}, batches of {options['batch']}"
    )
    drawn = Table(title=title, title_justify="left")
    for name in ("encoder", "workers", "× real time", "windows/s", "mean batch", "limited by"):
        drawn.add_column(name, justify="right")
    lines = []
    for run in found["runs"]:
        times, rate, batch = (f"{run[name]:.1f}" for name in ("times_real_time", "windows_a_second", "mean_batch"))
        drawn.add_row(run["encoder"], str(run["workers"]), times, rate, batch, run["limited_by"])
        cores = ", ".join(f"{name} {value:.2f}" for name, value in run["cores"].items())
        memories = ", ".join(
            f"{name} {m['second_half']:.0f} ({m['growth']:+.1f})" for name, m in run["memory_mib"].items()
        )
        lines += [
            f"{run['encoder']} x {run['workers']}: cores {cores}",
            f"  highest MiB in the second half (more than in the first): {memories}",
        ]
    console = printer()
    console.print(drawn)
    print_below(console, found, lines)
