"""``eegseek replay SESSION --verify``: one clear answer, and an exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from config.errors import SettingsError

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
"""As acquisition and workers run; libraries read it when they are first imported, so it takes a process of its own."""


def verify(
    session: str, *, segment: int | None, encoder: Path | None, gallery: Path | None, report: Path | None
) -> None:
    """Recompute a session and leave with 0 where everything is as it was stored, else with 1.

    Raises
    ------
    EegseekError
        A journal or a bundle cannot be used.
    """
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        raise typer.Exit(_again(session, segment, encoder, gallery, report))
    from eegseek.verify import Verifier, segments
    from eegseek.verify_show import as_json, show

    console = Console()
    files = segments(Path(session), segment)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("reading", total=None)
        verifier = Verifier(encoder, gallery, lambda done, total: progress.update(task, completed=done, total=total))
        found = []
        for file in files:
            progress.update(task, description=f"verifying {file.name}", completed=0, total=None)
            found.append(verifier.verify(file))
    show(found, console)
    if report is not None:
        report.write_text(json.dumps(as_json(found), indent=1, allow_nan=False) + "\n", "utf-8")
    if any(one.differences.count for one in found):
        raise typer.Exit(1)


def refuse_without(verify: bool, segment: int | None) -> None:
    """An option that would do nothing is refused.

    Raises
    ------
    SettingsError
        A segment is named and nothing is verified.
    """
    if segment is not None and not verify:
        raise SettingsError("--segment names what --verify looks at; to play a segment give its journal (.esj)")


def _again(session: str, segment: int | None, encoder: Path | None, gallery: Path | None, report: Path | None) -> int:
    options = {"--segment": segment, "--encoder": encoder, "--gallery": gallery, "--json": report}
    given = [text for name, value in options.items() if value is not None for text in (name, str(value))]
    command = [sys.executable, "-m", "eegseek", "replay", "--verify", *given, "--", session]
    return subprocess.run(command, env={**os.environ, **ONE_THREAD}, check=False).returncode
