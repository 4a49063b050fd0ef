"""``eegseek forget``: delete everything that was recorded of a session."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import psutil
import typer

from config.errors import PathError

JOURNALS = "*.esj"
SETTINGS = "settings.json"


def forget(
    session: Annotated[Path, typer.Argument(help="Folder of the session, such as sessions/session-20260131-101500.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Delete a session's folder: recordings, results, logs and settings, for good.

    What was written elsewhere stays: --report and --trace files, and encoders trained on the session.

    For example: [bold]eegseek forget sessions/session-20260131-101500[/bold]
    """
    files = contents(session)
    size = sum(file.lstat().st_size for file in files)
    if not yes and not typer.confirm(f"Delete '{session}', {len(files)} files, {size / 1e6:.1f} MB, for good?"):
        typer.echo("nothing was deleted")
        raise typer.Exit(1)
    shutil.rmtree(session)
    typer.echo(f"deleted '{session}': {len(files)} files, {size / 1e6:.1f} MB")


def contents(session: Path) -> list[Path]:
    """All files of a session's folder.

    Raises
    ------
    PathError
        It is no session's folder, holds others, or is being recorded.
    """
    if session.is_symlink() or not session.is_dir():
        raise PathError(f"'{session}' is no folder; name the folder of a session, which is in session.folder")
    if not any(session.glob(JOURNALS)) and not ((session / SETTINGS).is_file() and (session / "logs").is_dir()):
        raise PathError(f"'{session}' is no session's folder (no journal, no settings and logs); nothing was deleted")
    here = session.resolve()
    if Path.cwd().is_relative_to(here) or Path.home().is_relative_to(here):
        raise PathError(f"'{session}' holds the folder that you are in, or your home; it is not deleted")
    if inside := next((file for file in session.glob(f"*/{JOURNALS}") if not file.parent.is_symlink()), None):
        raise PathError(f"'{session}' holds other sessions, such as '{inside.parent}'; delete each by its own folder")
    if process := holder(here):
        raise PathError(f"session '{session}' is in use by process {process}; stop it first")
    return [path for path in session.rglob("*") if path.is_symlink() or not path.is_dir()]


def holder(folder: Path) -> int:
    """Id of a process of this user that has a file of the folder open; 0 where none has."""
    for process in psutil.process_iter():
        try:
            if any(Path(file.path).is_relative_to(folder) for file in process.open_files()):
                return int(process.pid)
        except psutil.Error:
            continue
    return 0
