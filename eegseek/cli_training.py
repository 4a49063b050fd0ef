"""``eegseek train`` and ``eegseek evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from config.load import preset_names

Recordings = Annotated[list[Path], typer.Argument(help="Recordings, or journals (.esj) of former sessions.")]
Gallery = Annotated[Path, typer.Option("--gallery", "-g", help="Folder of the gallery bundle.")]
Truth = Annotated[Path | None, typer.Option(help="Session file: marker labels to gallery ids; else label = id.")]
Config = Annotated[Path | None, typer.Option("--config", "-c", help="Settings file (TOML).")]
Preset = Annotated[str | None, typer.Option("--preset", "-p", help=f"Start from one of: {', '.join(preset_names())}.")]
Set = Annotated[list[str], typer.Option("--set", help="Override a setting: section.key=value. May be repeated.")]
Seed = Annotated[int, typer.Option(min=0, help="Same seed, same numbers.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]


def train(
    recordings: Recordings,
    gallery: Gallery,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of the new encoder bundle.")],
    encoder: Annotated[
        str, typer.Option("--encoder", "-e", help="eegproject, spatial_mlp, nice, riemann, or braindecode:NAME.")
    ] = "riemann",
    truth: Truth = None,
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
    parameter: Annotated[list[str], typer.Option(help="Option of the encoder: name=value. May be repeated.")] = [],  # noqa: B006
    validation: Annotated[
        Literal["auto", "recording", "stimulus", "none"], typer.Option(help="What is held out; never repeats.")
    ] = "auto",
    validation_share: Annotated[float, typer.Option(min=0.01, max=0.9)] = 0.1,
    average: Annotated[Literal["single", "averaged", "both"], typer.Option(help="Trials trained on.")] = "both",
    epochs: Annotated[int, typer.Option(min=0, help="Passes at most; 0: the encoder's usual.")] = 0,
    batch: Annotated[int, typer.Option(min=1)] = 256,
    learning_rate: Annotated[float, typer.Option(min=0, help="0: the encoder's usual.")] = 0.0,
    weight_decay: Annotated[float, typer.Option(min=0)] = 1e-4,
    patience: Annotated[int, typer.Option(min=0, help="Passes without gain before stopping; 0 runs all.")] = 8,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train a decoder on recordings, cut by the very chain that runs live, and write it as a bundle.

    For example: [bold]eegseek train rec1.csv rec2.csv -g two -p muse-lsl -o bundles/me[/bold]
    """
    from training.commands import train_command

    train_command(
        recordings,
        gallery,
        encoder,
        out,
        truth=truth,
        config=None if config is None else str(config),
        preset=preset,
        overrides=set_,
        parameters=parameter,
        validation=validation,
        validation_share=validation_share,
        average=average,
        epochs=epochs,
        batch=batch,
        learning_rate=learning_rate,
        weight_decay=weight_decay,
        patience=patience,
        seed=seed,
        device=device,
    )


def evaluate(
    bundle: Annotated[Path, typer.Argument(help="Folder of the encoder bundle.")],
    recordings: Recordings,
    gallery: Gallery,
    truth: Truth = None,
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
    unit: Annotated[
        Literal["auto", "subjects", "stimuli", "runs"], typer.Option(help="What the intervals resample; never trials.")
    ] = "auto",
    json: Annotated[Path | None, typer.Option("--json", help="Write the report here.")] = None,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Score a decoder on recordings it has not seen; each figure stands with its chance level and interval."""
    from training.commands import evaluate_command

    evaluate_command(
        bundle,
        recordings,
        gallery,
        truth=truth,
        config=None if config is None else str(config),
        preset=preset,
        overrides=set_,
        unit=unit,
        seed=seed,
        device=device,
        json_path=json,
    )
