"""Corrections of a trained decoder for a new person or day, fitted without labels on recordings that are not scored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.encoders.base import Vectors
from inference.gallery import Gallery
from training.confidence import posthoc
from training.confidence.posthoc import Posthoc
from training.protocols import zero_shot
from training.protocols.answers import Answers, Encode, Retrieval, answers, join
from training.protocols.conditions import Conditions, subject_names
from training.protocols.schema import Row
from training.protocols.statistics import retrieval_metrics
from training.protocols.zero_shot import Options
from training.trials.epochs import Trials

PROTOCOL = "post-hoc"
Corrected = tuple[Posthoc, Answers]
"""A subject's correction, and the answers that it is for."""


def post_hoc(
    encode: Encode,
    trials: Trials,
    calibration: Trials,
    gallery: Gallery,
    base: Conditions,
    options: Options,
    *,
    reference: Trials | None = None,
) -> list[Row]:
    """Scores among the pictures shown as they are, whitened, with CSLS, and mapped to the training's distribution.

    Every correction is fitted for each subject on that subject's own calibration trials; their answers are then joined.

    Parameters
    ----------
    encode
        The decoder.
    trials, calibration
        What is scored, and what corrections are fitted on; labels of the latter are used for averaging alone.
    reference
        Trials that the decoder learned from, for the affine map per user; None: no such row.

    Raises
    ------
    RecordingError
        A calibration recording is scored, too, or a subject that is scored has none.
    SettingsError
        A subject has too few calibration trials.
    """
    known = {origin.sha256 for origin in trials.origins}
    both = [origin.name for origin in calibration.origins if origin.sha256 in known]
    if both:
        raise RecordingError(f"'{both[0]}' is calibrated on and scored; give another recording for one of them")
    own = _own(trials, calibration)
    shown = np.unique(trials.rows)
    vectors = gallery.vectors[shown]
    wanted = zero_shot.counts(trials, options.repeats)
    rows = []
    for count in dict.fromkeys((wanted[0], wanted[-1])):
        given = answers(encode, trials, count, rounds=options.rounds, seed=options.seed)
        learned = None if reference is None else _like(encode, reference, count, options)
        parts: dict[str, list[Corrected]] = {}
        for subject in own:
            mine = given.take(np.flatnonzero(given.units["subjects"] == subject))
            quiet = _like(encode, calibration.take(own[subject]), count, options)
            for name, fitted in _fitted(mine, quiet, learned, vectors).items():
                parts.setdefault(name, []).append((fitted, mine))
        rows += [_row(name, of, shown, vectors, base, options) for name, of in parts.items()]
    return rows


def _own(trials: Trials, calibration: Trials) -> dict[int, NDArray[np.int64]]:
    """Calibration trials of each subject that is scored, by the subject's name.

    A single subject may be without a name, on one side or both.
    """
    names, theirs = subject_names(trials), subject_names(calibration)
    subjects = [int(subject) for subject in np.unique(trials.subject)]
    if len(subjects) == 1 and len(theirs) == 1 and not (names[subjects[0]] and theirs[0]):
        return {subjects[0]: np.arange(len(calibration))}
    found = {}
    for subject in subjects:
        name = names[subject]
        if name not in theirs:
            raise RecordingError(
                f"subject '{name}' is scored but no calibration recording is of '{name}', and corrections are fitted "
                "for each person; give one with --calibration, or leave the subject out"
            )
        found[subject] = np.flatnonzero(calibration.subject == theirs.index(name))
    return found


def _fitted(given: Answers, quiet: Vectors, learned: Vectors | None, vectors: Vectors) -> dict[str, Posthoc]:
    """Corrections of one subject."""
    found = {
        "as it is": Posthoc(),
        "whitened": posthoc.fit(quiet, vectors, spread="whiten"),
        "CSLS": posthoc.fit(quiet, vectors, csls=True),
        "whitened, CSLS": posthoc.fit(quiet, vectors, spread="whiten", csls=True),
    }
    if learned is not None:
        found["affine map per user"] = posthoc.fit(quiet, vectors, spread="match", reference=learned)
    return {**found, "CSLS on the scored queries": Posthoc().on_queries(given.vectors, vectors)}


def _like(encode: Encode, trials: Trials, count: int, options: Options) -> Vectors:
    """Embeddings of averages of as many trials, or of as many as there are."""
    able = zero_shot.counts(trials)
    most = max(one for one in able if one <= count)
    return answers(encode, trials, most, rounds=1, seed=options.seed).vectors


def _row(
    name: str,
    parts: Sequence[Corrected],
    shown: NDArray[np.int64],
    vectors: Vectors,
    base: Conditions,
    options: Options,
) -> Row:
    from scipy.stats import rankdata

    found = join(
        [
            Retrieval(
                rankdata(-fitted.cosines(given.vectors, vectors), axis=1).astype(np.float32),
                np.searchsorted(shown, given.rows),
                len(shown),
                given.units,
            )
            for fitted, given in parts
        ]
    )
    count = parts[0][1].repeats
    unit = zero_shot.unit_of(found.units, count, options.unit)
    return base.row(
        PROTOCOL,
        f"the picture among those shown, {name}",
        n_way=len(shown),
        gallery="shown images",
        repeats=count,
        metrics=retrieval_metrics(found, len(shown), unit, seed=options.seed),
        transductive=any(fitted.transductive for fitted, _ in parts),
    )
