"""One direct replay with real processes: acquisition, workers, a display; the time, processor and memory it took."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from acquisition import journal
from benchmarks.processes import Processes
from config.errors import ProcessError
from config.settings import DispatchSettings, InferenceSettings, RecordingSource, RunSettings, SessionSettings, Settings
from wire.clock import now
from wire.packets import Result, Status

SAMPLE_S = 0.05
START_S = 60.0
"""How long workers may take to be ready."""
LIMIT_S = 300.0
Say = Callable[[str], None]
Usage = tuple[float, float, float]
"""(moment, processor seconds so far, resident MiB)."""


@dataclass(frozen=True)
class Replay:
    """What one replay left.

    Attributes
    ----------
    began_s, ended_s
        When reading began and the last result was committed, acquisition's clock.
    results
        As journalled, in the order committed.
    usage
        By process, sampled every ``SAMPLE_S``.
    report
        Of the display.
    """

    began_s: float
    ended_s: float
    results: list[Result]
    usage: dict[str, list[Usage]]
    report: dict[str, Any]

    @property
    def took_s(self) -> float:
        """From the first sample to the last committed answer, seconds."""
        return self.ended_s - self.began_s

    def cores(self) -> dict[str, float]:
        """Processor seconds a second while it played, by process."""
        found = {}
        for name, rows in self.usage.items():
            inside = [row for row in rows if self.began_s <= row[0] <= self.ended_s + SAMPLE_S]
            found[name] = (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0]) if len(inside) > 1 else 0.0
        return found


def replay(
    folder: Path,
    bundles: tuple[Path, Path],
    recording: Path,
    *,
    workers: int,
    batch: int,
    history: int,
    mode: str = "throughput",
    say: Say = lambda words: None,
) -> Replay:
    """Replay a recording as fast as it goes, once every worker is warm.

    Raises
    ------
    ProcessError
        A process failed, or took too long.
    """
    names = [f"worker-{k + 1}" for k in range(workers)]
    with tempfile.TemporaryDirectory(prefix="eegseek-") as run, Processes(folder / "logs") as processes:
        settings = Settings(
            session=SessionSettings(name="replay", folder=str(folder / "sessions")),
            source=RecordingSource(file=str(recording), speed=0.0),
            dispatch=DispatchSettings(policy="block", history=history),
            inference=InferenceSettings.model_validate(
                {"encoder": str(bundles[0]), "gallery": str(bundles[1]), "device": "cpu", "mode": mode,
                 "batch": batch, "workers": workers, "spare": False}
            ),
            run=RunSettings(folder=run),
        )  # fmt: skip
        config, report = folder / "settings.json", folder / "report.json"
        config.write_text(settings.model_dump_json(), "utf-8")
        say("loading workers")
        for name in names:
            processes.start(name, "inference", "--config", str(config), "--name", name)
        processes.start("display", "display", "--config", str(config), "--headless", "--report", str(report))
        await_ready(run, names, processes)
        say("replaying")
        processes.start("acquisition", "acquisition", "--config", str(config))
        usage = _watch(processes, ["acquisition", *names, "display"])
        processes.check()
    return _read(journal.path(folder / "sessions" / "replay", 0), usage, json.loads(report.read_text("utf-8")))


def await_ready(run: str, names: list[str], processes: Processes) -> None:
    """Stand where acquisition will stand until every worker has said READY, so that loading is in no figure.

    Raises
    ------
    ProcessError
        One did not become ready.
    """
    import zmq

    from wire.endpoints import endpoints
    from wire.packets import Heartbeat, Ready
    from wire.sockets import bind, make, receive, send

    waiting, until = set(names), now() + START_S
    with zmq.Context() as context, make(context, zmq.ROUTER) as socket:
        bind(socket, endpoints(run).work)
        while waiting:
            processes.check()
            if now() > until:
                raise ProcessError(f"{', '.join(sorted(waiting))} not ready within {START_S:g} s")
            if not socket.poll(100):
                continue
            message = receive(socket, routed=True)
            if message and isinstance(message[1], Ready):
                waiting.discard(message[1].worker)
            elif message and isinstance(message[1], Heartbeat):
                send(socket, message[1], message[0])


def _watch(processes: Processes, names: list[str]) -> dict[str, list[Usage]]:
    """Sample every process until acquisition and the display have ended."""
    watched = {name: psutil.Process(processes.running[name].pid) for name in names}
    usage: dict[str, list[Usage]] = {name: [] for name in names}
    until = now() + LIMIT_S
    while not (processes.ended("acquisition") and processes.ended("display")):
        if now() > until:
            raise ProcessError(f"the replay did not end within {LIMIT_S:g} s: {processes.last_words('acquisition')}")
        processes.check()
        for name, process in watched.items():
            try:
                times, memory = process.cpu_times(), process.memory_info()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if memory.rss:  # none is left of a process that has just ended
                usage[name].append((now(), float(times.user + times.system), memory.rss / 2**20))
        time.sleep(SAMPLE_S)
    return usage


def _read(file: Path, usage: dict[str, list[Usage]], report: Mapping[str, Any]) -> Replay:
    """Everything that counts stands in the journal: when reading began, and every committed result."""
    began, results = 0.0, []
    for record in journal.read(file):
        match record:
            case journal.Header():
                began = record.clock_s
            case journal.PacketRecord() if record.frames[0] in (b"result", b"status"):
                packet = record.packet
                if isinstance(packet, Result):
                    results.append(packet)
                elif isinstance(packet, Status) and not packet.last:
                    raise ProcessError("the replay's journal ends before its last status; see its logs")
            case journal.Torn():
                raise ProcessError(f"the replay's journal is torn: {record.reason}")
            case _:
                continue
    ended = max((r.stamps.committed or 0.0 for r in results), default=0.0)
    if not results:
        raise ProcessError("the replay gave no answer; see its logs")
    return Replay(began, ended, results, usage, dict(report))
