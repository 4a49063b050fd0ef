"""Few-shot: classes that are known from a few answers alone, by the mean of their embeddings [1]_.

References
----------
.. [1] Snell, Swersky & Zemel (2017), Prototypical networks for few-shot learning, NeurIPS.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.encoders.base import unit_norm
from inference.gallery import Gallery
from training.confidence import scoring
from training.protocols import classes
from training.protocols.answers import Answers, Retrieval, join, retrieve
from training.protocols.conditions import Conditions
from training.protocols.schema import Curve, Row
from training.protocols.statistics import retrieval_metrics
from training.protocols.zero_shot import curve_of

PROTOCOL = "few-shot classes"
EPISODES = 20
"""Random choices of the shots."""
SHOTS = (1, 2, 5, 10)
Index = NDArray[np.int64]


def few_shot(
    given: Answers, gallery: Gallery, base: Conditions, *, shots: Sequence[int] = (), seed: int = 0
) -> tuple[list[Row], Curve]:
    """Top-1 among classes against the number of shots.

    A class is an item label. Where every class has several pictures, shots are answers to some of its pictures and the
    others are scored. Where each has one, shots come from other recordings than what is scored.

    Parameters
    ----------
    given
        Answers: averages of each picture, or single trials where classes have one picture each.
    shots
        Numbers of shots of a class; empty: `SHOTS`, as far as they go.
    seed
        Of the choices.

    Raises
    ------
    RecordingError
        There are too few classes, pictures or recordings, or not so many shots.
    """
    labels, of_row = classes.class_of_rows(gallery)
    known, code = np.unique(of_row[given.rows], return_inverse=True)
    if len(known) < 2:
        raise RecordingError(f"few-shot needs two classes or more, the recordings show '{labels[int(known[0])]}' alone")
    pictures = [len(np.unique(given.rows[code == k])) for k in range(len(known))]
    by_picture = min(pictures) >= 2
    group = given.rows if by_picture else given.units["runs"]
    most = _most(group, code, by_picture)
    if most < 1:
        raise RecordingError(
            "classes have one picture each and there is one recording: shots and answers cannot be kept apart; give "
            "several recordings"
        )
    wanted = tuple(shots) or tuple(k for k in SHOTS if k <= most)
    if min(wanted) < 1:
        raise RecordingError(f"{min(wanted)} shots of a class say nothing of it; ask for 1 or more (--shots)")
    if max(wanted) > most:
        raise RecordingError(f"{max(wanted)} shots of a class are asked for, at most {most} leave something to score")
    rows = []
    for count in wanted:
        found = _episodes(given, code, group, by_picture, count, seed)
        unit = scoring.choose_unit(found.units, "auto")
        apart = "pictures" if by_picture else "recordings"
        what = (
            f"{count} shot{'s' * (count > 1)} of each of {len(known)} classes, shots and answers of different {apart}"
        )
        scores = retrieval_metrics(found, len(known), unit, seed=seed)
        rows.append(
            base.row(PROTOCOL, what, n_way=len(known), gallery="classes", repeats=given.repeats, metrics=scores)
        )
    return rows, curve_of(f"top-1 of {len(known)} classes against shots", "shots of each class", rows, wanted)


def _most(group: Index, code: Index, by_picture: bool) -> int:
    """Most shots of a class that leave something to score."""
    names = range(int(code.max()) + 1)
    if by_picture:
        return min(len(np.unique(group[code == k])) for k in names) - 1
    runs = np.unique(group)
    if len(runs) < 2:
        return 0
    return min(int(np.sum((code == k) & (group != run))) for k in names for run in runs)


def _episodes(given: Answers, code: Index, group: Index, by_picture: bool, shots: int, seed: int) -> Retrieval:
    rng = np.random.default_rng((seed, shots))
    parts = []
    for episode in range(EPISODES):
        support = (
            _pictures(code, group, shots, rng)
            if by_picture
            else _other_runs(code, group, shots, rng, np.unique(group)[episode % len(np.unique(group))])
        )
        scored = ~np.isin(group, group[np.concatenate(support)]) if by_picture else group == _left(group, episode)
        prototypes = unit_norm(np.stack([given.vectors[index].mean(axis=0) for index in support]))
        index = np.flatnonzero(scored)
        units = {name: unit[index] for name, unit in given.units.items()}
        parts.append(retrieve(given.vectors[index], code[index], prototypes, units))
    return join(parts)


def _left(group: Index, episode: int) -> int:
    runs = np.unique(group)
    return int(runs[episode % len(runs)])


def _pictures(code: Index, group: Index, shots: int, rng: np.random.Generator) -> list[Index]:
    """Answers to ``shots`` random pictures of each class."""
    found = []
    for k in range(int(code.max()) + 1):
        chosen = rng.choice(np.unique(group[code == k]), shots, replace=False)
        found.append(np.flatnonzero((code == k) & np.isin(group, chosen)))
    return found


def _other_runs(code: Index, group: Index, shots: int, rng: np.random.Generator, scored: int) -> list[Index]:
    """``shots`` random answers of each class from other recordings than the one that is scored."""
    members = [np.flatnonzero((code == k) & (group != scored)) for k in range(int(code.max()) + 1)]
    return [np.sort(rng.choice(m, shots, replace=False)) for m in members]
