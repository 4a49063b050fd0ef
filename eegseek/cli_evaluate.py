"""``eegseek evaluate``: score a decoder by the field's protocols."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from config.errors import SettingsError
from eegseek.cli_training import Config, Device, Gallery, Preset, Seed, Set, Truth

PROTOCOLS = (
    "zero-shot (default), subjects, concepts, few-shot, texts, open-set, categories, post-hoc, window-end, "
    "anytime, channels, causality or artefacts. May be repeated."
)


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder of the encoder bundle.")],
    recordings: Annotated[
        list[Path], typer.Argument(help="What is scored: recordings, journals (.esj) or epochs folders.")
    ],
    gallery: Gallery,
    protocol: Annotated[list[str], typer.Option("--protocol", help=PROTOCOLS)] = ["zero-shot"],  # noqa: B006
    train: Annotated[
        list[Path],
        typer.Option(help="To learn from, for protocols that train again as the bundle was. May be repeated."),
    ] = [],  # noqa: B006
    calibration: Annotated[
        list[Path], typer.Option(help="To fit post-hoc corrections on, without labels; never scored. May be repeated.")
    ] = [],  # noqa: B006
    anytime: Annotated[
        bool, typer.Option("--anytime", help="Score each end of a bundle trained with --parts, and its stop rule.")
    ] = False,
    n_way: Annotated[
        str, typer.Option(help="Tell so many of the shown items apart: 200, or 2,10,200. Empty: all that were shown.")
    ] = "",
    repeats: Annotated[
        str, typer.Option(help="Average so many repeats: 1,2,4,80. Empty: powers of two, as far as there are.")
    ] = "",
    centres: Annotated[bool, typer.Option("--centres", help="Score against class centres, too.")] = False,
    whole_gallery: Annotated[bool, typer.Option(help="Score against every item of the gallery, too.")] = True,
    shots: Annotated[str, typer.Option(help="Of few-shot classes: 1,2,5.")] = "",
    ends: Annotated[str, typer.Option(help="Window ends in ms: 100,200,500. Empty: every 100 ms.")] = "",
    channels: Annotated[str, typer.Option(help="Numbers of channels: 1,4,17. Empty: doubling.")] = "",
    folds: Annotated[int, typer.Option(min=2, help="Parts of the classes in concept hold-out.")] = 5,
    categories: Annotated[
        Path | None, typer.Option(help="Table of items and categories (.csv/.tsv); else the items' attributes.")
    ] = None,
    unknown: Annotated[str, typer.Option(help="Marker of windows that show nothing of the gallery, as: blank.")] = "",
    truth: Truth = None,
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
    unit: Annotated[
        Literal["auto", "subjects", "stimuli", "runs"], typer.Option(help="What the intervals resample; never trials.")
    ] = "auto",
    allow_seen: Annotated[
        bool, typer.Option("--allow-seen", help="Score stimuli that were learned from; every row is marked.")
    ] = False,
    allow_blocked: Annotated[
        bool, typer.Option("--allow-blocked", help="Score designs whose labels time gives away; every row is marked.")
    ] = False,
    report: Annotated[Path | None, typer.Option(help="Write an HTML page with tables and figures here.")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write everything here, as JSON.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the rows here: a line for each score.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Score a decoder on recordings it has not seen, by the field's protocols.

    Each score stands with its chance level, a 95 % interval (whole stimuli, runs or subjects resampled) and a test;
    each row says which gallery was searched, how the decoder was chosen, and whether anything transductive was used.
    What leaks is refused: recordings or stimuli learned from, repeats on both sides, labels that time gives away.

    [bold]eegseek evaluate bundles/me test/ -g gallery --report out[/bold]
    retrieval among the pictures shown, and among the whole gallery, for 1, 2, 4, … repeats, as a page

    [bold]eegseek evaluate bundles/me test/ -g gallery --protocol window-end --train training/[/bold]
    a decoder for each window end, trained as bundles/me was
    """
    from training.evaluation.evaluate_command import Places, evaluate_command
    from training.protocols.zero_shot import Options

    options = Options(
        n_way=numbers(n_way, "--n-way"),
        repeats=numbers(repeats, "--repeats"),
        centres=centres,
        everything=whole_gallery,
        unit=unit,
        seed=seed,
    )
    evaluate_command(
        bundle,
        recordings,
        gallery,
        train=train,
        calibration=calibration,
        truth=truth,
        config=None if config is None else str(config),
        preset=preset,
        overrides=set_,
        places=Places(json, csv, report),
        protocols=tuple(
            dict.fromkeys(["anytime", *(p for p in protocol if p != "zero-shot")] if anytime else protocol)
        ),
        options=options,
        shots=numbers(shots, "--shots"),
        ends_s=tuple(end / 1000 for end in numbers(ends, "--ends")),
        channels=numbers(channels, "--channels"),
        folds=folds,
        categories=categories,
        unknown=unknown,
        allow_seen=allow_seen,
        allow_blocked=allow_blocked,
        device=device,
    )


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Whole numbers above nought of a list such as ``1,2,4``, sorted.

    Raises
    ------
    SettingsError
        It is none.
    """
    try:
        found = sorted({int(part) for part in text.split(",") if part.strip()})
    except ValueError as error:
        raise SettingsError(f"{option} '{text}' is no list of whole numbers, such as 1,2,4") from error
    if found and found[0] < 1:
        raise SettingsError(f"{option} '{text}' must hold numbers above 0")
    return tuple(found)
