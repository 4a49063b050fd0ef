"""``eegseek compare`` as a plain function, so that the command line stays thin."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from config.bundles import read_session_file
from config.errors import SettingsError
from config.load import load_settings
from training.comparison import compare_participant, compare_tables, compare_transfer
from training.comparison.compare import Outcome, compare
from training.comparison.compare_grid import Grid, Pair, by_subject, known_encoders, known_objectives
from training.comparison.compare_participant import Sizes
from training.evaluation.evaluate_command import bar, written
from training.protocols.data import Data
from training.protocols.zero_shot import Options
from training.trials.epochs import Progress
from training.trials.train_inputs import read_inputs

TABLE = "table"


def compare_command(
    out: Path,
    *,
    encoders: Sequence[str],
    objectives: Sequence[str],
    train: Sequence[Path] = (),
    test: Sequence[Path] = (),
    gallery: Path | None = None,
    participant: Sizes | None = None,
    truth: Path | None = None,
    config: str | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    star: bool = False,
    training: dict[str, Any] | None = None,
    options: Options | None = None,
    transfer: bool = False,
    allow_seen: bool = False,
    allow_blocked: bool = False,
    device: str = "auto",
    console: Console | None = None,
) -> list[Outcome]:
    """Train and score a grid, draw its table, and write it as ``table.csv``, ``.json`` and ``.md``.

    Parameters
    ----------
    out
        Folder; cells that are finished there are not run again.
    encoders, objectives
        See `training.comparison.compare.Grid`; ``all`` stands for all that there are.
    train, test
        Recordings or epochs folders to learn from and to score; each subject is a data set of its own.
    gallery
        Folder of the gallery.
    participant
        Make the data: a simulated participant. Then neither ``train``, ``test`` nor ``gallery`` is given.
    training
        Further fields of `training.request.TrainRequest`.
    transfer
        Score each subject by what was trained on all subjects, too; ``table-transfer.csv`` says what that adds.

    Raises
    ------
    EegseekError
        One sentence about what is wrong. What goes wrong within a cell stands in the table.
    """
    console = console or Console()
    with bar(console) as told:
        if participant is not None:
            if train or test or gallery:
                raise SettingsError("--participant makes its own data; leave --train, --test and --gallery out")
            made = compare_participant.make(out / "participant", participant, told)
            train, test, gallery = made.learned, made.scored, made.gallery
        if not train or not test or gallery is None:
            raise SettingsError("give --train, --test and --gallery, or --participant for made-up data")
        pairs = _pairs(train, test, truth, config, preset, overrides, told)
        grid = Grid(
            known_encoders(encoders),
            known_objectives(objectives),
            pairs,
            gallery,
            star=star,
            training=training or {},
            options=options or Options(),
            transfer=transfer,
            allow_seen=allow_seen,
            allow_blocked=allow_blocked,
            device=device,
        )
        found = compare(grid, out / "cells", told)
    lines = compare_tables.lines(found)
    console.print(compare_tables.screen(lines))
    effects = compare_transfer.effects(lines)
    if effects:
        console.print(compare_transfer.screen(effects))
    _write(out, lines, effects, found)
    console.print(f"written to {out / TABLE}.csv, .json and .md")
    return found


def _pairs(
    train: Sequence[Path],
    test: Sequence[Path],
    truth: Path | None,
    config: str | None,
    preset: str | None,
    overrides: Sequence[str],
    told: Progress,
) -> tuple[Pair, ...]:
    settings = load_settings(config, preset, overrides)
    known = read_session_file(truth).truth if truth else {}
    learned, scored = (read_inputs(paths, settings, told) for paths in (train, test))
    if learned.plan != scored.plan:
        raise SettingsError("what is learned from and what is scored were cut by other plans; cut both alike")
    sides = (Data(one.epochs, one.origins, one.plan, known) for one in (learned, scored))
    return by_subject(*sides)


def _write(
    out: Path,
    lines: Sequence[compare_tables.Line],
    effects: Sequence[compare_transfer.Effect],
    found: Sequence[Outcome],
) -> None:
    records, gained = compare_tables.records(lines), compare_transfer.records(effects)
    whole = {"table": records, "transfer": gained, "cells": [one.model_dump(mode="json") for one in found]}
    text = compare_tables.markdown(lines) + ("\n" + compare_transfer.markdown(effects) if effects else "")
    written(out / f"{TABLE}.csv", lambda file: _csv(file, records))
    if gained:
        written(out / f"{TABLE}-transfer.csv", lambda file: _csv(file, gained))
    else:
        (out / f"{TABLE}-transfer.csv").unlink(missing_ok=True)
    written(out / f"{TABLE}.json", lambda file: file.write(json.dumps(whole, indent=1) + "\n"))
    written(out / f"{TABLE}.md", lambda file: file.write(text))


def _csv(file: Any, records: Sequence[dict[str, Any]]) -> None:
    writer = csv.DictWriter(file, list(records[0]))
    writer.writeheader()
    writer.writerows(records)
