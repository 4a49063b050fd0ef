"""Concept hold-out: all pictures of some classes are held out, and a decoder that never met these classes is scored."""

from __future__ import annotations

import numpy as np

from config.errors import RecordingError
from inference.gallery import Gallery
from training.confidence import scoring
from training.protocols import classes, leaks
from training.protocols.answers import Retrieval, answers, join_units, retrieve
from training.protocols.conditions import Conditions
from training.protocols.data import Data, TrainFn
from training.protocols.schema import GalleryKind, Row
from training.protocols.statistics import pooled_metrics
from training.protocols.zero_shot import Options, counts
from training.trials.epochs import Progress, silent

PROTOCOL = "concept hold-out"
FOLDS = 5
FEWEST = 4
"""Classes."""


def hold_out_concepts(
    train: TrainFn,
    data: Data,
    gallery: Gallery,
    base: Conditions,
    options: Options,
    *,
    folds: int = FOLDS,
    progress: Progress = silent,
) -> list[Row]:
    """Pictures and classes found among held-out ones; every class is held out once.

    Parameters
    ----------
    train
        Trains a decoder on the other classes.
    data
        Recordings that show all classes; an item's label is its class.
    folds
        Parts of the classes, one held out at a time.

    Raises
    ------
    RecordingError
        There are too few classes.

    Returns
    -------
    A row for pictures and one for classes at each repeat count; none for classes where each has one picture, which is
    its own centre.
    """
    labels, of_row = classes.class_of_rows(gallery)
    trials = data.trials(gallery)
    known = np.unique(of_row[trials.rows])
    if len(known) < FEWEST:
        raise RecordingError(f"{len(known)} classes are too few to hold some out; record pictures of {FEWEST} or more")
    parts = np.array_split(np.random.default_rng(options.seed).permutation(known), min(folds, len(known) // 2))
    wanted = counts(trials, options.repeats)
    by_picture: dict[int, list[Retrieval]] = {count: [] for count in wanted}
    by_class: dict[int, list[Retrieval]] = {count: [] for count in wanted}
    for number, part in enumerate(parts):
        progress("held-out concepts", number, len(parts))
        held = {labels[k] for k in part}

        def is_held(item: str, held: set[str] = held) -> bool:
            row = gallery.row_of.get(item)
            return row is not None and gallery.items[row].label in held

        inside = np.isin(of_row[trials.rows], part)
        leaks.check_split(trials, np.flatnonzero(~inside), np.flatnonzero(inside))
        trained = train(data.items(lambda item, test=is_held: not test(item)), f"concepts-{number + 1}")  # type: ignore[misc]
        scored = trials.take(np.flatnonzero(inside))
        shown = np.unique(scored.rows)
        centre = classes.centres(trained.gallery, shown)
        for count in wanted:
            given = answers(trained.encode, scored, count, rounds=options.rounds, seed=options.seed)
            place = np.searchsorted(shown, given.rows)
            by_picture[count].append(retrieve(given.vectors, place, trained.gallery.vectors[shown], given.units))
            near = retrieve(given.vectors, centre.of_row[given.rows], centre.vectors, given.units)
            by_class[count].append(near)
    progress("held-out concepts", len(parts), len(parts))
    one_each = int(np.isin(of_row, known).sum()) == len(known)
    told = f"{len(parts)} folds over {len(known)} classes"
    rows = []
    for count in wanted:
        kinds: tuple[tuple[GalleryKind, list[Retrieval], str], ...] = (
            ("shown images", by_picture[count], "the picture among those of held-out classes"),
            ("class centres", by_class[count], "the class among held-out classes, by means of its pictures"),
        )
        for kind, found, what in kinds[: 1 if one_each else 2]:
            units = join_units([part.units for part in found])
            n_way, metrics = pooled_metrics(found, scoring.choose_unit(units, "auto"), seed=options.seed)
            text = f"{what}; {told}"
            rows.append(base.row(PROTOCOL, text, n_way=n_way, gallery=kind, repeats=count, metrics=metrics))
    return rows
