"""``eegseek dashboard``, and the child that ``eegseek run --dashboard`` adds."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from config.errors import SessionError, SettingsFileError
from config.load import load_settings
from config.settings import Settings
from eegseek.children import Child

LEAVES = 12
"""Sessions looked at, the latest first, to find the one that is running."""


def dashboard(
    session: Annotated[
        Path | None,
        typer.Argument(help="The session's folder, such as sessions/mine; without it the latest one is joined."),
    ] = None,
    run: Annotated[
        str, typer.Option("--run", help="Run folder (run.folder) of the session; empty: this user's default.")
    ] = "",
    folder: Annotated[Path, typer.Option(help="Where sessions are (session.folder).")] = Path("sessions"),
    host: Annotated[str, typer.Option(help="Listen at this address in place of dashboard.host.")] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="... and port; 0: dashboard.port.")] = 0,
    set_: Annotated[list[str], typer.Option("--set", help="Override a setting: section.key=value.")] = [],  # noqa: B006
) -> None:
    """Show a running session in the browser; joined late and left at any time. Ctrl-C ends it, and not the session.

    For example: [bold]eegseek dashboard[/bold], then open the address that it prints.
    """
    from display.dashboard.process import serve_dashboard

    given = [*set_, *([f"dashboard.host={host}"] if host else []), *([f"dashboard.port={port}"] if port else [])]
    code = serve_dashboard(_settings(session, run, folder, given), name=f"dashboard-{os.getpid()}")
    if code:
        raise typer.Exit(code)


def child(file: Path) -> Child:
    """The dashboard as a child of a run; it ends with it.

    Parameters
    ----------
    file
        The run's settings.
    """
    argv = [sys.executable, "-m", "display.dashboard", "--config", str(file), "--with-run"]
    return Child("dashboard", "display", argv)


def beside(settings: Settings) -> tuple[Child, ...]:
    """Children that a run with a dashboard adds; its address is told.

    Raises
    ------
    EndpointError
        It cannot listen there: told before anything is started.
    """
    from display.dashboard.server import bound

    bound(settings.dashboard.host, settings.dashboard.port).close()
    file = Path(settings.session.folder) / settings.session.name / "settings.json"
    sys.stderr.write(f"eegseek: {address(settings)}\n")
    return (child(file),)


def address(settings: Settings) -> str:
    """What to tell people at the start of a run with a dashboard."""
    from display.dashboard.process import address_of
    from display.dashboard.security import loopback

    shown = settings.dashboard
    where = address_of(shown.host, shown.port, shown.token)
    asks = not shown.token and not loopback(shown.host)
    told = Path(settings.session.folder) / settings.session.name / "dashboard.url"
    return f"dashboard: {where}" + (f" with the token in '{told}'" if asks else "")


def _settings(session: Path | None, run: str, folder: Path, overrides: list[str]) -> Settings:
    """Settings of the session that is meant."""
    if session is not None:
        file = session / "settings.json"
        if not file.is_file():
            raise SettingsFileError(f"'{session}' is no session's folder: there is no settings.json in it")
        return _placed(load_settings(str(file), None, overrides), session)
    try:
        files = sorted(folder.glob("*/settings.json"), key=lambda file: file.stat().st_mtime, reverse=True)
    except OSError:
        files = []
    for file in files[:LEAVES]:
        settings = load_settings(str(file), None, overrides)
        if settings.run.folder == run:
            return _placed(settings, file.parent)
    where = f" that runs in '{run}'" if run else ""
    raise SessionError(
        f"there is no session in '{folder}'{where}; name its folder, as in `eegseek dashboard sessions/mine`, or start "
        "one with `eegseek run --dashboard`"
    )


def _placed(settings: Settings, session: Path) -> Settings:
    """The same, with the session's folder as it is found from here: the one it was started from may be another."""
    found = session.resolve()
    moved = settings.session.model_copy(update={"folder": str(found.parent), "name": found.name})
    return settings.model_copy(update={"session": moved})
