"""``eegseek dataset crops``: long recordings, one text each, as epochs folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from eegseek.cli_training import Config, Preset, Set
from training.progress import bar


def crops(
    table: Annotated[
        Path, typer.Argument(help="A .csv or .tsv with columns file and text (a gallery id), perhaps subject.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for an epochs folder of each recording.")],
    length: Annotated[float, typer.Option(min=0.1, help="Of a crop, s.")] = 10.0,
    step: Annotated[float, typer.Option(min=0, help="From one crop to the next, s; 0: one after the other.")] = 0.0,
    rate: Annotated[float, typer.Option(min=1, help="Sampling rate of the crops, Hz.")] = 100.0,
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
) -> None:
    """Cut long recordings into crops that all carry the id of the recording's text, without any marker.

    The folders are trained on as any epochs are, and scored with [bold]eegseek evaluate … --protocol texts[/bold]. A
    text gallery is made with [bold]eegseek gallery build --text[/bold].
    """
    from training.trials.crops import crops_command

    with bar() as told:
        folders = crops_command(
            table,
            out,
            length_s=length,
            step_s=step,
            rate_hz=rate,
            config=None if config is None else str(config),
            preset=preset,
            overrides=set_,
            progress=told,
        )
    typer.echo(f"{len(folders)} recordings in crops of {length:g} s written to {out}")
