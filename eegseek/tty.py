"""The terminal that a run was started in: its display may read keys from it, and it is left as it was."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any, TextIO

LEAVE = "\x1b[?1049l\x1b[?25h"
"""Back from the alternate screen, with a cursor."""


class Tty:
    """Standard input, where it is a terminal and we are in its foreground. The constructor only stores."""

    def __init__(self, stdin: TextIO | None = None):
        self.file = stdin or sys.stdin
        self._before: list[Any] | None = None

    def open(self) -> None:
        """Note how the terminal is set."""
        try:
            import termios

            if self.file is not None and os.tcgetpgrp(self.file.fileno()) == os.getpgrp():
                self._before = termios.tcgetattr(self.file)
        except (ImportError, OSError, ValueError):  # no terminal, or another's, or none at all
            self._before = None

    @property
    def for_display(self) -> int | TextIO:
        """What a display's standard input is to be: in the background keys are not ours to take."""
        return subprocess.DEVNULL if self._before is None else self.file

    @property
    def drawn_on(self) -> bool:
        """Whether a display may draw here."""
        return self._before is not None and sys.stdout.isatty()

    def restore(self, *, killed: bool = False) -> None:
        """Put the terminal back as it was; with ``killed``, a display could not leave the screen itself."""
        if self._before is None:
            return
        import termios

        termios.tcsetattr(self.file, termios.TCSANOW, self._before)
        if killed and sys.stdout.isatty():
            sys.stdout.write(LEAVE)
            sys.stdout.flush()
