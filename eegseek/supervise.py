"""Starts acquisition, inference and display as processes, watches them, restarts them, and stops them in stages."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FrameType

import zmq

from config.bundles import ENCODER_JSON
from config.errors import ChildFailed, WireError
from config.private import private_folder
from config.settings import Settings
from eegseek.children import Child, may_start, verdict
from eegseek.ending import Account
from eegseek.keeper import Keeper
from eegseek.tty import Tty
from wire import logs
from wire.clock import now
from wire.endpoints import endpoints_of
from wire.lifeline import Lifeline
from wire.packets import Command, Status
from wire.sockets import connect, make, receive, send

Say = Callable[[str], None]
POLL_MS = 100
_log = logging.getLogger(__name__)


def session_folder(settings: Settings) -> Path:
    """Folder of a session, private to this user."""
    return private_folder(Path(settings.session.folder) / settings.session.name)


def table(settings: Settings, file: Path, *, headless: bool, extra: Sequence[Child] = ()) -> list[Child]:
    """Children of a run, in the order they are started, the spare when a worker is ready."""
    python, config = sys.executable, ["--config", str(file)]
    # a session that calibrates makes its encoder itself
    awaits = str(Path(settings.inference.encoder) / ENCODER_JSON) if settings.session.calibrate else ""
    workers = [
        Child(
            f"worker-{k + 1}",
            "inference",
            [python, "-m", "inference", *config, "--name", f"worker-{k + 1}"],
            awaits=awaits,
        )
        for k in range(settings.inference.workers)
    ]
    if settings.inference.spare:
        argv = [python, "-m", "inference", *config, "--name", "spare", "--spare"]
        workers.append(Child("spare", "inference", argv, spare=True, awaits=awaits))
    display = [python, "-m", "display", *config, *(["--headless"] if headless else [])]
    return [
        Child("acquisition", "acquisition", [python, "-m", "acquisition", *config]),
        *workers,
        Child("display", "display", display),
        *extra,
    ]


class Supervisor:
    """The parent of a run. The constructor only stores; `run` does the work and returns an exit code."""

    def __init__(
        self, settings: Settings, *, headless: bool = False, extra: Sequence[Child] = (), say: Say | None = None
    ):
        self.settings = settings
        self.headless = headless
        self.extra = extra
        self._say = say or (lambda words: sys.stderr.write(f"eegseek: {words}\n") and None)
        self.children: list[Child] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.failed = ""
        self._stop = self._over = False
        self._lifeline = Lifeline()
        self._tty = Tty()
        self._unsaid: list[str] = []
        self._logs = Path()
        self._account: Account | None = None
        self._keeper: Keeper | None = None

    def run(self) -> int:
        """Run until acquisition finishes, a child fails for good, or Ctrl-C; 0 where all ended well."""
        folder = session_folder(self.settings)
        self._logs = folder / "logs"
        self._logs.mkdir(mode=0o700, exist_ok=True)
        with logs.session("eegseek", self._log_file):
            return self._run(folder)

    def say(self, words: str) -> None:
        """Tell the people here, and the log. While a display draws on this terminal, it would tear the picture."""
        _log.warning("%s", words)
        self._unsaid.append(words)
        display = self.processes.get("display")
        drawn = self._tty.drawn_on and not (self.headless or self.settings.display.plain)
        if not drawn or display is None or display.poll() is not None:
            self._say_all()

    def _say_all(self) -> None:
        for words in self._unsaid:
            self._say(words)
        self._unsaid.clear()

    @property
    def _log_file(self) -> Path:
        return self._logs / logs.FILE

    def _run(self, folder: Path) -> int:
        _log.info("session '%s' in '%s' begins", self.settings.session.name, folder)
        account = self._account = Account(self.settings, folder)
        wanted = self.settings.session.journal and self.settings.session.bids
        keeper = self._keeper = Keeper(folder, self._logs / "recording.log", self.say, enabled=wanted)
        keeper.open()
        file = folder / "settings.json"
        file.write_text(self.settings.model_dump_json(indent=1))
        self.children = table(self.settings, file, headless=self.headless, extra=self.extra)
        old = {number: signal.signal(number, self._flag) for number in (signal.SIGINT, signal.SIGTERM)}
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        statuses, control = make(context, zmq.SUB), make(context, zmq.DEALER)
        try:
            self._lifeline.open()
            self._tty.open()
            ends = endpoints_of(self.settings.run)
            connect(statuses, ends.results, ends.keys)
            statuses.subscribe(b"status")
            connect(control, ends.control, ends.keys)
            self._start_due()
            self._watch(statuses, control)
            self._stop_all(statuses)
            self._listen(statuses)
            self._stop = False  # asked again, the recording is left for later
            keeper.finish(lambda: self._stop)
        finally:
            keeper.close()
            for process in self.processes.values():
                if process.poll() is None:
                    process.kill()
                    process.wait()
            self._tty.restore()
            self._say_all()
            self._lifeline.close()
            statuses.close()
            control.close()
            context.term()
            for number, handler in old.items():
                signal.signal(number, handler)
        lines, wrong = account.told()
        for line in lines:
            self.say(line)
        self.failed = self.failed or wrong
        _log.info("session '%s' ended%s", self.settings.session.name, f": {self.failed}" if self.failed else "")
        return 1 if self.failed else 0

    def _flag(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def _start_due(self) -> None:
        """Start what has not been started and may be."""
        for child in self.children:
            if child.name not in self.processes and may_start(child, self.children):
                self._start(child)

    def _start(self, child: Child) -> None:
        # a display draws on this terminal; what the others say goes into files, so that it does not tear the picture
        shown = child.role == "display" and not self.headless
        with open(self._said(child.name), "ab", opener=_private) as log:
            self.processes[child.name] = subprocess.Popen(
                child.argv,
                stdin=self._tty.for_display if shown and child.name == "display" else subprocess.DEVNULL,
                stdout=None if shown else log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops in stages
                pass_fds=self._lifeline.passed,  # by it children notice a supervisor that was killed
                env={
                    **os.environ,
                    "OMP_NUM_THREADS": "1",
                    logs.VARIABLE: str(self._log_file.absolute()),
                    **self._lifeline.environment,
                },
            )
        _log.info("%s started, process %d", child.name, self.processes[child.name].pid)
        child.started_s, child.heard_s = now(), None

    def _watch(self, statuses: zmq.Socket[bytes], control: zmq.Socket[bytes]) -> None:
        while not self._stop and not self.failed:
            statuses.poll(POLL_MS)
            self._listen(statuses)
            logs.rotate(self._log_file, self.settings.run.log_mb << 20, self.settings.run.log_files)
            if self._keeper is not None:
                self._keeper.tick()
            while control.poll(0):  # replies to our own notices need no reading
                control.recv_multipart()
            self._start_due()
            for child in self._started:
                action, why = verdict(child, self.processes[child.name].poll(), now(), self.settings.run)
                if action == "give_up":
                    self._fail(child, why)
                elif action == "finished" and child.role == "acquisition":
                    return
                elif action == "finished" and child.role == "display":
                    self._left(child, statuses)
                elif action in ("restart", "kill_and_restart"):
                    self._restart(child, why, control)
                elif action == "leave":
                    self._leave_out(child, why)

    def _listen(self, statuses: zmq.Socket[bytes]) -> None:
        by_pid = {process.pid: name for name, process in self.processes.items()}
        heard: dict[int, float] = {}
        while True:
            try:
                message = receive(statuses)
            except WireError as error:
                self.say(f"a malformed status was dropped: {error}")
                continue
            if message is None:
                break
            if isinstance(message[1], Status):
                heard[message[1].pid] = now()
                self._over = message[1].last
                if self._account is not None:
                    self._account.hear(message[1])
                heard.update({peer.pid: now() - peer.age_s for peer in message[1].peers})
        for child in self.children:
            for pid, when in heard.items():
                if by_pid.get(pid) == child.name:
                    child.heard_s = max(when, child.heard_s or 0.0)
        if not self._acquisition_hears():
            # nobody can be heard through a dead acquisition: judge the others only once it is back
            for child in self.children:
                if child.role != "acquisition" and child.heard_s is not None:
                    child.heard_s = now()

    def _acquisition_hears(self) -> bool:
        acquisition = self.children[0]
        return acquisition.heard_s is not None and now() - acquisition.heard_s < 2.0

    def _restart(self, child: Child, why: str, control: zmq.Socket[bytes]) -> None:
        process = self.processes[child.name]
        if process.poll() is None:
            process.kill()
        process.wait()
        if child.name == "display":
            self._tty.restore(killed=True)
        if child.role == "inference":  # its windows need not wait for the silence to be noticed
            send(control, Command(id=f"gone-{process.pid}", command="gone", text=str(process.pid)))
        child.restarts += 1
        self.say(f"{why}; started again ({child.restarts} of {self.settings.run.restarts})")
        self._start(child)

    def _left(self, child: Child, statuses: zmq.Socket[bytes]) -> None:
        """A display ended well: left by somebody, or because the run is over."""
        child.left = True
        self._listen(statuses)
        if not self._over:
            self.say(f"{child.name} was left; the session goes on, Ctrl-C ends it")

    def _leave_out(self, child: Child, why: str) -> None:
        """Go on without a child: what is recorded and decoded does not depend on it."""
        process = self.processes[child.name]
        if process.poll() is None:
            process.kill()
        process.wait()
        child.left = True
        self.say(f"{why}; the session goes on without it: start one with `python -m display --config …/settings.json`")

    def _fail(self, child: Child, why: str) -> None:
        said = self._said(child.name)
        lines = said.read_text(errors="replace").strip().splitlines()
        self.failed = lines[-1] if lines else why
        self.say(f"{why}: {self.failed} (see {said} and {self._log_file})" if lines else f"{why} (it said nothing)")

    def _said(self, name: str) -> Path:
        """What a child wrote on its standard error, and libraries and crashes with it."""
        return self._logs / f"{name}.err"

    def _stop_all(self, statuses: zmq.Socket[bytes]) -> None:
        """Acquisition first, so that it can drain; then displays, which end with its last Status; then the rest."""
        run = self.settings.run
        patient = run.stop_s + self.settings.dispatch.drain_s
        if self.processes["acquisition"].poll() is None:
            self._end(["acquisition"], patient, ask=True)
        self._listen(statuses)
        displays = [c.name for c in self._started if c.role == "display"]
        # an acquisition that was ended while it started has no last word for them
        self._end(displays, run.stop_s, ask=bool(self.failed) or not self._over)
        self._end([c.name for c in self._started if c.role in ("inference", "source")], run.stop_s, ask=True)

    @property
    def _started(self) -> list[Child]:
        return [child for child in self.children if child.name in self.processes]

    def _end(self, names: Sequence[str], limit_s: float, *, ask: bool) -> None:
        if ask:
            for name in names:
                self.processes[name].terminate()
        deadline = now() + limit_s
        for name in names:
            process = self.processes[name]
            try:
                process.wait(max(deadline - now(), 0.01))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                self.failed = self.failed or f"{name} did not stop within {limit_s:g} s and was killed"
                self.say(self.failed)
            if process.returncode > 0 and not self.failed:
                self.failed = f"{name} exited with {process.returncode}"
                self.say(f"{self.failed} (see {self._said(name)})")


def supervise(
    settings: Settings, *, headless: bool = False, extra: Sequence[Child] = (), say: Say | None = None
) -> None:
    """Run to the end.

    Raises
    ------
    ChildFailed
        A child failed for good; the sentence is the child's own where it gave one.
    """
    supervisor = Supervisor(settings, headless=headless, extra=extra, say=say)
    if supervisor.run():
        raise ChildFailed(supervisor.failed)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
