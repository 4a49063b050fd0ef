"""``eegseek compare``: a grid of encoders, objectives and subjects in one table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from eegseek.cli_evaluate import numbers
from eegseek.cli_training import Config, Device, Preset, Seed, Set, Truth


def compare(
    out: Annotated[Path, typer.Argument(help="Folder; what is finished in it is not run again.")],
    encoder: Annotated[
        list[str], typer.Option("--encoder", "-e", help="Name of an encoder, or all. May be repeated.")
    ] = ["eegproject"],  # noqa: B006
    objective: Annotated[
        list[str],
        typer.Option(help="infonce, several as infonce=1+mmd=0.5, or all. May be repeated; closed forms have none."),
    ] = ["infonce"],  # noqa: B006
    train: Annotated[
        list[Path], typer.Option(help="To learn from: recordings or epochs folders. May be repeated.")
    ] = [],  # noqa: B006
    test: Annotated[list[Path], typer.Option(help="To score: recordings or epochs folders. May be repeated.")] = [],  # noqa: B006
    gallery: Annotated[Path | None, typer.Option("--gallery", "-g", help="Folder of the gallery bundle.")] = None,
    participant: Annotated[
        bool, typer.Option("--participant", help="Make the data: a simulated participant, minutes on one core.")
    ] = False,
    people: Annotated[int, typer.Option(min=1, help="Simulated persons, with --participant.")] = 1,
    pictures: Annotated[int, typer.Option(min=40, help="Pictures learned from, with --participant.")] = 420,
    star: Annotated[
        bool,
        typer.Option(
            "--star", help="All encoders by the first objective, and the first network by all, not all pairs."
        ),
    ] = False,
    transfer: Annotated[
        bool,
        typer.Option("--transfer", help="Train on all subjects together, too, and show what that adds for each."),
    ] = False,
    epochs: Annotated[int, typer.Option(min=0, help="Passes at most; 0: each encoder's usual.")] = 0,
    batch: Annotated[int, typer.Option(min=2)] = 256,
    learning_rate: Annotated[float, typer.Option(min=0, help="0: each encoder's usual.")] = 0.0,
    average: Annotated[
        Literal["single", "averaged", "both", "subsets"], typer.Option(help="Trials that networks learn from.")
    ] = "both",
    patience: Annotated[int, typer.Option(min=0, help="Passes without gain before stopping; 0 runs all.")] = 8,
    validation: Annotated[
        Literal["auto", "recording", "stimulus", "none"],
        typer.Option(help="Held out of what is learned from, to choose epoch or penalty."),
    ] = "auto",
    n_way: Annotated[str, typer.Option(help="Tell so many of the shown items apart; empty: all.")] = "",
    repeats: Annotated[str, typer.Option(help="Average so many repeats: 1,4,80. Empty: powers of two.")] = "",
    truth: Truth = None,
    config: Config = None,
    preset: Preset = None,
    set_: Set = [],  # noqa: B006
    allow_seen: Annotated[bool, typer.Option("--allow-seen", help="Score stimuli that were learned from.")] = False,
    allow_blocked: Annotated[bool, typer.Option("--allow-blocked", help="Score blocked designs.")] = False,
    seed: Seed = 0,
    device: Device = "auto",
) -> None:
    """Train every encoder by every objective on every subject, score all alike, and make one table.

    Each subject is trained and scored by itself; a line gives their mean, with a test across them. A cell that fails is
    a line that says why. Stopped in the middle, the same command goes on where it was.

    [bold]eegseek compare out --participant -e all --objective all --star[/bold]

    [bold]eegseek compare out --participant --people 6 --transfer[/bold]

    [bold]eegseek compare out -e nice -e riemann --train sub-08/training --test sub-08/test -g gallery[/bold]
    """
    from training.comparison.compare_command import compare_command
    from training.comparison.compare_participant import Sizes
    from training.protocols.zero_shot import Options

    training: dict[str, Any] = {
        "epochs_max": epochs,
        "batch": batch,
        "learning_rate": learning_rate,
        "average": average,
        "patience": patience or None,
        "validation": validation,
        "seed": seed,
    }
    sizes = replace(Sizes(), learned=pictures, people=people, seed=seed) if participant else None
    compare_command(
        out,
        encoders=encoder,
        objectives=objective,
        train=train,
        test=test,
        gallery=gallery,
        participant=sizes,
        truth=truth,
        config=None if config is None else str(config),
        preset=preset,
        overrides=set_,
        star=star,
        training=training,
        options=Options(
            n_way=numbers(n_way, "--n-way"), repeats=numbers(repeats, "--repeats"), everything=False, seed=seed
        ),
        transfer=transfer,
        allow_seen=allow_seen,
        allow_blocked=allow_blocked,
        device=device,
    )
