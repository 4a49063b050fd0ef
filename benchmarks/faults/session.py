"""A session as users start it, ``eegseek run``, with a display of ours beside it that notes when each answer came."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil

from acquisition import journal
from benchmarks.faults.watch import Shown, Watch
from benchmarks.processes import ROOT
from config.errors import ProcessError
from config.settings import RunSettings
from display.client import Client
from display.process import Display
from display.state import State
from display.truth import Truth
from wire.clock import now
from wire.endpoints import endpoints_of
from wire.packets import Status

POLL_S = 0.02
FIRST_S = 90.0
"""How long the first answer may take."""
END_S = 60.0


@dataclass(frozen=True)
class Ended:
    """How a session ended.

    Attributes
    ----------
    code
        Exit status of ``eegseek run``.
    errors
        What it said on standard error.
    counters
        Of our own display, all segments together: those of the status, ``lost`` and ``doubled``.
    report
        Of the run's own display; empty where it wrote none.
    """

    code: int
    errors: str
    counters: dict[str, int]
    report: dict[str, Any]

    @property
    def clean(self) -> bool:
        """Nothing was lost, doubled, expired, dropped or failed, and the sums hold."""
        names = ("lost", "doubled", "expired", "dropped", "failed", "pending", "in_flight")
        return self.code == 0 and not any(self.counters.get(name, 0) for name in names) and self.sums

    @property
    def sums(self) -> bool:
        """Whether what was due and what was sent are accounted for."""
        one = self.counters.get
        due = sum(one(name, 0) for name in ("sent", "rejected", "missed", "pending"))
        sent = sum(one(name, 0) for name in ("answered", "expired", "dropped", "failed", "in_flight"))
        return one("due", 0) == due and one("sent", 0) == sent


class Session:
    """A running session; a context manager that leaves no process behind.

    Parameters
    ----------
    place
        Folder for its files; may hold those of a former session.
    table
        Settings by section, those of the run folder and session folder added here.
    run_folder
        In place of an ``ipc`` folder of its own.
    name
        Of the session.
    extra
        Environment variables; folders of ``PYTHONPATH`` go before ours.
    """

    def __init__(
        self,
        place: Path,
        table: Mapping[str, Mapping[str, Any]],
        *,
        run_folder: str = "",
        name: str = "s",
        extra: Mapping[str, str] | None = None,
    ) -> None:
        self.place = place
        self.name = name
        self.extra = dict(extra or {})
        self.watch = Watch()
        self.state = State(Truth())
        self.folder = place / "sessions" / name
        self._sockets = tempfile.TemporaryDirectory(prefix="eegseek-")  # ipc paths are to be short
        self.run_folder = run_folder or f"{self._sockets.name}/run"
        self._table = {section: dict(values) for section, values in table.items()}
        self._table["session"] = {"name": name, "folder": str(place / "sessions"), **self._table.get("session", {})}
        self._table["run"] = {"keys": str(place / "keys"), **self._table.get("run", {}), "folder": self.run_folder}
        self._process: subprocess.Popen[bytes] | None = None
        self._known: dict[int, float] = {}
        self._display: Display | None = None
        self._thread: threading.Thread | None = None

    def write(self, changes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Write the settings file, with some changes by section."""
        self.place.mkdir(parents=True, exist_ok=True)
        table = {name: {**values, **(changes or {}).get(name, {})} for name, values in self._table.items()}
        self.config.write_text(json.dumps(table), "utf-8")

    def __enter__(self) -> Session:
        """Start ``eegseek run``, and listen."""
        self.write()
        command = ["run", "--config", str(self.config), "--headless", "--report", str(self.place / "report.json")]
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "eegseek", *command],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment(self.extra),
                start_new_session=True,
            )  # fmt: skip
        client = Client(endpoints_of(RunSettings.model_validate(self._table["run"])), "watch", os.getpid())
        self._display = Display(self.state, client, [self.watch])
        self._thread = threading.Thread(target=self._listen, name="watch")
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End what still runs."""
        if self._process is not None and self._process.poll() is None:
            self._note_children()
            self._process.kill()  # first: it would start the others again
            self._process.wait()
        for pid, started_s in self._known.items():
            kill_if(pid, started_s)
        self._hush()
        self._sockets.cleanup()

    def _listen(self) -> None:
        display = self._display
        if display is not None:
            try:
                display.run()
            finally:
                display.finish({})

    def _hush(self) -> None:
        if self._display is not None and self._thread is not None:
            self._display.stop()
            self._thread.join()
            self._display = self._thread = None

    @property
    def config(self) -> Path:
        """The settings file."""
        return self.place / "run.json"

    @property
    def log(self) -> Path:
        """What ``eegseek run`` wrote."""
        return self.place / "run.log"

    @property
    def status(self) -> Status | None:
        """The latest status heard."""
        return self.state.status

    def journal(self, segment: int = 0) -> Path:
        """Journal of a segment."""
        return journal.path(self.folder, segment)

    def _children(self) -> list[psutil.Process]:
        if self._process is None:
            return []
        try:
            return list(psutil.Process(self._process.pid).children())
        except psutil.NoSuchProcess:
            return []

    def _note_children(self) -> None:
        """Remember children, so that they are ended here even where their parent was killed."""
        for child in self._children():
            try:
                self._known[child.pid] = child.create_time()
            except psutil.NoSuchProcess:
                continue

    def children(self) -> dict[str, int]:
        """Process ids of the living children, by the names that the supervisor gives them."""
        self._note_children()
        found = {}
        for child in self._children():
            try:
                line = child.cmdline()
                dead = child.status() == psutil.STATUS_ZOMBIE
            except psutil.NoSuchProcess:
                continue
            if not dead and "-m" in line:
                named = line[line.index("--name") + 1] if "--name" in line else line[line.index("-m") + 1]
                found[named] = child.pid
        return found

    @property
    def pid(self) -> int:
        """Of the supervisor."""
        if self._process is None:
            raise ProcessError("the session was not started; use it in a with statement")
        return self._process.pid

    def pid_of(self, name: str) -> int:
        """Process id of a child by name, waiting until it is there."""
        self.until(lambda: name in self.children(), 20.0, f"a child '{name}'")
        return self.children()[name]

    def ready(self, name: str) -> bool:
        """Whether acquisition lists a living worker of that name, which is the child that lives now."""
        status, pid = self.status, self.children().get(name)
        return status is not None and any(
            peer.name == name and peer.pid == pid and peer.state not in ("lost", "stopped") for peer in status.peers
        )

    def kill(self, name: str, number: int = signal.SIGKILL) -> float:
        """Send a child a signal; when that was."""
        os.kill(self.pid_of(name), number)
        return now()

    def renew(self, name: str) -> None:
        """Kill a child, and wait until another stands in its place."""
        old = self.pid_of(name)
        self.kill(name)
        self.until(lambda: self.children().get(name, old) != old, 20.0, f"another '{name}'")

    def wait(self, seconds: float) -> None:
        """Let it run for so long."""
        end_s = now() + seconds
        self.until(lambda: now() >= end_s, seconds + 60.0, "the end of a measurement")

    def until(self, condition: Callable[[], bool], limit_s: float, what: str) -> None:
        """Wait for something.

        Raises
        ------
        ProcessError
            It did not come in time, or the run has ended.
        """
        deadline = now() + limit_s
        while not condition():
            if self._process is not None and self._process.poll() is not None and not condition():
                raise ProcessError(f"the run ended while {what} was awaited: {last_line(self.log)}")
            if now() > deadline:
                raise ProcessError(f"{what} did not come within {limit_s:g} s")
            time.sleep(POLL_S)

    def flowing(self, more: int = 1, limit_s: float = FIRST_S) -> None:
        """Wait for so many more answers."""
        wanted = len(self.watch.shown) + more
        self.until(lambda: len(self.watch.shown) >= wanted, limit_s, f"{more} answers")

    def after(self, at_s: float, limit_s: float = 30.0) -> Shown:
        """The first answer to a window that a worker took in after a moment: none that was on its way already."""
        found: list[Shown] = []

        def there() -> bool:
            # read from the end: what came before has been looked at in vain
            late = [one for one in self.watch.shown[-500:] if one.received_s > at_s]
            found[:] = late[:1]
            return bool(late)

        self.until(there, limit_s, "an answer")
        return found[0]

    def stop(self) -> Ended:
        """Ask for the end as Ctrl-C does, wait for it, and tell how it was."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
        return self.ended()

    def ended(self, limit_s: float = END_S) -> Ended:
        """Wait until it ends by itself, and tell how it was."""
        if self._process is None:
            raise ProcessError("the session was not started; use it in a with statement")
        try:
            code = self._process.wait(limit_s)
        except subprocess.TimeoutExpired as error:
            raise ProcessError(f"the run did not end within {limit_s:g} s: {last_line(self.log)}") from error
        self._hush()
        report = self.place / "report.json"
        return Ended(
            code, self.log.read_text(errors="replace"), self.state.counters,
            json.loads(report.read_bytes()) if report.is_file() else {},
        )  # fmt: skip


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """For our child processes: our code, one thread for arithmetic, and more where given."""
    more = dict(extra or {})
    path = os.pathsep.join(filter(None, [more.pop("PYTHONPATH", ""), str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return {**os.environ, "OMP_NUM_THREADS": "1", **more, "PYTHONPATH": path}


def last_line(file: Path) -> str:
    """Last line of a log."""
    lines = file.read_text(errors="replace").strip().splitlines() if file.is_file() else []
    return lines[-1] if lines else "it wrote nothing"


def kill_if(pid: int, started_s: float) -> None:
    """End a process if it is still the one that was started at that time."""
    try:
        process = psutil.Process(pid)
        if process.create_time() == started_s:
            process.kill()
    except psutil.NoSuchProcess:
        return


def run_eegseek(arguments: Sequence[str], limit_s: float = 60.0) -> tuple[int, str]:
    """Run a command of ours to its end; exit status, and what it said on standard error."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "eegseek", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=limit_s, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise ProcessError(f"`eegseek {arguments[0]}` did not end within {limit_s:g} s") from error
    return done.returncode, done.stderr.decode(errors="replace")
