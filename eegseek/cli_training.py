"""``eegseek train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from config.load import preset_names
from inference.encoders.registry import names
from training.objectives.augment import CHANGES
from training.objectives.registry import OBJECTIVES

Recordings = Annotated[
    list[Path], typer.Argument(help="Recordings, journals (.esj) of former sessions, or epochs folders.")
]
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
    encoder: Annotated[str, typer.Option("--encoder", "-e", help=f"One of {', '.join(names())}.")] = "riemann",
    truth: Truth = None,
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
    parameter: Annotated[list[str], typer.Option(help="Option of the encoder: name=value. May be repeated.")] = [],  # noqa: B006
    validation: Annotated[
        Literal["auto", "recording", "stimulus", "none"], typer.Option(help="What is held out; never repeats.")
    ] = "auto",
    validation_share: Annotated[float, typer.Option(min=0.01, max=0.9)] = 0.1,
    average: Annotated[
        Literal["single", "averaged", "both", "subsets"],
        typer.Option(help="Trials trained on; subsets: means over random repeats, drawn anew for each pass."),
    ] = "both",
    epochs: Annotated[int, typer.Option(min=0, help="Passes at most; 0: the encoder's usual.")] = 0,
    batch: Annotated[int, typer.Option(min=1)] = 256,
    learning_rate: Annotated[float, typer.Option(min=0, help="0: the encoder's usual.")] = 0.0,
    weight_decay: Annotated[float, typer.Option(min=0)] = 1e-4,
    patience: Annotated[int, typer.Option(min=0, help="Passes without gain before stopping; 0 runs all.")] = 8,
    objective: Annotated[
        list[str], typer.Option(help=f"Learn by: name=weight, summed where repeated. {', '.join(OBJECTIVES)}.")
    ] = ["infonce"],  # noqa: B006
    augment: Annotated[
        list[str], typer.Option(help=f"Change training windows: name=strength. {', '.join(CHANGES)}.")
    ] = [],  # noqa: B006
    schedule: Annotated[Literal["constant", "cosine"], typer.Option(help="Of the learning rate.")] = "constant",
    warmup: Annotated[float, typer.Option(min=0, help="Passes over which the learning rate rises.")] = 0.0,
    clip: Annotated[float, typer.Option(min=0, help="Largest norm of the gradient; 0: any.")] = 0.0,
    features: Annotated[
        str, typer.Option(help="Learn towards the gallery's embeddings, or mix its layers or blurs.")
    ] = "embeddings",
    adapter: Annotated[bool, typer.Option(help="Learn an adapter of the gallery's side too.")] = False,
    adapter_dropout: Annotated[float, typer.Option(min=0, max=1)] = 0.85,
    projection: Annotated[int, typer.Option(min=0, help="Project items into so many dimensions; 0: not.")] = 0,
    asr: Annotated[
        float, typer.Option(min=0, help="Artifact subspace reconstruction as part of the chain: cutoff in SD; 0: none.")
    ] = 0.0,
    faster: Annotated[bool, typer.Option("--faster", help="Leave out windows that FASTER finds odd.")] = False,
    parts: Annotated[
        str, typer.Option(help="Answer at earlier window ends too, in ms: 200,300,400. Empty: only at the end.")
    ] = "",
    whiten: Annotated[bool, typer.Option(help="Whiten windows over channels (noise normalisation).")] = False,
    precision: Annotated[str, typer.Option(help="auto, 32, bf16 or 16; the CPU computes in float32.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="How many of that device.")] = 1,
    threads: Annotated[int, typer.Option(min=0, help="Processor threads; 0: one. Two help on an idle machine.")] = 0,
    run: Annotated[Path | None, typer.Option(help="Folder of figures and checkpoint; default: OUT-run.")] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the run's checkpoint.")] = False,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train a decoder on recordings, cut by the very chain that runs live, or on epochs folders; write a bundle.

    For example: [bold]eegseek train rec1.csv rec2.csv -g two -p muse-lsl -o bundles/me[/bold]
    """
    from eegseek.cli_evaluate import numbers
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
        objectives=objective,
        augmentations=augment,
        schedule=schedule,
        warmup=warmup,
        clip=clip,
        features=features,
        adapter=adapter,
        adapter_dropout=adapter_dropout,
        projection=projection,
        whiten=whiten,
        asr=asr,
        faster=faster,
        precision=precision,
        devices=devices,
        threads=threads,
        run=run,
        parts_s=[end / 1000 for end in numbers(parts, "--parts")],
        resume=resume,
        seed=seed,
        device=device,
    )
