"""``eegseek bench high-rate``: live at the top of what people use: 128 channels, 2 kHz, 10 pictures a second.

Windows of 1 s overlap ten times. Real LSL and real processes; every window is counted, and acquisition's processor time
is read. The latencies are for information: `eegseek bench latency` measures them where they are promised.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import targets
from benchmarks.bundles import Sizes, write_bundles
from benchmarks.latency import ours_result
from benchmarks.latency_table import spreads
from benchmarks.machine import machine
from benchmarks.reporting import print_below, printer, write_json
from benchmarks.runs import LatencyOptions, run_ours

CORES = 0.40
"""Of acquisition, at most."""
GONE = ("lost", "doubled", "expired", "dropped", "failed", "missed")
COUNTED = ("due", "sent", "answered", "rejected", *GONE)
Say = Callable[[str], None]


@dataclass(frozen=True)
class HighRateOptions:
    """What is measured.

    Attributes
    ----------
    seconds
        Measured time; 1800 for the half hour of the promise.
    channels, rate_hz, rsvp_hz, chunk
        Of the stream; ``chunk`` samples are pushed at once.
    encoder, dim, gallery
        Of what answers.
    json
        Where the result is written, too.
    """

    seconds: float = 60.0
    channels: int = 128
    rate_hz: float = 2000.0
    rsvp_hz: float = 10.0
    chunk: int = 8
    encoder: str = "nice"
    dim: int = 1024
    gallery: int = 16_540
    seed: int = 0
    json: Path | None = None


def run_high_rate(options: HighRateOptions, say: Say | None = None) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Returns
    -------
    dict
        ``windows`` (of the whole run), ``latency_ms``, ``stages_ms``, ``cpu_cores``, ``targets``, ``machine``,
        ``options``.

    Raises
    ------
    ProcessError
        A process failed, or nothing was measured.
    """
    console = Console(stderr=True)
    say = say or (lambda words: console.print(words, highlight=False))
    sizes = Sizes(options.channels, options.rate_hz, options.encoder, options.dim, options.gallery)
    found: dict[str, Any] = {"benchmark": "high-rate", "machine": machine(), "options": described(options)}
    wanted = LatencyOptions(
        seconds=options.seconds, sizes=sizes, chunk=options.chunk, rsvp_hz=options.rsvp_hz, seed=options.seed
    )
    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        folder = Path(place)
        say("writing bundles")
        bundles = write_bundles(folder, sizes, options.seed)
        (folder / "ours").mkdir()
        found.update(ours_result(*run_ours(folder / "ours", bundles, wanted, _once(say)), options.rate_hz))
    windows, cores = found["windows"], found["cpu_cores"]
    found["targets"] = [
        *(targets.at_most(f"windows {name}", 0, windows.get(name, 0), "") for name in GONE),
        targets.at_most("acquisition", CORES, cores["acquisition"], "cores"),
    ]
    _show(found)
    write_json(found, options.json)
    return found


def described(options: HighRateOptions) -> dict[str, Any]:
    """Options as written in the JSON."""
    names = ("seconds", "channels", "rate_hz", "rsvp_hz", "chunk", "encoder", "dim", "gallery", "seed")
    return {name: getattr(options, name) for name in names}


def _once(say: Say) -> Callable[[str, float], None]:
    """Each phase is told once, the measuring every half minute."""
    told: list[tuple[str, int]] = []

    def tell(words: str, done: float) -> None:
        step = (words, int(done // 30))
        if step not in told:
            told.append(step)
            say(f"{words} ({done:.0f} s)" if done else words)

    return tell


def _show(found: dict[str, Any]) -> None:
    options = found["options"]
    title = (
        f"live: {options['channels']} ch, {options['rate_hz']:g} Hz, {options['rsvp_hz']:g} windows of 1 s a second, "
        f"{options['encoder']} {options['dim']}-d, gallery {options['gallery']}, {options['seconds']:g} s"
    )
    console = printer()
    console.print(spreads(title, {"added latency": found["latency_ms"], **found["stages_ms"]}, "ms"))
    counted = ", ".join(f"{name} {found['windows'].get(name, 0)}" for name in COUNTED)
    cores = ", ".join(f"{name} {value:.2f}" for name, value in found["cpu_cores"].items())
    print_below(console, found, (f"windows: {counted}", f"processor, cores: {cores}"))
