"""``eegseek bench dashboard``: what the dashboard costs, and how soon its viewers see what happens.

One live run of real processes over LSL, in phases: without a dashboard, with one that nobody looks at, with one viewer
(Signal, the costly page), with three (Signal, Live, Evoked), and without again. The viewers are a real Chromium on the
same machine, drawing by software where there is no graphics card: what it takes from the pipeline is in the latencies,
and its processor time is told beside the server's.
"""

from __future__ import annotations

import json
import socket
import tempfile
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import targets
from benchmarks.bundles import Sizes, write_bundles
from benchmarks.dashboard_viewers import COUNT, LAGS, Viewers
from benchmarks.latency_table import spreads
from benchmarks.machine import machine
from benchmarks.processes import Processes
from benchmarks.reporting import print_below, printer, write_json
from benchmarks.runs import START_S, LatencyOptions, Stage
from config.errors import ProcessError
from config.settings import DashboardSettings, InferenceSettings, LslSource, RunSettings, SessionSettings, Settings
from display.latency import durations, spread
from wire.clock import now
from wire.packets import Stamps

SERVER_CORES = 0.25
FIRST_PAINT_S = 2.0
LAG_MS = 100.0
FRAMES_HZ = 10.0
SLOWER_MS = 1.0
"""Median latency with the dashboard, nobody looking, over that without: at most."""
OURS = ("acquisition", "inference", "display")
ROOM_S = 150.0
"""Of signal beyond the phases: for browsers to open on a slow machine."""
SETTLE_S = 2.0
POLL_S = 0.1
PHASES = ("without", "nobody looks", "one viewer", "three viewers", "without again")
Say = Callable[[str], None]


@dataclass(frozen=True)
class DashboardOptions:
    """What is measured.

    Attributes
    ----------
    seconds
        Of each phase.
    sizes, chunk, rsvp_hz
        Of the stream and of what answers.
    json
        Where the result is written, too.
    """

    seconds: float = 20.0
    sizes: Sizes = field(default_factory=lambda: Sizes(rate_hz=250.0, encoder="eegproject"))
    chunk: int = 4
    rsvp_hz: float = 5.0
    seed: int = 0
    json: Path | None = None


def run_dashboard(options: DashboardOptions, say: Say | None = None) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Returns
    -------
    dict
        ``phases`` (by name: ``latency_ms``, ``cores`` by process, the server's as ``dashboard``, and ``browser``),
        ``opened`` (by viewer: first_paint_s, content_s), ``lag_ms`` (from a result's commit to its pixels, measured in
        the page), ``signal`` (frames_hz, packets_hz, main_thread), ``windows``, ``targets``, ``machine``, ``options``.

    Raises
    ------
    ProcessError
        A process failed, Chromium or Playwright is missing, or nothing was measured.
    """
    console = Console(stderr=True)
    say = say or (lambda words: console.print(words, highlight=False))
    found: dict[str, Any] = {"benchmark": "dashboard", "machine": machine(), "options": described(options)}
    with tempfile.TemporaryDirectory(prefix="eegseek-bench-") as place:
        folder = Path(place)
        say("writing bundles")
        bundles = write_bundles(folder, options.sizes, options.seed)
        found.update(_Run(folder, bundles, options, say).measure())
    found["targets"] = aims(found)
    show(found)
    write_json(found, options.json)
    return found


def described(options: DashboardOptions) -> dict[str, Any]:
    """Options as written in the JSON."""
    sizes = options.sizes
    return {
        "seconds": options.seconds, "channels": sizes.channels, "rate_hz": sizes.rate_hz, "encoder": sizes.encoder,
        "gallery": sizes.gallery, "rsvp_hz": options.rsvp_hz, "chunk": options.chunk, "seed": options.seed,
    }  # fmt: skip


def aims(found: dict[str, Any]) -> list[targets.Target]:
    """What was aimed at, and what was reached."""
    phases = found["phases"]
    plain = [phases[name]["latency_ms"]["p50"] for name in ("without", "without again")]
    slower = phases["nobody looks"]["latency_ms"]["p50"] - max(plain)
    served = {name: phases[name]["cores"]["dashboard"] for name in ("one viewer", "three viewers")}
    painted = max(one["first_paint_s"] for one in found["opened"].values())
    windows = found["windows"]
    return [
        *(targets.at_most(f"server, {name}", SERVER_CORES, value, "cores") for name, value in served.items()),
        targets.at_most("first paint, slowest page", FIRST_PAINT_S, painted, "s"),
        targets.at_most("result to pixels, p95", LAG_MS, found["lag_ms"]["p95"], "ms"),
        targets.at_least("frames of Signal", FRAMES_HZ, found["signal"]["frames_hz"], "Hz"),
        targets.at_most("median latency over that without", SLOWER_MS, round(slower, 3), "ms"),
        targets.at_most("windows lost or doubled", 0, windows["lost"] + windows["doubled"], ""),
    ]


class _Run:
    """One run of the pipeline, and what was seen of it."""

    def __init__(self, folder: Path, bundles: tuple[Path, Path], options: DashboardOptions, say: Say):
        self.folder = folder
        self.options = options
        self.say = say
        pictures_s = len(PHASES) * (options.seconds + SETTLE_S) + ROOM_S
        shown = LatencyOptions(seconds=pictures_s, sizes=options.sizes, chunk=options.chunk, rsvp_hz=options.rsvp_hz)
        self.stage = Stage(folder, shown, lambda words, done: None)
        self.trace, self.report, self.config = folder / "trace.jsonl", folder / "report.json", folder / "settings.json"
        self.port = _free_port()
        run = folder / "run"
        run.mkdir(mode=0o700)
        name = self.stage.name
        settings = Settings(
            session=SessionSettings(name="bench", folder=str(folder / "sessions"), bids=False),
            source=LslSource(name=name, marker_name=f"{name}-markers", wait_s=START_S),
            inference=InferenceSettings(encoder=str(bundles[0]), gallery=str(bundles[1]), device="cpu", spare=False),
            dashboard=DashboardSettings(port=self.port),
            run=RunSettings(folder=str(run)),
        )
        self.config.write_text(settings.model_dump_json())
        self.spans: dict[str, tuple[float, float]] = {}
        self.cores: dict[str, dict[str, float]] = {}
        self.opened: dict[str, dict[str, float]] = {}

    def measure(self) -> dict[str, Any]:
        """Run all phases."""
        with Processes(self.folder / "logs") as processes, Viewers(f"http://127.0.0.1:{self.port}") as viewers:
            self._begin(processes)
            self._phase("without", processes)
            self.say("starting the dashboard")
            processes.start("dashboard", "display.dashboard", "--config", str(self.config))
            self._until(processes, lambda: "dashboard: http" in _log(processes, "dashboard"), "the dashboard to start")
            self._phase("nobody looks", processes, "dashboard")
            self.opened["Signal"] = viewers.open("signal", "/signal")
            self._phase("one viewer", processes, "dashboard", viewers)
            self.opened["Live"] = viewers.open("live", "/")
            self.opened["Evoked"] = viewers.open("evoked", "/evoked")
            before, seen = viewers.ask("signal", COUNT), len(viewers.ask("live", LAGS))
            self._phase("three viewers", processes, "dashboard", viewers)
            after, lags = viewers.ask("signal", COUNT), viewers.ask("live", LAGS)[seen:]
            browser = viewers.version
            viewers.close()
            processes.terminate("dashboard")
            self._until(processes, lambda: processes.ended("dashboard"), "the dashboard to end")
            self._phase("without again", processes)
            processes.terminate("acquisition")
            self._until(processes, lambda: processes.ended("display"), "the run to end")
        rows = [json.loads(line) for line in self.trace.read_text().splitlines()]
        return {
            "phases": {name: {"latency_ms": self._latency(rows, name), "cores": self.cores[name]} for name in PHASES},
            "opened": self.opened,
            "lag_ms": spread([float(lag) for lag in lags]).table,
            "signal": _rates(before, after),
            "windows": json.loads(self.report.read_text())["windows"],
            "browser": browser,
        }

    def _begin(self, processes: Processes) -> None:
        """Start the run, and wait for its first answers."""
        processes.start("inference", "inference", "--config", str(self.config))
        shown = ["--headless", "--trace", str(self.trace), "--report", str(self.report)]
        processes.start("display", "display", "--config", str(self.config), *shown)
        self.stage.start_outlet(processes)
        processes.start("acquisition", "acquisition", "--config", str(self.config))
        self.say("settling")
        there = lambda: self.trace.is_file() and self.trace.stat().st_size > 0  # noqa: E731
        self._until(processes, there, "the first answer", START_S + self.stage.source.lead_s)

    def _phase(
        self, name: str, processes: Processes, server: str | None = None, viewers: Viewers | None = None
    ) -> None:
        """Let the run go on for a while, and see what it took."""
        time.sleep(SETTLE_S)
        self.say(f"measuring: {name}")
        watched = [*OURS, *([server] if server else [])]
        begin_s, before, browser = now(), processes.cpu_s(watched), viewers.cpu_s() if viewers else 0.0
        while now() - begin_s < self.options.seconds:
            processes.check()
            if viewers is not None:  # its own loop must run, or what the pages say piles up
                next(iter(viewers.pages.values())).wait_for_timeout(100)
            else:
                time.sleep(POLL_S)
        after, took_s = processes.cpu_s(watched), now() - begin_s
        self.spans[name] = (begin_s, begin_s + took_s)
        self.cores[name] = {one: round((after[one] - before[one]) / took_s, 4) for one in watched}
        if viewers is not None:
            self.cores[name]["browser"] = round((viewers.cpu_s() - browser) / took_s, 4)

    def _latency(self, rows: Iterable[dict[str, Any]], name: str) -> dict[str, Any]:
        """From the stamp of the last needed sample to the terminal's display, of what was shown in a phase."""
        begin_s, end_s = self.spans[name]
        stamps = [Stamps(**row["stamps"]) for row in rows if begin_s <= row["stamps"]["shown"] < end_s]
        if not stamps:
            raise ProcessError(f"no result fell into the phase '{name}'; measure longer")
        return spread([durations(one)["total"] for one in stamps]).table

    def _until(self, processes: Processes, condition: Callable[[], bool], what: str, limit_s: float = START_S) -> None:
        deadline = now() + limit_s
        while not condition():
            processes.check()
            if now() > deadline:
                words = "; ".join(f"{name}: {processes.last_words(name)}" for name in processes.running)
                raise ProcessError(f"the benchmark waited {limit_s:g} s in vain for {what} ({words})")
            time.sleep(POLL_S)


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    options, console = found["options"], printer()
    title = (
        f"dashboard: {options['channels']} ch, {options['rate_hz']:g} Hz, RSVP {options['rsvp_hz']:g} Hz, "
        f"{options['encoder']}, gallery {options['gallery']}, {options['seconds']:g} s a phase; latency to the terminal"
    )
    console.print(spreads(title, {name: phase["latency_ms"] for name, phase in found["phases"].items()}, "ms"))
    table = Table(title="processor, cores", title_justify="left")
    columns = (*OURS, "dashboard", "browser")
    for name in ("", *columns):
        table.add_column(name, justify="right" if name else "left")
    for name, phase in found["phases"].items():
        table.add_row(name, *(f"{phase['cores'][one]:.3f}" if one in phase["cores"] else "–" for one in columns))
    console.print(table)
    opened = "; ".join(
        f"{name}: first paint {one['first_paint_s']:.2f} s, content {one['content_s']:.2f} s"
        for name, one in found["opened"].items()
    )
    lag, signal = found["lag_ms"], found["signal"]
    told = "no result was seen" if lag["p50"] is None else f"p50 {lag['p50']:.0f} ms, p95 {lag['p95']:.0f} ms"
    lines = (
        opened,
        f"result to pixels: {told} ({lag['n']} results)",
        f"Signal: {signal['frames_hz']:.1f} frames a second of {signal['packets_hz']:.1f} packets, "
        f"{signal['main_thread']:.1%} of the page's thread; {found['browser']}",
    )
    print_below(console, found, lines)


def _rates(before: dict[str, float], after: dict[str, float]) -> dict[str, float]:
    """Frames and packets a second, and the share of the page's main thread, between two counts."""
    seconds = (after["now"] - before["now"]) / 1e3
    return {
        "frames_hz": round((after["frames"] - before["frames"]) / seconds, 2),
        "packets_hz": round((after["packets"] - before["packets"]) / seconds, 2),
        "main_thread": round((after["busy_ms"] - before["busy_ms"]) / seconds / 1e3, 4),
    }


def _log(processes: Processes, name: str) -> str:
    return (processes.logs / f"{name}.log").read_text(errors="replace")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
