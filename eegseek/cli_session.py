"""``eegseek session``: the guided live session."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from config.errors import SettingsError
from config.load import load_settings, preset_names
from config.search import MOST_ROUNDS, OWN
from config.session_ask import MOST, MOST_FORMER, MOST_S, Ask, read_ask
from eegseek.cli_forget import holder

OPTIONAL = {"--search": OWN}
"""Options whose value may be left out, and what it is then."""
PRESETS = ", ".join(name for name in preset_names() if name != "demo")


class Session(TyperCommand):
    """A command that takes ``--search`` with and without a value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse them, each value that was left out put in."""
        return super().parse_args(ctx, completed(args))


def completed(arguments: Sequence[str]) -> list[str]:
    """Arguments in which every option of ``OPTIONAL`` has a value."""
    found: list[str] = []
    for one, following in zip(arguments, (*arguments[1:], "-"), strict=False):
        found += [one, OPTIONAL[one]] if one in OPTIONAL and following.startswith("-") else [one]
    return found


def formers(named: Sequence[str], folder: Path) -> tuple[str, ...]:
    """Folders of earlier sessions, each by its name in the folder of sessions or by its own folder."""
    if len(named) > MOST_FORMER:
        raise SettingsError(f"--former was given {len(named)} times, expected {MOST_FORMER} at most")
    return tuple(str((Path(one) if len(Path(one).parts) > 1 else folder / one).absolute()) for one in named)


def session(
    preset: Annotated[str | None, typer.Option("--preset", "-p", help=f"The headset: {PRESETS}.")] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")] = None,
    set_: Annotated[list[str], typer.Option("--set", help="Override a setting: section.key=value.")] = [],  # noqa: B006
    name: Annotated[str, typer.Option(help="A pseudonym for the session's folder, never a person's name.")] = "",
    pictures: Annotated[
        Path | None, typer.Option(help="Folder with a subfolder of pictures for each category.")
    ] = None,
    categories: Annotated[
        str, typer.Option(help="Which of them, with commas between; of recordings: marker labels.")
    ] = "",
    participant: Annotated[bool, typer.Option("--participant", help="A SIMULATED person wears the headset.")] = False,
    snr_db: Annotated[float, typer.Option(help="Of the simulated participant, dB.")] = -6.0,
    recording: Annotated[
        list[Path] | None,
        typer.Option(help="A recording with its markers is the headset; of several the last one is answered."),
    ] = None,
    speed: Annotated[float, typer.Option(min=0, help="Of recordings, times real time; 0: as fast as it goes.")] = 20.0,
    board: Annotated[str, typer.Option(help="A BrainFlow board in place of the preset's: synthetic, …")] = "",
    encoder: Annotated[
        Path | None, typer.Option("--encoder", "-e", help="Decoder of an earlier session, in place of a calibration.")
    ] = None,
    former: Annotated[
        list[str] | None,
        typer.Option(help="Learn from an earlier session of this person, too: its name or folder; repeatable."),
    ] = None,
    resume: Annotated[str, typer.Option(help="Go on with the session of this name, or in this folder.")] = "",
    presenter: Annotated[bool, typer.Option(help="Show pictures here; else another program sends markers.")] = True,
    size: Annotated[str, typer.Option(help="Show pictures in a window of so many pixels, such as 1280x720.")] = "",
    dashboard: Annotated[bool, typer.Option("--dashboard", help="Show everything in the browser, too.")] = False,
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Answer every question by its default: no key is needed.")
    ] = False,
    checks: Annotated[
        bool, typer.Option("--checks", help="Unattended, make the blink and alpha checks all the same.")
    ] = False,
    contact: Annotated[float, typer.Option(min=0.1, help="Unattended, wait so long for good contact, s.")] = 20.0,
    blocks: Annotated[int, typer.Option(min=2, max=MOST, help="Blocks of the calibration, at most.")] = 12,
    trials: Annotated[int, typer.Option(min=4, max=MOST, help="Pictures of a block.")] = 40,
    on: Annotated[float, typer.Option(min=0.02, max=MOST_S, help="How long a picture is shown, s.")] = 0.3,
    blank: Annotated[
        float, typer.Option(min=0.0, max=MOST_S, help="Background after it, s, or a quarter longer.")
    ] = 0.5,
    use_trials: Annotated[int, typer.Option(min=2, max=MOST, help="Pictures once the decoder is there.")] = 40,
    search: Annotated[
        str,
        typer.Option(
            metavar="[GALLERY]",
            help="Free search: a gallery with pictures ranks itself towards what is attended to; without a folder the "
            "session draws its own.",
        ),
    ] = "",
    rounds: Annotated[int, typer.Option(min=1, max=MOST_ROUNDS, help="Of a search, --use-trials pictures each.")] = 6,
    alpha: Annotated[float, typer.Option(help="Most false alarms a session.")] = 0.05,
    seed: Annotated[int, typer.Option(min=0, help="Of the order of pictures.")] = 0,
) -> None:
    """Go from a headset in its box to answers, step by step: find, fit, calibrate, use, report.

    For example: [bold]eegseek session --preset muse[/bold], or without any headset
    [bold]eegseek session --preset muse --participant[/bold] (simulated).
    """
    from eegseek.session.driver import guided
    from eegseek.session.place import Workplace
    from eegseek.session.terminal import Terminal

    overrides = tuple(set_)
    folder = Path(load_settings(None if config is None else str(config), None, overrides).session.folder)
    if resume:
        if former:
            raise SettingsError("--former is for a new session; --resume goes on with what the session was begun with")
        if len(Path(resume).parts) > 1:
            folder = Path(resume).absolute().parent
        named = Path(resume).name
        ask = read_ask(folder / named).model_copy(
            update={"unattended": unattended, "dashboard": dashboard, "size": size, "checks": checks}
        )
    else:
        named = name or f"session-{datetime.now():%Y%m%d-%H%M%S}"
        _check_name(folder / named)
        ask = Ask(
            preset=preset or "",
            config="" if config is None else str(config.absolute()),
            overrides=overrides,
            name=named,
            pictures="" if pictures is None else str(pictures.absolute()),
            categories=tuple(part.strip() for part in categories.split(",") if part.strip()),
            participant=participant,
            snr_db=snr_db,
            recordings=tuple(str(file.absolute()) for file in recording or ()),
            speed=speed,
            board=board,
            presenter=presenter,
            size=size,
            unattended=unattended,
            checks=checks,
            contact_s=contact,
            encoder="" if encoder is None else str(encoder.absolute()),
            former=formers(former or (), folder),
            seed=seed,
            blocks=blocks,
            trials=trials,
            on_s=on,
            blank_s=blank,
            use_trials=use_trials,
            search=search if search in ("", OWN) else str(Path(search).absolute()),
            rounds=rounds,
            alpha=alpha,
            dashboard=dashboard,
        )
    keys = None if unattended or not sys.stdin.isatty() else sys.stdin
    if keys is None and not unattended and not dashboard:
        raise SettingsError(
            "nobody can answer here: this is no terminal; run it in one, or give --dashboard, or --unattended"
        )
    guided(Workplace(ask, folder / named), Terminal(sys.stdout, keys))


def _check_name(folder: Path) -> None:
    """The name of a session that never recorded anything is free again.

    Raises
    ------
    SettingsError
        There is a session of that name.
    """
    from eegseek.session.place import nothing_to_lose

    if not folder.exists():
        return
    if not nothing_to_lose(folder):
        raise SettingsError(
            f"there is a session '{folder.name}' already; --resume {folder.name} goes on with it, or name another"
        )
    if process := holder(folder.resolve()):
        raise SettingsError(f"session '{folder.name}' is in use by process {process}; stop it first, or name another")
