"""``eegseek classify``: zero-shot classes from prompts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from config.errors import SettingsError
from config.load import preset_names

Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")]
Preset = Annotated[str | None, typer.Option("--preset", "-p", help=f"Start from one of: {', '.join(preset_names())}.")]
Set = Annotated[list[str], typer.Option("--set", help="Override a setting: section.key=value. May be repeated.")]


def classify(
    bundle: Annotated[Path, typer.Argument(help="Folder of the encoder bundle.")],
    recordings: Annotated[
        list[Path] | None, typer.Argument(help="Recordings, journals (.esj) or epochs folders; or --embeddings.")
    ] = None,
    class_: Annotated[
        list[str], typer.Option("--class", help="name=prompt; repeat for each class, and for more prompts of one.")
    ] = [],  # noqa: B006
    gallery: Annotated[
        Path | None,
        typer.Option("--gallery", "-g", help="In place of prompts: a gallery whose labels are the classes."),
    ] = None,
    truth: Annotated[
        Path | None, typer.Option(help="Session file: marker labels to classes; else a label that is a class.")
    ] = None,
    embeddings: Annotated[Path | None, typer.Option(help="A .npy of embeddings made earlier, (n, dim).")] = None,
    labels: Annotated[Path | None, typer.Option(help="Beside --embeddings: the marker of each, one a line.")] = None,
    pretrained: Annotated[str, typer.Option(help="The text model's file of weights, where the space needs it.")] = "",
    cache: Annotated[Path | None, typer.Option(help="Folder of fetched weights; else the shared one.")] = None,
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
    unit: Annotated[
        Literal["auto", "subjects", "stimuli", "runs"], typer.Option(help="What the intervals resample; never windows.")
    ] = "auto",
    answers: Annotated[Path | None, typer.Option(help="Write the answer to each window here (CSV).")] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the intervals.")] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Name the class of each window by prompts: no window of these classes is needed beforehand.

    The encoder must be trained against a gallery of an open_clip model, whose text side embeds the prompts.

    Where the truth is known, the answers are scored against chance.

    For example: [bold]eegseek classify me run4.edf --class "dog=a photo of a dog" --class "car=a photo of a car"[/bold]
    """
    from training.classification.classify import read_classes
    from training.classification.classify_command import classify_command
    from training.classification.classify_windows import Stored
    from training.progress import bar

    if (embeddings is None) == (not recordings):
        raise SettingsError("give recordings (or epochs folders), or --embeddings: what is to be classified")
    if labels is not None and embeddings is None:
        raise SettingsError("--labels stands beside --embeddings; markers of recordings are in the recordings")
    with bar() as told:
        classify_command(
            bundle,
            recordings or [] if embeddings is None else Stored(embeddings, labels),
            prompts=read_classes(class_) if class_ else None,
            gallery=gallery,
            truth=truth,
            weights=pretrained,
            cache=cache,
            config=None if config is None else str(config),
            preset=preset,
            overrides=set_,
            unit=unit,
            seed=seed,
            device=device,
            json_path=json,
            answers_path=answers,
            progress=told,
        )
