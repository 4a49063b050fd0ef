"""A grid of encoders, objectives and subjects: each trained, each scored alike, in one table; an error is a row too."""

from __future__ import annotations

import hashlib
import json
import re
import time
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from acquisition.offline import Epochs
from config.bundles import EncoderSpec, fingerprint
from config.chain import Frozen
from config.errors import EegseekError
from inference.gallery import Gallery
from training.comparison.compare_grid import CLOSED_FORM, Cell, Grid, cells, terms
from training.comparison.compare_pooled import Once, together
from training.evaluation.evaluate_report import evaluate_report
from training.evaluation.evaluate_session import EvaluateRequest
from training.protocols.blocked import check_time
from training.protocols.data import Data
from training.protocols.leaks import check_sides
from training.protocols.schema import Row
from training.request import TrainRequest
from training.train import train
from training.trials.epochs import Progress, silent

RESULT_JSON = "result.json"


class Outcome(Frozen):
    """``result.json`` of a cell."""

    format: Literal["eegseek-compare"] = "eegseek-compare"
    version: Literal[1] = 1
    encoder: str
    objective: str
    data: str
    asked: str
    """Hash of everything that decides the outcome."""
    rows: tuple[Row, ...] = ()
    pooled: int = 0
    """Subjects that were learned from together; 0: the data's own training set."""
    kept_epoch: int | None = None
    seconds: float = 0.0
    """Of training (where it was done for this cell) and scoring, on whatever else the machine did."""
    error: str = ""


def compare(grid: Grid, out: Path, progress: Progress = silent) -> list[Outcome]:
    """Train and score every cell that has not been; what is finished is read again.

    Parameters
    ----------
    grid
        What is compared.
    out
        A folder for each cell, with its bundle and its result.
    progress
        Told which cell, and what in it.

    Raises
    ------
    SettingsError, BundleError
        The grid makes no sense. What goes wrong within a cell is said in its outcome, and it is tried anew next time.
    RecordingError
        Learned and scored data overlap, or labels can be told from time.
    """
    todo = cells(grid)
    gallery = Gallery.load(grid.gallery)
    for pair in grid.pairs:
        learned, scored = (side.without_signal(gallery) for side in (pair.learned, pair.scored))
        check_sides(learned, scored, zero_shot=not grid.allow_seen)
        check_time(learned, gallery, allow_blocked=grid.allow_blocked)
    if grid.transfer:
        everything = together(grid.pairs).without_signal(gallery)
        for pair in grid.pairs:
            check_sides(everything, pair.scored.without_signal(gallery), zero_shot=not grid.allow_seen)
    found, once = [], Once()
    for done, cell in enumerate(todo):
        name = _name(grid, cell)
        progress("cells", done, len(todo))
        place = out / _slug(name)
        asked = _asked(grid, cell, gallery)
        outcome = _read(place / RESULT_JSON, asked)
        if outcome is None:
            outcome = _run(grid, cell, gallery, place, asked, once, progress)
            place.mkdir(parents=True, exist_ok=True)
            (place / RESULT_JSON).write_text(outcome.model_dump_json(indent=1) + "\n", "utf-8")
        found.append(outcome)
    progress("cells", len(todo), len(todo))
    return found


def _name(grid: Grid, cell: Cell) -> str:
    return f"{cell.encoder}, {cell.objective}, {grid.pairs[cell.pair].name}" + ", trained on all" * cell.pooled


def _run(grid: Grid, cell: Cell, gallery: Gallery, place: Path, asked: str, once: Once, progress: Progress) -> Outcome:
    pair = grid.pairs[cell.pair]
    start = time.perf_counter()
    rows: tuple[Row, ...] = ()
    kept, error = None, ""

    def told(what: str, done: int, total: int) -> None:
        progress(f"{_name(grid, cell)}: {what}", done, total)

    def learn(bundle: Path) -> EncoderSpec:
        return train(_request(grid, cell, gallery, bundle), told)

    try:
        if cell.pooled:
            shared = place.parent / _slug(f"{cell.encoder}, {cell.objective}, all subjects")
            bundle, kept = once.learn(shared, _asked(grid, cell, gallery, scored=False), learn)
        else:
            bundle = place / "bundle"
            kept = learn(bundle).training.get("kept_epoch")
        scored = EvaluateRequest(
            bundle,
            grid.gallery,
            pair.scored,
            options=grid.options,
            allow_seen=grid.allow_seen,
            allow_blocked=grid.allow_blocked,
            device=grid.device,
        )
        rows = evaluate_report(scored, told).rows
    except EegseekError as failure:
        error = str(failure)
    except Exception as failure:  # the top of a cell: one that breaks must not take the others with it
        error = f"{type(failure).__name__}: {str(failure).splitlines()[0] if str(failure) else 'no message'}"
    return Outcome(
        encoder=cell.encoder,
        objective=cell.objective,
        data=pair.name,
        asked=asked,
        rows=rows,
        pooled=len(grid.pairs) if cell.pooled else 0,
        kept_epoch=kept,
        seconds=round(time.perf_counter() - start, 2),
        error=error,
    )


def _request(grid: Grid, cell: Cell, gallery: Gallery, bundle: Path) -> TrainRequest:
    learned = _learned(grid, cell)
    more = dict(grid.training)
    if cell.objective != CLOSED_FORM:
        more["objectives"] = terms(cell.objective)
    return TrainRequest(
        epochs=learned.epochs,
        gallery=gallery,
        encoder=cell.encoder,
        out=bundle,
        plan=learned.plan,
        truth=dict(learned.truth),
        origins=learned.origins,
        device=grid.device,
        gallery_folder=grid.gallery,
        **more,
    )


def _learned(grid: Grid, cell: Cell) -> Data:
    return together(grid.pairs) if cell.pooled else grid.pairs[cell.pair].learned


def _asked(grid: Grid, cell: Cell, gallery: Gallery, scored: bool = True) -> str:
    """Hash of everything that decides what comes out of a cell (or its training), but for the program itself."""
    said = {
        "encoder": cell.encoder,
        "objective": cell.objective,
        "learned": _data(_learned(grid, cell)),
        "scored": _data(grid.pairs[cell.pair].scored) if scored else [],
        "gallery": fingerprint(gallery.spec),
        "training": {name: str(value) for name, value in sorted(grid.training.items())},
        "options": str(grid.options) if scored else "",
        "allowed": [grid.allow_seen, grid.allow_blocked],
    }
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _data(data: Data) -> list[Any]:
    return [
        *((o.sha256 or _digest(e), o.subject, list(e.labels)) for e, o in zip(data.epochs, data.origins, strict=True)),
        str(data.plan),
        sorted(data.truth.items()),
    ]


def _digest(epochs: Epochs) -> str:
    return hashlib.sha256(epochs.data.tobytes()).hexdigest()


def _read(path: Path, asked: str) -> Outcome | None:
    """A finished result of just this cell; None where there is none, or it failed."""
    try:
        found = Outcome.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
    return found if found.asked == asked and not found.error else None


def _slug(name: str) -> str:
    """Name of a cell's folder; a hash keeps apart what looks alike."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
