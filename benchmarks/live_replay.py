"""One recording through the real thing: LSL outlets or a direct source, acquisition, ZeroMQ, inference as processes."""

from __future__ import annotations

import tempfile
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import zmq

from benchmarks.processes import Processes
from config.errors import ProcessError
from config.settings import (
    DispatchSettings,
    InferenceSettings,
    LslSource,
    RecordingSource,
    RunSettings,
    SessionSettings,
    Settings,
)
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Rejected, Result, Status
from wire.sockets import make, receive

Told = Callable[[int], None]
READY_S = 60.0
"""Longest wait for acquisition's first word."""
SILENT_S = 30.0
"""Longest silence of acquisition, which speaks once a second."""


@dataclass
class Replayed:
    """What came out at the other end.

    Attributes
    ----------
    results
        As published, in order.
    rejected
        As published.
    last
        The final Status of acquisition.
    """

    results: list[Result] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    last: Status | None = None


def replay_live(
    file: Path,
    encoder: Path,
    gallery: Path,
    folder: Path,
    *,
    direct: bool = False,
    told: Told | None = None,
    stop: threading.Event | None = None,
) -> Replayed:
    """Play a recording through all processes, and collect the answers.

    Parameters
    ----------
    file
        The recording.
    encoder, gallery
        Folders of the bundles.
    folder
        For the session with its journal, and for logs.
    direct
        Straight into the pipeline, as fast as it goes; else at real time through LSL outlets.
    told
        Told how many stimuli have been answered, rejected or missed, as they are.
    stop
        Ends it early, with a ProcessError.

    Raises
    ------
    ProcessError
        A process failed, or fell silent.
    """
    name = f"replay-{uuid.uuid4().hex[:12]}"
    # a path of its own: those of ipc sockets must be short
    with tempfile.TemporaryDirectory(prefix="eegseek-") as run, Processes(folder / "logs") as processes:
        lsl = LslSource(name=name, source_id=name, marker_name=f"{name}-markers", wait_s=READY_S)
        settings = Settings(
            session=SessionSettings(name="replay", folder=str(folder / "sessions")),
            source=RecordingSource(file=str(file), speed=0.0) if direct else lsl,
            dispatch=DispatchSettings(policy="block" if direct else "drop_oldest"),
            inference=InferenceSettings(encoder=str(encoder), gallery=str(gallery), spare=False),
            run=RunSettings(folder=run),
        )
        config, source = folder / "settings.json", folder / "source.json"
        config.write_text(settings.model_dump_json(), "utf-8")
        source.write_text(RecordingSource(file=str(file)).model_dump_json(), "utf-8")
        with zmq.Context() as context, make(context, zmq.SUB) as socket:
            socket.subscribe(b"")
            socket.connect(endpoints(run).results)
            processes.start("inference", "inference", "--config", str(config), "--name", "worker-1")
            processes.start("acquisition", "acquisition", "--config", str(config))
            if not direct:
                names = ["--name", name, "--source-id", name, "--marker-name", f"{name}-markers"]
                processes.start("outlet", "acquisition.outlet", "--source", str(source), *names)
            found = _collect(socket, processes, told or (lambda done: None), stop or threading.Event())
    return found


def _collect(socket: zmq.Socket[bytes], processes: Processes, told: Told, stop: threading.Event) -> Replayed:
    """Take in what is published until acquisition says that everything is accounted for."""
    found = Replayed()
    heard, patience = now(), READY_S
    while found.last is None:
        processes.check()
        if stop.is_set():
            raise ProcessError("the replay was stopped")
        if not socket.poll(200):
            if now() - heard > patience:
                raise ProcessError(
                    f"acquisition said nothing for {patience:g} s, its log ends: {processes.last_words('acquisition')}"
                )
            continue
        heard, patience = now(), SILENT_S
        message = receive(socket)
        match message[1] if message else None:
            case Result(final=True) as result:
                found.results.append(result)
            case Rejected() as rejected:
                found.rejected.append(rejected)
            case Status(last=True, role="acquisition") as status:
                found.last = status
            case _:
                continue
        told(len(found.results) + len(found.rejected))
    return found
