"""The trials of before this dashboard joined: cut once more from the journals, by a process that nobody waits for."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from config.errors import EegseekError
from display.dashboard.children import NICEST, ended, last_words, started
from wire import pipe
from wire.lifeline import Lifeline
from wire.packets import Status, Tap


@dataclass(frozen=True)
class Progress:
    """How far it has come.

    Attributes
    ----------
    stage
        ``unasked`` before anybody looked.
    trials
        Counted so far.
    why
        What went wrong.
    """

    stage: Literal["unasked", "reading", "done", "failed"] = "unasked"
    trials: int = 0
    why: str = ""


class Former:
    """Reads them once, in a thread of its own. The constructor only stores.

    Parameters
    ----------
    folder
        The session's.
    take
        Gets each of them, in the thread, and says whether it is new.

    Attributes
    ----------
    joined
        Segment, and windows that were due in it, when the session was first heard; None while it has not been.
    """

    def __init__(self, folder: Path, take: Callable[[Tap], bool]) -> None:
        self.folder = folder
        self.joined: tuple[int, int] | None = None
        self._take = take
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self.now = Progress()

    def hear(self, status: Status) -> None:
        """Note when this dashboard joined."""
        if self.joined is None and status.role == "acquisition":
            self.joined = (status.segment, status.counters.get("due", 0))

    @property
    def late(self) -> bool:
        """Whether there may be any."""
        return self.joined != (0, 0)

    def begin(self) -> None:
        """Read them, where that has not begun."""
        if self._thread is None:
            self.now = Progress("reading")
            self._thread = threading.Thread(target=self._read, name="former", daemon=True)
            self._thread.start()

    def close(self, limit_s: float) -> None:
        """Give up what has not been read."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
        if self._thread is not None:
            self._thread.join(limit_s)

    def _read(self) -> None:
        line = Lifeline()
        line.open()
        try:
            with tempfile.TemporaryDirectory(prefix="eegseek-former-", ignore_cleanup_errors=True) as place:
                self._listen(Path(place) / "said.txt", line)
        except (EegseekError, OSError) as error:
            self.now = replace(self.now, stage="failed", why=str(error))
        finally:
            line.close()

    def _listen(self, said: Path, line: Lifeline) -> None:
        command = [sys.executable, "-m", "acquisition.retap", str(self.folder.absolute())]
        process = self._process = started(command, said, line, out=subprocess.PIPE, nice=NICEST)
        try:
            while process.stdout is not None and (packet := pipe.take(process.stdout)) is not None:
                if isinstance(packet, Tap) and self._take(packet):
                    self.now = replace(self.now, trials=self.now.trials + 1)
            code = process.wait()
        finally:
            ended(process)
            if process.stdout is not None:
                process.stdout.close()
        if code:
            self.now = replace(self.now, stage="failed", why=last_words(said) or f"exit code {code}")
        else:
            self.now = replace(self.now, stage="done")
