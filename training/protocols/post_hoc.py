"""Corrections of a trained decoder for a new person or day, fitted without labels on recordings that are not scored."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.encoders.base import Vectors
from inference.gallery import Gallery
from training import posthoc
from training.epochs import Trials
from training.posthoc import Posthoc
from training.protocols import zero_shot
from training.protocols.answers import Answers, Encode, Retrieval, answers
from training.protocols.conditions import Conditions
from training.protocols.schema import Row
from training.protocols.statistics import retrieval_metrics
from training.protocols.zero_shot import Options

PROTOCOL = "post-hoc"


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
        A calibration recording is scored, too.
    """
    known = {origin.sha256 for origin in trials.origins}
    both = [origin.name for origin in calibration.origins if origin.sha256 in known]
    if both:
        raise RecordingError(f"'{both[0]}' is calibrated on and scored; give another recording for one of them")
    shown = np.unique(trials.rows)
    vectors = gallery.vectors[shown]
    wanted = zero_shot.counts(trials, options.repeats)
    rows = []
    for count in dict.fromkeys((wanted[0], wanted[-1])):
        given = answers(encode, trials, count, rounds=options.rounds, seed=options.seed)
        quiet = _like(encode, calibration, count, options)
        fitted = {
            "as it is": Posthoc(),
            "whitened": posthoc.fit(quiet, vectors, spread="whiten"),
            "CSLS": posthoc.fit(quiet, vectors, csls=True),
            "whitened, CSLS": posthoc.fit(quiet, vectors, spread="whiten", csls=True),
        }
        if reference is not None:
            learned = _like(encode, reference, count, options)
            fitted["affine map per user"] = posthoc.fit(quiet, vectors, spread="match", reference=learned)
        fitted["CSLS on the scored queries"] = Posthoc().on_queries(given.vectors, vectors)
        rows += [_row(name, one, given, shown, vectors, base, options) for name, one in fitted.items()]
    return rows


def _like(encode: Encode, trials: Trials, count: int, options: Options) -> Vectors:
    """Embeddings of averages of as many trials, or of as many as there are."""
    able = zero_shot.counts(trials)
    most = max(one for one in able if one <= count)
    return answers(encode, trials, most, rounds=1, seed=options.seed).vectors


def _row(
    name: str,
    fitted: Posthoc,
    given: Answers,
    shown: NDArray[np.int64],
    vectors: Vectors,
    base: Conditions,
    options: Options,
) -> Row:
    from scipy.stats import rankdata

    ranks = rankdata(-fitted.cosines(given.vectors, vectors), axis=1).astype(np.float32)
    found = Retrieval(ranks, np.searchsorted(shown, given.rows), len(shown), given.units)
    unit = zero_shot.unit_of(given.units, given.repeats, options.unit)
    return base.row(
        PROTOCOL,
        f"the picture among those shown, {name}",
        n_way=len(shown),
        gallery="shown images",
        repeats=given.repeats,
        metrics=retrieval_metrics(found, len(shown), unit, seed=options.seed),
        transductive=fitted.transductive,
    )
