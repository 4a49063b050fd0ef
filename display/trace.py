"""Every result shown, one JSON line each, for benchmarks and for those who score answers themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any

from msgspec import to_builtins

from config.errors import OutputError
from display.state import State
from wire.packets import Result

FLUSH_EVERY_S = 1.0


def row(state: State, result: Result) -> dict[str, Any]:
    """A result as a JSON object: its header, all answers and stamps included, and the true item where it is known.

    Where windows have parts, ``committed`` says for each version which answer stands for the stimulus so far.
    """
    told = {**to_builtins(result.header()), "truth": state.truth.of.get(result.stimulus)}
    if result.part or not result.final:
        told["committed"] = [state.anytime.told(result, version) for version in range(result.versions)]
    return told


class Trace:
    """A file of results. The constructor only stores."""

    def __init__(self, path: Path):
        self.path = path
        self._file: IO[str] | None = None
        self._flushed_s = 0.0

    def open(self) -> None:
        """Make the file.

        Raises
        ------
        OutputError
            It cannot be written.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("w", encoding="utf-8")
        except OSError as error:
            raise OutputError(f"the trace '{self.path}' cannot be written ({error.strerror})") from error

    def result(self, state: State, result: Result) -> None:
        """Write a row."""
        if self._file is not None:
            self._file.write(json.dumps(row(state, result)) + "\n")

    def tick(self, state: State, at_s: float) -> None:
        """Let readers see what is there."""
        if self._file is not None and at_s - self._flushed_s >= FLUSH_EVERY_S:
            self._flushed_s = at_s
            self._file.flush()

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
