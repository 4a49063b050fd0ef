"""Starts a replay as a process, watches it, and ends it: with a thread of its own, so that no page waits."""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import zmq

from config.errors import EegseekError, EndpointError, SessionError, WireError
from config.settings import DashboardSettings
from display.dashboard import replay
from display.dashboard.children import ended, last_words, started
from display.dashboard.recordings import Recording
from display.dashboard.replay import Playing, Stage
from display.dashboard.server import bound
from wire.endpoints import endpoints
from wire.lifeline import Lifeline
from wire.packets import Status
from wire.sockets import connect, make, receive

LOOK_MS = 200
STOP_S = 30.0
"""A replay that was asked to stop, and has not by then, is killed; its children notice."""
PORTS = 20
"""Ports after the dashboard's own that are tried: whoever comes through a tunnel can forward the next one, too."""


class Player:
    """At most one replay at a time. The constructor only stores.

    Parameters
    ----------
    shown
        Settings of this dashboard, the token included that browsers show.
    """

    def __init__(self, shown: DashboardSettings) -> None:
        self.shown = shown
        self._now = Playing()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def now(self) -> Playing:
        """How it goes; any thread may ask."""
        return self._now

    def start(self, recording: Recording, speed: float = 1.0) -> None:
        """Start a replay.

        Raises
        ------
        SessionError
            One runs already.
        EndpointError
            There is no free port for its dashboard.
        """
        if self._thread is not None and self._thread.is_alive():
            raise SessionError(f"a replay of '{self._now.name}' runs already; stop it first")
        port = free_port(self.shown.host, self.shown.port)
        self._stop.clear()
        self._now = Playing("starting", recording.name, speed)
        self._thread = threading.Thread(target=self._play, args=(recording, port), name="replay", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, without waiting; harmless where none runs."""
        self._stop.set()
        if self._now.runs:
            self._now = replace(self._now, stage="stopping", port=0)

    def close(self, limit_s: float) -> None:
        """Ask it to end, and wait so long at most. What is left then ends with this process: see `wire.lifeline`."""
        self.stop()
        if self._thread is not None:
            self._thread.join(limit_s)

    def _play(self, recording: Recording, port: int) -> None:
        """From the start of a process to its end; in the thread."""
        try:
            with tempfile.TemporaryDirectory(prefix="eegseek-replay-", ignore_cleanup_errors=True) as folder:
                self._run(recording, Path(folder), port)
        except (EegseekError, OSError) as error:  # nobody else hears of it
            self._now = replace(self._now, stage="failed", port=0, why=str(error))

    def _run(self, recording: Recording, place: Path, port: int) -> None:
        (place / "run").mkdir(mode=0o700)
        file, said = place / "settings.json", place / "said.txt"
        file.write_text(json.dumps(replay.settings_of(recording, place, self.shown, port)))
        line = Lifeline()
        line.open()
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        statuses = make(context, zmq.SUB)
        try:
            connect(statuses, endpoints(str(place / "run")).results, None)
            statuses.subscribe(b"status")
            process = started(replay.argv(recording, file, self._now.speed), said, line)
            try:
                self._watch(process, statuses, port)
            finally:
                ended(process)
            stage, why = outcome(process.returncode, said, asked=self._stop.is_set())
            self._now = replace(self._now, stage=stage, port=0, why=why)
        finally:
            statuses.close()
            context.term()
            line.close()

    def _watch(self, process: subprocess.Popen[bytes], statuses: zmq.Socket[bytes], port: int) -> None:
        until_s = float("inf")
        while process.poll() is None:
            statuses.poll(LOOK_MS)
            self._listen(statuses, port)
            if self._stop.is_set() and until_s == float("inf"):
                until_s = time.monotonic() + STOP_S
                process.terminate()
            if time.monotonic() > until_s:
                return
        self._listen(statuses, port)

    def _listen(self, statuses: zmq.Socket[bytes], port: int) -> None:
        while True:
            try:
                message = receive(statuses)
            except WireError:
                continue
            if message is None:
                return
            status = message[1]
            if isinstance(status, Status) and status.role == "acquisition":
                self._now = replace(self._now, **replay.heard(status))
                if self._now.stage == "starting" and replay.shown_by(status):
                    self._now = replace(self._now, stage="playing", port=port, token=self.shown.token)


def outcome(code: int, said: Path, *, asked: bool) -> tuple[Stage, str]:
    """How a process ended, and why where it failed."""
    if asked:
        return "stopped", ""
    if code == 0:
        return "ended", ""
    how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return "failed", last_words(said) or f"it {how} and said nothing"


def free_port(host: str, after: int) -> int:
    """A port where nothing listens: the next ones after ``after``, else any.

    Raises
    ------
    EndpointError
        There is none.
    """
    for port in range(after + 1, min(after + 1 + PORTS, 65536)):
        with suppress(EndpointError):
            bound(host, port).close()
            return port
    probe = bound(host, 0)
    try:
        return int(probe.getsockname()[1])
    finally:
        probe.close()
