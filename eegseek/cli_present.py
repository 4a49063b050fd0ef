"""``eegseek present``: show pictures, send markers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import ValidationError

from config.bundles import SessionFile, canonical
from config.errors import OutputError, PlanError, SettingsError
from config.presentation import Look, Plan, Stimulus, first_fault, read_plan, write_plan

Patch = Literal["top-left", "top-right", "bottom-left", "bottom-right", "none"]
WHAT, ORDER, SCREEN = "What is shown", "Order and time", "Screen and markers"
Mode = Annotated[
    Literal["rsvp", "single", "oddball", "flicker"],
    typer.Option("--mode", "-m", help="How stimuli follow each other.", rich_help_panel=ORDER),
]


def present(
    plan: Annotated[Path | None, typer.Option(help="A plan made before (JSON).", rich_help_panel=WHAT)] = None,
    gallery: Annotated[
        Path | None, typer.Option("--gallery", "-g", help="Pictures of this gallery bundle.", rich_help_panel=WHAT)
    ] = None,
    pictures: Annotated[
        Path | None, typer.Option(help="Pictures in a folder; each subfolder is a category.", rich_help_panel=WHAT)
    ] = None,
    plain: Annotated[
        str, typer.Option(help="Things the program draws: red,blue,checker, ...", rich_help_panel=WHAT)
    ] = "",
    delay_test: Annotated[
        bool, typer.Option("--delay-test", help="A white square, for calibrate-delay.", rich_help_panel=WHAT)
    ] = False,
    category: Annotated[
        list[str],
        typer.Option("--category", help="Categories to show; may be repeated. Empty: all.", rich_help_panel=WHAT),
    ] = [],  # noqa: B006
    by: Annotated[
        str, typer.Option(help="Where a gallery's categories stand: label, or an attribute.", rich_help_panel=WHAT)
    ] = "label",
    most: Annotated[
        int, typer.Option(min=0, help="At most so many pictures (of each category); 0: all.", rich_help_panel=WHAT)
    ] = 0,
    few_pictures: Annotated[
        bool, typer.Option("--few-pictures", help="Allow a category of one picture.", rich_help_panel=WHAT)
    ] = False,
    mode: Mode = "single",
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same order.", rich_help_panel=ORDER)] = 0,
    blocks: Annotated[int, typer.Option(min=1, help="Blocks, with a break between.", rich_help_panel=ORDER)] = 4,
    trials: Annotated[int, typer.Option(min=1, help="Trials of a block.", rich_help_panel=ORDER)] = 40,
    rate: Annotated[float, typer.Option(min=0.1, help="RSVP: stimuli a second, Hz.", rich_help_panel=ORDER)] = 5.0,
    duty: Annotated[
        float, typer.Option(min=0.01, max=1, help="RSVP: share of that time it is shown.", rich_help_panel=ORDER)
    ] = 0.5,
    on: Annotated[
        float | None, typer.Option(min=0.001, help="Others: shown for so long, s.", rich_help_panel=ORDER)
    ] = None,
    blank: Annotated[
        str, typer.Option(metavar="A-B", help="Others: blank after it, drawn from A to B s.", rich_help_panel=ORDER)
    ] = "0.7-1.1",
    flicker: Annotated[
        str, typer.Option(help="Frequencies of the categories, Hz, with commas.", rich_help_panel=ORDER)
    ] = "10",
    target: Annotated[str, typer.Option(help="Oddball: the rare category.", rich_help_panel=ORDER)] = "",
    target_share: Annotated[
        float, typer.Option(min=0.01, max=0.5, help="Oddball: its share.", rich_help_panel=ORDER)
    ] = 0.2,
    catch: Annotated[
        float, typer.Option(min=0, max=1, help="Catch trials (press space), as a share.", rich_help_panel=ORDER)
    ] = 0.0,
    break_s: Annotated[
        float | None, typer.Option("--break", min=0.1, help="Breaks end after so long, s.", rich_help_panel=ORDER)
    ] = None,
    unattended: Annotated[
        float | None, typer.Option(min=0.1, help="No pause waits longer than this, s.", rich_help_panel=ORDER)
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="WxH", help="A window, pixels; else the full screen.", rich_help_panel=SCREEN)
    ] = "",
    display: Annotated[int, typer.Option(min=0, help="Which screen.", rich_help_panel=SCREEN)] = 0,
    vsync: Annotated[bool, typer.Option(help="Ask for vertical sync.", rich_help_panel=SCREEN)] = True,
    patch: Annotated[Patch, typer.Option(help="Corner for a photodiode.", rich_help_panel=SCREEN)] = "none",
    height: Annotated[
        float, typer.Option(min=0.05, max=1, help="Of pictures, as a share of the screen.", rich_help_panel=SCREEN)
    ] = 0.6,
    stream: Annotated[str, typer.Option(help="LSL stream of the markers.", rich_help_panel=SCREEN)] = "Markers",
    wait: Annotated[bool, typer.Option(help="Begin when somebody listens to it.", rich_help_panel=SCREEN)] = True,
    lan: Annotated[
        bool, typer.Option("--lan", help="Let the network see it (unencrypted).", rich_help_panel=SCREEN)
    ] = False,
    log: Annotated[Path | None, typer.Option(help="JSON lines are appended here.", rich_help_panel=SCREEN)] = None,
    report: Annotated[
        Path | None, typer.Option("--report", "--json", help="Write the numbers here, JSON.", rich_help_panel=SCREEN)
    ] = None,
    plan_only: Annotated[
        Path | None, typer.Option(help="Write the plan here, and show nothing.", rich_help_panel=WHAT)
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Write a session file here: marker to gallery id.", rich_help_panel=WHAT)
    ] = None,
) -> None:
    """Show pictures on a full screen, and send a marker (LSL) for each, stamped with its flip.

    For example: [bold]eegseek present --pictures my-pictures --mode rsvp --rate 5[/bold]

    Esc ends it at any time: log and last marker are written, and the exit status is 3.
    """
    from display.presenter.__main__ import window_size
    from display.presenter.process import Options
    from display.presenter.process import present as show

    options = {
        "mode": mode, "seed": seed, "blocks": blocks, "trials": trials, "rate_hz": rate, "duty": duty,
        "on_s": on or (4.0 if mode == "flicker" else 0.5), "blank_s": _range(blank), "flicker_hz": _numbers(flicker),
        "target": target, "target_share": target_share, "catch_share": catch, "break_s": break_s,
        "few_pictures": few_pictures, "look": Look(patch=patch, height=height),
    }  # fmt: skip
    if sum([plan is not None, gallery is not None, pictures is not None, bool(plain), delay_test]) != 1:
        raise SettingsError("say what to show: one of --plan, --gallery, --pictures, --plain and --delay-test")
    if plan is not None:
        made = read_plan(plan)
    elif delay_test:
        from display.presenter.make import delay_test as test

        made = test(seed=seed)
    else:
        made = _made(_stimuli(gallery, pictures, plain, category, by, most), options)
    if truth is not None:
        _write_truth(truth, made)
    if plan_only is not None:
        _only(plan_only, made)
        return
    given = Options(
        log=log or Path(f"{made.name}-{datetime.now():%Y%m%d-%H%M%S}.jsonl"), stream=stream, lan=lan,
        size=window_size(size), display=display, vsync=vsync, wait_s=None if wait else 0.0, unattended_s=unattended,
        report=report,
    )  # fmt: skip
    raise typer.Exit(show(made, given))


def _stimuli(
    gallery: Path | None, pictures: Path | None, plain: str, category: list[str], by: str, most: int
) -> tuple[Stimulus, ...]:
    from display.presenter import stimuli

    if gallery is not None:
        return stimuli.of_gallery(gallery, category, by=by, most=most)
    if pictures is not None:
        return stimuli.of_folder(pictures, category, most=most)
    return stimuli.plain([name.strip() for name in plain.split(",")])


def _made(found: tuple[Stimulus, ...], options: Mapping[str, object]) -> Plan:
    from display.presenter.make import Design, make_plan

    try:
        return make_plan(found, Design.model_validate(options))
    except ValidationError as error:
        raise PlanError(f"it cannot be shown so: {first_fault(error)}") from error


def _only(path: Path, plan: Plan) -> None:
    from display.presenter.frames import length_s
    from display.presenter.make import warnings

    write_plan(path, plan)
    count = sum(1 for _ in plan.trials())
    typer.echo(f"{path}: {count} trials in {len(plan.blocks)} blocks, {length_s(plan):.0f} s without pauses")
    for words in warnings(plan):
        typer.echo(f"note: {words}")


def _write_truth(path: Path, plan: Plan) -> None:
    if not plan.truth:
        raise PlanError("nothing of what is shown is in a gallery, so that there is no truth to write; use --gallery")
    try:
        path.write_bytes(canonical(SessionFile(truth=plan.truth, notes=f"plan '{plan.name}', seed {plan.seed}")))
    except OSError as error:
        raise OutputError(f"session file '{path}' cannot be written: {error.strerror}") from error


def _range(text: str) -> tuple[float, float]:
    low, dash, high = text.partition("-")
    try:
        return float(low), float(high if dash else low)
    except ValueError as error:
        raise SettingsError(f"--blank '{text}' is no range of seconds such as 0.7-1.1") from error


def _numbers(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise SettingsError(f"--flicker '{text}' is no list of frequencies such as 10,12") from error
