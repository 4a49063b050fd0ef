"""``eegseek recover``: BIDS recordings of sessions, from their journals."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from config.errors import JournalError


def recover(
    folders: Annotated[list[Path], typer.Argument(help="Folders of sessions, with their segment-0000.esj.")],
    force: Annotated[bool, typer.Option("--force", help="Make runs again that are there already.")] = False,
) -> None:
    """Make the BIDS recordings that sessions lack, from their journals: after a crash, a full disk, or a power cut.

    What is there stays as it is, and journals are only read. The exit status is 1 where a journal was damaged, or
    something could not be read or written.
    """
    from acquisition.bids import recover as work
    from acquisition.bids.progress import Line, failed, sentences

    wrong = []
    for folder in folders:
        line = Line(sys.stderr)
        try:
            report = work.recover(folder, force=force, progress=line.tell)
        except JournalError as error:
            wrong.append(str(error))
            continue
        finally:
            line.end()
        for words in sentences(report):
            typer.echo(words)
        if failed(report):
            wrong.append(f"not everything in '{folder}' could be recovered; the sentences above say what is missing")
    if wrong:
        raise JournalError("; ".join(wrong))
