"""The terminal of a guided session: lines, one line that changes, and single keys."""

from __future__ import annotations

import os
import select
import sys
from typing import IO, Any

from config.guide import Choice
from wire.clock import now

SLOW_S = 5.0
"""Where the output is no terminal, the line that changes is written no more often than this."""
BELL = "\a"


class Terminal:
    """Words out, keys in. The constructor only stores.

    Parameters
    ----------
    out
        Where words go.
    keys
        A file to read keys from; None: nobody answers.
    """

    def __init__(self, out: IO[str] = sys.stdout, keys: IO[str] | None = None) -> None:
        self.out = out
        self.keys = keys
        self._before: list[Any] | None = None
        self._line = self._last = ""
        self._at_s = float("-inf")

    def open(self) -> None:
        """Take single keys, where this is a terminal."""
        if self.keys is not None and self.keys.isatty():
            import termios
            import tty

            self._before = termios.tcgetattr(self.keys.fileno())
            tty.setcbreak(self.keys.fileno())

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._clear()
        if self._before is not None and self.keys is not None:
            import termios

            termios.tcsetattr(self.keys.fileno(), termios.TCSADRAIN, self._before)
            self._before = None

    def say(self, *lines: str) -> None:
        """Write lines, which stay."""
        self._clear()
        for line in lines:
            self._last = line
            self._write(_plain(line) + "\n")

    def title(self, words: str) -> None:
        """A heading."""
        self.say("", f"=== {words} ===")

    def ask(self, choices: tuple[Choice, ...]) -> None:
        """Say what may be answered; nothing where nobody answers here."""
        if self.keys is not None and choices:
            told = "   ".join(f"[{one.key}{' or return' if one.default else ''}] {one.words}" for one in choices)
            self.say(f"  {told}")

    def line(self, words: str) -> None:
        """The line that changes; empty: none."""
        if words == self._line:
            return
        if self.out.isatty():
            self._clear()
            self._line = words
            width = (os.get_terminal_size(self.out.fileno()).columns or 80) - 1
            self._write(_plain(words)[:width])
        elif words and words != self._last and now() - self._at_s >= SLOW_S:
            self._line, self._at_s = words, now()
            self._write(_plain(words) + "\n")

    def ring(self) -> None:
        """Sound the bell, for eyes that are closed."""
        if self.out.isatty():
            self._write(BELL)

    def key(self) -> str:
        """A key that was pressed; empty where none was."""
        keys = self.keys
        if keys is None or not select.select([keys], [], [], 0)[0]:
            return ""
        pressed = os.read(keys.fileno(), 1)
        if not pressed:  # closed: nobody will answer any more
            self.keys = None
        return pressed.decode("utf-8", errors="ignore")

    def _clear(self) -> None:
        if self._line and self.out.isatty():
            self._write("\r\x1b[2K")
            self._line = ""

    def _write(self, text: str) -> None:
        self.out.write(text)
        self.out.flush()


def choice_of(key: str, choices: tuple[Choice, ...]) -> str:
    """Name of the choice of a key, return standing for the default; empty where it is none."""
    if key in ("\n", "\r"):
        return next((one.name for one in choices if one.default), "")
    return next((one.name for one in choices if one.key == key.lower()), "")


def _plain(text: str) -> str:
    """Without what a terminal obeys: names come from streams and files."""
    return "".join(letter if letter.isprintable() else " " for letter in text)
