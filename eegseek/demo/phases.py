"""What the demo says while it works: a line or a bar for each phase, on stderr."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

Done = Callable[[int, int], None]
"""Called with how much is done, and of how much."""
Told = Callable[[str, int, int], None]
"""The same, with what is being done first."""


@contextmanager
def bars(console: Console) -> Iterator[Told]:
    """A bar for each new thing that is done, left standing when it is complete."""
    columns = (TextColumn("{task.description:<44}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        tasks = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield told


def named(told: Told, what: str) -> Done:
    """A `Done` for one thing."""
    told(what, 0, 1)
    return lambda done, total: told(what, done, total)
