"""The session's children: started apart from the terminal's Ctrl-C, ended by their process id, gone when it is gone."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from config.errors import CODED
from wire import logs
from wire.clock import now
from wire.lifeline import Lifeline

POLITE_S = 10.0


class Processes:
    """Children by name. The constructor only stores; use `open` and `close`.

    Parameters
    ----------
    folder
        Of the session: what children say goes into ``logs/NAME.err``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lifeline = Lifeline()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def open(self) -> None:
        """Get ready: from here on children notice when this process ends."""
        (self.folder / "logs").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lifeline.open()

    def start(self, name: str, argv: Sequence[str], out: Path | None = None) -> None:
        """Start a child; one of its name that runs is ended first.

        Parameters
        ----------
        name
            Of the child.
        argv
            Its command line.
        out
            File for its standard output; None: with the rest that it says.
        """
        self.end(name)
        with open(self._said(name), "wb", opener=_private) as said, Path(out or os.devnull).open("wb") as words:
            self._running[name] = subprocess.Popen(
                list(argv),
                stdin=subprocess.DEVNULL,
                stdout=words if out is not None else said,
                stderr=said,
                start_new_session=True,
                pass_fds=self._lifeline.passed,
                env={
                    **os.environ,
                    "OMP_NUM_THREADS": "1",
                    logs.VARIABLE: str((self.folder / "logs" / logs.FILE).absolute()),
                    **self._lifeline.environment,
                },
            )

    def code(self, name: str) -> int | None:
        """Exit code of a child that ended; None while it runs, and where it was never started."""
        process = self._running.get(name)
        return None if process is None else process.poll()

    def runs(self, name: str) -> bool:
        """Whether it was started and has not ended."""
        process = self._running.get(name)
        return process is not None and process.poll() is None

    def forget(self, name: str) -> None:
        """It has ended, and that was taken note of."""
        if not self.runs(name):
            self._running.pop(name, None)

    def ask(self, name: str) -> None:
        """Ask it to end, without waiting."""
        process = self._running.get(name)
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)

    def end(self, name: str, limit_s: float = POLITE_S) -> None:
        """Ask it to end, and wait; killed after the limit. Harmless where it does not run."""
        process = self._running.pop(name, None)
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            until = now() + limit_s
            try:
                process.wait(max(0.01, until - now()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def last_words(self, name: str) -> str:
        """The last line that a child said; empty where it said nothing."""
        try:
            lines = self._said(name).read_text("utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        coded = [line for line in lines if CODED.search(line)]
        return (coded or lines or [""])[-1].removeprefix("eegseek: ").strip()

    def close(self, limit_s: float = POLITE_S) -> None:
        """End all that still run."""
        for name in tuple(self._running):
            self.ask(name)
        for name in tuple(self._running):
            self.end(name, limit_s)
        self._lifeline.close()

    def _said(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.err"


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
