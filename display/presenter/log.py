"""What was shown, when: a file of JSON lines, each of them in the hands of the system as soon as it is written."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

from config.bounded import TooLargeError, read_bounded
from config.errors import OutputError
from wire.clock import boot, now

MAX_BYTES = 256 << 20
"""Hours of a presentation stay far below it."""


class Log:
    """Events of one presentation, appended to a file. A context manager; the constructor only stores.

    A line holds ``event`` and ``time_s`` (the clock that the markers are stamped with, s) beside what belongs to it.

    Parameters
    ----------
    path
        Of the file. What stands in it stays; a presentation begins with the event ``begin``.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Log:
        """Open the file.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8", buffering=1)  # each line at once
        except OSError as error:
            raise OutputError(f"log '{self.path}' cannot be written: {error.strerror}; choose another place") from error
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Close it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def write(self, event: str, *, time_s: float | None = None, **fields: Any) -> None:
        """Write a line.

        Parameters
        ----------
        event
            What happened.
        time_s
            When; None: now.
        fields
            What belongs to it.

        Raises
        ------
        OutputError
            The disk is full.
        """
        if self._file is None:
            return
        line = {"event": event, "time_s": now() if time_s is None else time_s, **fields}
        try:
            self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise OutputError(f"log '{self.path}' cannot be written on: {error.strerror}; free space") from error

    def begin(self, **fields: Any) -> None:
        """Write the first line of a presentation, with which start of the machine its clock counts from."""
        self.write("begin", boot=boot(), **fields)


def read_log(path: Path) -> list[dict[str, Any]]:
    """Events of a log; a last line that was cut off is left out.

    Raises
    ------
    OutputError
        It cannot be read, or holds something else.
    """
    try:
        lines = read_bounded(path, MAX_BYTES).decode("utf-8").split("\n")
    except (OSError, TooLargeError, UnicodeDecodeError) as error:
        raise OutputError(f"log '{path}' cannot be read: {error}") from error
    events = []
    for number, line in enumerate(lines[:-1], 1):
        try:
            event = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise OutputError(f"line {number} of log '{path}' is not JSON ({error})") from error
        if not isinstance(event, dict) or "event" not in event:
            raise OutputError(f"line {number} of log '{path}' is no event of a presentation")
        events.append(event)
    return events
