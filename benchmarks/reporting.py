"""What a benchmark found, as a file and on the screen."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from config.errors import ProcessError

WIDTH = 140
"""Of tables that are written to a file, in characters."""


def printer() -> Console:
    """Standard output; wide where it is no terminal, so that tables stay readable."""
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


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
