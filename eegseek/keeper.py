"""Makes the BIDS recordings of a run's session: behind it while it runs, and what is left at its end.

A recording is made by a process of its own, from the journals alone: acquisition does nothing for it. What is cut off
here is made at the next start of any session beside it, or by ``eegseek recover``: a file in the session's folder says
so from the beginning.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from acquisition.bids.survey import Wanted, busy, pending
from wire import logs
from wire.clock import now

DUE = ".bids-due"
"""In a session's folder until its recording is whole."""
LOOK_S = 5.0
WAIT_S = 0.1
Say = Callable[[str], None]


class Keeper:
    """Watches a session's folder. The constructor only stores.

    Parameters
    ----------
    folder
        Of the session.
    log
        Where the processes' words go.
    say
        To tell people.
    enabled
        False to do nothing.
    """

    def __init__(self, folder: Path, log: Path, say: Say, *, enabled: bool = True) -> None:
        self.folder = folder
        self.log = log
        self.say = say
        self.enabled = enabled
        self._process: subprocess.Popen[bytes] | None = None
        self._looked_s = now()
        self._at = folder
        self._ended = False
        self._others: list[Path] = []
        self._tried: Wanted = frozenset()

    def open(self) -> None:
        """Say that a recording is due, and look for sessions beside this one whose recordings still are."""
        if not self.enabled:
            return
        beside = sorted(self.folder.absolute().parent.glob(f"*/{DUE}"))
        self._others = [due.parent for due in beside if due.parent != self.folder.absolute()]
        (self.folder / DUE).touch(mode=0o600)

    def tick(self) -> None:
        """Every few seconds: begin what has become due. Never waits."""
        self._reap()
        if not self.enabled or self._process is not None or now() - self._looked_s < LOOK_S:
            return
        self._looked_s = now()
        due = pending(self.folder)
        if due - self._tried:
            self._tried |= due
            self._start(self.folder, "--behind")
        elif self._others:
            self._start(self._others.pop(), "--behind")

    def finish(self, leave: Callable[[], bool]) -> None:
        """Make what is left, and wait for it; a bar is drawn where it takes seconds.

        Parameters
        ----------
        leave
            Asked meanwhile: True to leave the rest to the next start.
        """
        if not self.enabled:
            return
        self.close()
        self._ended = True
        if not pending(self.folder):
            (self.folder / DUE).unlink(missing_ok=True)
            return
        self._start(self.folder)
        while self._process is not None and self._process.poll() is None:
            if leave():
                self.close()
                self.say(f"the BIDS recording is left to the next start, or to: eegseek recover '{self.folder}'")
                return
            try:
                self._process.wait(WAIT_S)
            except subprocess.TimeoutExpired:
                continue
        self._reap()

    def close(self) -> None:
        """End a process that is still at it; what it had not finished is made anew."""
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.kill()
            process.wait()

    def _start(self, folder: Path, *options: str) -> None:
        self._at = folder
        log_file = str((self.log.parent / logs.FILE).absolute())
        # a bar is for people: it goes to the terminal, where there is one
        shown = not options and sys.stderr.isatty()
        with open(self.log, "ab", opener=_private) as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "acquisition.bids", str(folder), *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=None if shown else log,
                start_new_session=True,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", logs.VARIABLE: log_file},
            )

    def _reap(self) -> None:
        """Tell of a process that ended without success."""
        if self._process is None or self._process.poll() is None:
            return
        code, self._process = self._process.returncode, None
        if not code and (self._ended if self._at == self.folder else not busy(self._at)):
            (self._at / DUE).unlink(missing_ok=True)
        elif code and self._at == self.folder:
            lines = self.log.read_text(errors="replace").strip().splitlines()
            why = lines[-1] if lines else f"its process ended with {code}"
            self.say(f"the BIDS recording of '{self.folder}' is not whole: {why} (see {self.log})")


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
