"""What a benchmark found, as a file and on the screen."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks import targets
from benchmarks.machine import machine_line
from config.errors import ProcessError

WIDTH = 140
"""Of tables that are written to a file, in characters."""


def printer() -> Console:
    """Standard output; wide where it is no terminal, so that tables stay readable."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def print_below(console: Console, found: dict[str, Any], lines: Iterable[str] = ()) -> None:
    """What stands below a table: lines, the targets if there are any, and the machine."""
    for line in lines:
        console.print(line, highlight=False, markup=False)
    if found["targets"]:
        console.print(targets.table(found["targets"]))
    console.print(machine_line(found["machine"]), highlight=False, markup=False)


def write_json(found: dict[str, Any], path: Path | None) -> None:
    """Write it where a path is given.

    Raises
    ------
    ProcessError
        The file cannot be written.
    """
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise ProcessError(f"'{path}' cannot be written ({error.strerror}); choose another place") from error
