"""The real acquisition process on a faulty source, with a worker of ours that keeps every window it is sent."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import zmq
from numpy.typing import NDArray
from safetensors.numpy import save_file

from acquisition import journal
from acquisition.types import Chunk, Gap
from benchmarks.processes import Processes
from config.bundles import ENCODER_JSON, ENCODER_WEIGHTS, EncoderSpec, canonical, fingerprint
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import ProcessError
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Answer, Command, Heartbeat, Hello, Hit, Ready, Rejected, Result, Status, Window
from wire.sockets import make, receive, send

RATE_HZ = 250.0
WINDOW_S = 0.4
LIMIT_S = 60.0
EACH_S = 0.2
"""Between two markers."""
Numbers = NDArray[np.float32]
_MS = re.compile(r"(?:gap of|after) (\d+) ms")
_HIT = Hit(id="a", label="a", modality="image", cosine=0.5, probability=0.5)


def bundle(folder: Path, channels: tuple[str, ...]) -> str:
    """An encoder bundle for windows of unfiltered samples, so that numbers can be read in them; its fingerprint."""
    folder.mkdir(parents=True)
    save_file({"weights": np.zeros(3, np.float32)}, folder / ENCODER_WEIGHTS)
    spec = EncoderSpec(
        architecture="eegproject",
        channels=channels,
        window=WindowSettings(start_s=0.0, end_s=WINDOW_S, rate_hz=RATE_HZ, baseline_s=None),
        chain=ChainSettings(channels=channels, notch_hz=(), highpass_hz=None, lowpass_hz=None),
        rejection=RejectionSettings(peak_to_peak_uv=None, flat_uv=None),
        space="test:4",
        dim=4,
        weights_sha256=hashlib.sha256((folder / ENCODER_WEIGHTS).read_bytes()).hexdigest(),
    )
    (folder / ENCODER_JSON).write_bytes(canonical(spec))
    return fingerprint(spec)


@dataclass
class Heard:
    """Everything that came over the sockets."""

    windows: list[Window] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)

    @property
    def status(self) -> Status | None:
        """The latest."""
        return self.statuses[-1] if self.statuses else None

    def source_at(self, state: str, after_s: float) -> float | None:
        """When the first status after a moment that gives the source this state was made; None where none was."""
        return next((one.time_s for one in self.statuses if one.time_s >= after_s and source(one) == state), None)

    def said_ms(self, state: str, after_s: float) -> list[int]:
        """Milliseconds on the screen after a moment, while the source was in a state."""
        said = [one.message for one in self.statuses if one.time_s >= after_s and source(one) == state]
        return [int(found) for message in dict.fromkeys(said) for found in _MS.findall(message)]


def source(status: Status) -> str:
    """State of the source in a status."""
    return next((peer.state for peer in status.peers if peer.role == "source"), status.state)


class Run:
    """Acquisition as a process, and both other ends; a context manager that leaves no process behind.

    Parameters
    ----------
    place
        Empty folder for its files.
    source
        Section of the settings.
    channels
        That windows are made of; the first carries the sample number.
    command
        Module to run in place of ``acquisition``, with its arguments before ``--config``.
    sections
        Further settings.
    """

    def __init__(
        self,
        place: Path,
        source: Mapping[str, Any],
        channels: tuple[str, ...],
        *,
        command: tuple[str, ...] = ("acquisition",),
        sections: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.place, self.heard = place, Heard()
        self.processes = Processes(place / "logs")
        self._command, self._channels, self._source = command, channels, dict(source)
        self._sections = {name: dict(values) for name, values in (sections or {}).items()}
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._sockets: list[zmq.Socket[bytes]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="eeg-")  # ipc paths are to be short
        self._beat_s = float("-inf")
        self._encoder = ""

    def __enter__(self) -> Run:
        """Start it, and connect."""
        self._encoder = bundle(self.place / "encoder", self._channels)
        table = {
            "source": self._source,
            "session": {"name": "s", "folder": str(self.place / "sessions"), "bids": False},
            "run": {"folder": f"{self._folder.name}/run"},
            "inference": {"encoder": str(self.place / "encoder")},
            **self._sections,
        }
        (self.place / "run.json").write_text(json.dumps(table), "utf-8")
        self.processes.__enter__()
        module, *arguments = self._command
        self.processes.start("acquisition", module, *arguments, "--config", str(self.place / "run.json"))
        ends = endpoints(f"{self._folder.name}/run")
        for kind, end in ((zmq.DEALER, ends.work), (zmq.SUB, ends.results), (zmq.DEALER, ends.control)):
            socket = make(self._context, kind)
            if kind == zmq.SUB:
                socket.subscribe(b"")
            socket.connect(end)
            self._sockets.append(socket)
        self._ready()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        for socket in self._sockets:
            socket.close()
        self._context.term()
        self.processes.__exit__(kind, error, trace)
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """Of acquisition."""
        return self.processes.running["acquisition"].pid

    def until(self, condition: Callable[[], bool], what: str, limit_s: float = LIMIT_S) -> None:
        """Answer windows and listen until something holds.

        Raises
        ------
        ProcessError
            It did not in time, or a process failed.
        """
        deadline = now() + limit_s
        while True:
            self._pump()
            if condition():
                return
            self.processes.check()
            if now() > deadline:
                raise ProcessError(f"{what} did not come within {limit_s:g} s; {self._last()}")
            self._sockets[1].poll(10)

    def during(self, seconds: float) -> None:
        """Answer windows and listen for so long."""
        end = now() + seconds
        self.until(lambda: now() >= end, "the time", seconds + 10.0)

    def windows(self, more: int) -> None:
        """Wait for so many more windows."""
        wanted = len(self.heard.windows) + more
        limit_s = LIMIT_S + 2 * more * EACH_S
        self.until(lambda: len(self.heard.windows) >= wanted, f"{more} windows", limit_s)

    def stop(self) -> Status:
        """End it as a display would; its last status.

        Raises
        ------
        ProcessError
            It did not end in time, or with an error.
        """
        send(self._sockets[2], Command(id="end", command="stop"))
        self.until(lambda: self.heard.status is not None and self.heard.status.last, "the last status")
        self.until(lambda: self.processes.ended("acquisition"), "the end of acquisition", 30.0)
        status = self.heard.status
        if status is None:
            raise ProcessError("acquisition said nothing at its end")
        return status

    def recorded(self) -> tuple[Numbers, list[Gap], list[str]]:
        """From the journal: channel 0 of every sample, the gaps, and the states of the source in order."""
        numbers, gaps, states = [np.empty(0, np.float32)], list[Gap](), list[str]()
        for record in journal.read(journal.path(self.place / "sessions" / "s", 0)):
            if isinstance(record, Chunk):
                numbers.append(record.samples[0])
                states += [record.state] if states[-1:] != [record.state] else []
            elif isinstance(record, Gap):
                gaps.append(record)
        return np.concatenate(numbers), gaps, states

    def _ready(self) -> None:
        ready = Ready(worker="w", pid=os.getpid(), encoder=self._encoder, gallery="g", credit=64)
        send(self._sockets[0], ready)

    def _pump(self) -> None:
        if now() - self._beat_s > 0.25:
            self._beat_s = now()
            send(self._sockets[0], Heartbeat(role="inference", name="w", pid=os.getpid(), time_s=now()))
        while (message := receive(self._sockets[0])) is not None:
            match message[1]:
                case Hello():
                    self._ready()
                case Window() as window:
                    self.heard.windows.append(window)
                    send(self._sockets[0], self._answer(window))
                case _:
                    continue
        while (message := receive(self._sockets[1])) is not None:
            match message[1]:
                case Status() as status:
                    self.heard.statuses.append(status)
                case Rejected() as rejected:
                    self.heard.rejected.append(rejected)
                case _:
                    continue
        while receive(self._sockets[2]) is not None:
            continue

    def _answer(self, window: Window) -> Result:
        return Result(
            **window.key._asdict(),
            stimulus=window.stimulus,
            onset_s=window.onset_s,
            versions=window.versions,
            dim=4,
            answers=(Answer(hits=(_HIT,), repeats=1),) * window.versions,
            encoder=self._encoder,
            gallery="g",
            worker="w",
            data=np.full((window.versions, 4), 0.5, np.float32),
            stamps=window.stamps,
        )

    def _last(self) -> str:
        status = self.heard.status
        words = "nothing was heard" if status is None else f"the last status says {status.state}: {status.message}"
        return f"{words}; acquisition wrote: {self.processes.last_words('acquisition')}"


def errors(windows: list[Window]) -> list[float]:
    """Alignment errors in samples: what channel 0 says of each first sample, minus what the window says of it."""
    return [
        float(one.data[0, 0, 0]) - float(one.stimulus) - one.first_sample_offset_s * one.sampling_rate_hz
        for one in windows
    ]


def whole(windows: list[Window]) -> bool:
    """Whether no window spans a loss."""
    return all(bool((np.diff(one.data[0, 0]) == 1).all()) for one in windows)


def closes(status: Status) -> bool:
    """Whether the sums of a last status hold, with nothing expired, dropped or failed."""
    one = status.counters
    due = one["due"] == one["sent"] + one["rejected"] + one["missed"] and not one["pending"]
    return due and one["sent"] == one["answered"] and not one["expired"] + one["dropped"] + one["failed"]
