"""``eegseek evaluate`` as a plain function, so that the command line stays thin."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from config.bundles import read_encoder_spec, read_gallery_spec, read_session_file
from config.errors import SettingsError
from config.load import load_settings
from training.evaluation import row_tables
from training.evaluation.evaluate_inputs import read_scored, sources_of
from training.evaluation.evaluate_protocols import check_protocol
from training.evaluation.evaluate_report import evaluate_report
from training.evaluation.evaluate_session import EvaluateRequest
from training.protocols.retrain import check_space
from training.protocols.schema import Report, Row
from training.trials.epochs import Progress


@dataclass(frozen=True)
class Places:
    """Where the outcome goes; None: nowhere."""

    json: Path | None = None
    csv: Path | None = None
    page: Path | None = None
    """Folder of the HTML report."""


def evaluate_command(
    bundle: Path,
    recordings: Sequence[Path],
    gallery: Path,
    *,
    train: Sequence[Path] = (),
    calibration: Sequence[Path] = (),
    truth: Path | None = None,
    config: str | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    places: Places = Places(),
    console: Console | None = None,
    **choices: Any,
) -> Report:
    """Score an encoder bundle, draw the tables, and write what is asked for.

    Chain, window and rejection are the bundle's own; of the settings only the markers and the reading of recordings
    are used.

    Parameters
    ----------
    bundle, gallery
        Folders.
    recordings, train, calibration
        What is scored, what is learned from by protocols that train again, and what post-hoc corrections are fitted on:
        recordings, journals (``.esj``) and epochs folders.
    truth
        Session file; without it a marker's label is the item's id.
    config, preset, overrides
        Settings.
    places
        Where to write.
    console
        Where to draw.
    choices
        Fields of `EvaluateRequest`.

    Raises
    ------
    EegseekError
        One sentence about what is wrong.
    """
    console = console or Console()
    for name in choices.get("protocols", ()):
        check_protocol(name)
    spec = read_encoder_spec(bundle)
    check_space(spec, read_gallery_spec(gallery))
    settings = load_settings(config, preset, overrides)
    known = read_session_file(truth).truth if truth else {}
    with bar(console) as told:
        scored = read_scored(recordings, spec, settings, known, told)
        files = sources_of(recordings, settings)
        sources = tuple(files) if len(files) == len(recordings) else ()
        learned = read_scored(train, spec, settings, known, told) if train else None
        quiet = read_scored(calibration, spec, settings, known, told) if calibration else None
        request = EvaluateRequest(
            bundle,
            gallery,
            scored,
            learned,
            calibration=quiet,
            sources=sources,
            with_figures=places.page is not None,
            **choices,
        )
        found = evaluate_report(request, told)
        if places.page:
            _write_page(found, places.page)
    console.print(row_tables.evaluation(found))
    if places.json:
        written(places.json, lambda file: file.write(json.dumps(found.json_able(), indent=1) + "\n"))
    if places.csv:
        written(places.csv, lambda file: write_csv(file, found.rows))
    for place in (places.page, places.json, places.csv):
        if place:
            console.print(f"written to {place}")
    return found


def _write_page(found: Report, folder: Path) -> None:
    from training.report.build import write_report

    write_report(found, folder)


def write_csv(file: Any, rows: Sequence[Row]) -> None:
    """A line for each score of each row, with all of the row's conditions."""
    conditions = [name for name in Row.model_fields if name not in ("metrics", "notes")]
    out = csv.writer(file)
    out.writerow([*conditions, "score", "value", "chance", "low", "high", "n", "unit", "p", "test"])
    for row in rows:
        values = row.model_dump()
        head = [" ".join(v) if isinstance(v := values[name], tuple) else v for name in conditions]
        for name, metric in row.metrics.items():
            m = metric
            out.writerow([*head, name, m.value, m.chance, m.low, m.high, m.n, m.unit, m.p, m.test])
        if not row.metrics:
            out.writerow([*head, *[""] * 9])


def written(path: Path, write: Callable[[Any], object]) -> None:
    """Write a text file.

    Raises
    ------
    SettingsError
        It cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", encoding="utf-8", newline="") as file:
            write(file)
    except OSError as error:
        raise SettingsError(f"'{path}' cannot be written: {error.strerror}; choose another") from error


@contextmanager
def bar(console: Console) -> Iterator[Progress]:
    """A progress bar that starts over with each new thing that is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=console, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield told
