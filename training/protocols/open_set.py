"""Open set: can an answer be told to be about something that is in the gallery, rather than about nothing in it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.encoders.base import Vectors
from inference.gallery import Gallery
from training.metrics import bootstrap, retrieval, significance
from training.protocols.answers import CHUNK, Answers
from training.protocols.conditions import Conditions
from training.protocols.schema import Metric, Row

PROTOCOL = "open set"
SPLITS = 10
"""Random halves of the pictures shown that are taken out of the gallery."""
COVERAGE = 0.8
"""Share of answers about known things that are given where false alarms are counted."""
FEWEST = 4
"""Items shown, or unknown windows."""
MOST = 1500
DRAWS = 300
Known = NDArray[np.bool_]
Array = NDArray[np.float64]
Index = NDArray[np.int64]
Score = Callable[[Array, Known], float]


def pictures_taken_out(given: Answers, gallery: Gallery, base: Conditions, temperature: float, *, seed: int = 0) -> Row:
    """Half of the pictures shown are taken out of the gallery, and the highest probability is to tell which.

    Parameters
    ----------
    given
        Answers.
    temperature
        From cosines to probabilities.
    seed
        Of the halves and resamplings.

    Raises
    ------
    RecordingError
        Too few items were shown.
    """
    items = np.unique(given.rows)
    if len(items) < FEWEST:
        raise RecordingError(f"an open set needs {FEWEST} items shown or more, the recordings show {len(items)}")
    rng = np.random.default_rng(seed)
    given = _some(given, rng)
    place = np.searchsorted(items, given.rows)
    known = np.zeros((SPLITS, len(items)), bool)
    sure = np.empty((SPLITS, len(given)))
    for split in range(SPLITS):
        known[split, rng.permutation(len(items))[: len(items) // 2]] = True
        searched = np.setdiff1d(np.arange(len(gallery)), items[~known[split]])
        sure[split] = confidence(given.vectors, gallery.vectors[searched], temperature)
    metrics_ = _scores(sure, known, place, seed)
    what = f"pictures in the gallery from pictures taken out of it, mean of {SPLITS} random halves"
    n_way = len(gallery) - (len(items) - len(items) // 2)
    return base.row(PROTOCOL, what, n_way=n_way, gallery="all", repeats=given.repeats, metrics=metrics_)


def nothing_shown(
    given: Answers,
    unknown: Vectors,
    gallery: Gallery,
    base: Conditions,
    temperature: float,
    *,
    what: str,
    seed: int = 0,
) -> Row:
    """Answers to pictures against answers to windows in which none was shown, such as a blank screen.

    Parameters
    ----------
    given
        Answers to pictures of the gallery.
    unknown
        (k, dim), of the other windows; each counts as a unit of its own.
    what
        What they show, such as ``blank``.

    Raises
    ------
    RecordingError
        Too few windows.
    """
    if len(unknown) < FEWEST:
        raise RecordingError(f"{len(unknown)} windows show '{what}', {FEWEST} or more are needed")
    given = _some(given, np.random.default_rng(seed))
    vectors = np.concatenate([given.vectors, unknown])
    items, place = np.unique(given.rows, return_inverse=True)
    place = np.concatenate([place, len(items) + np.arange(len(unknown))])
    known = (np.arange(len(items) + len(unknown)) < len(items))[None]
    scores = _scores(confidence(vectors, gallery.vectors, temperature)[None], known, place, seed)
    text = f"pictures in the gallery from '{what}'"
    return base.row(PROTOCOL, text, n_way=len(gallery), gallery="all", repeats=given.repeats, metrics=scores)


def confidence(vectors: Vectors, items: Vectors, temperature: float) -> Array:
    """Highest probability (m,) of a softmax over items."""
    found = np.empty(len(vectors))
    for start in range(0, len(vectors), CHUNK):
        scaled = np.asarray(vectors[start : start + CHUNK] @ items.T, np.float64) / temperature
        found[start : start + CHUNK] = 1 / np.exp(scaled - scaled.max(axis=1, keepdims=True)).sum(axis=1)
    return found


def false_alarms(sure: Array, known: Known) -> float:
    """Share of unknown answers given when ``COVERAGE`` of the known ones are."""
    if not known.any() or known.all():
        return float("nan")
    return float(np.mean(sure[~known] >= np.quantile(sure[known], 1 - COVERAGE)))


def _scores(sure: Array, known: Known, place: Index, seed: int) -> dict[str, Metric]:
    """Both scores, means over splits; ``known`` (splits, units) by unit, ``place`` (m,) the unit of each answer."""
    everything = np.arange(len(place))
    tested = significance.permuted(
        lambda order: _mean(retrieval.auc, sure, known[:, order], place, everything),
        known.shape[1],
        draws=DRAWS,
        seed=seed,
    )
    area = _metric(retrieval.auc, 0.5, sure, known, place, seed)
    return {
        "auroc": area.model_copy(update={"p": tested.p, "test": tested.method}),
        f"false_alarms_at_{COVERAGE:g}": _metric(false_alarms, COVERAGE, sure, known, place, seed),
    }


def _metric(score: Score, chance: float, sure: Array, known: Known, place: Index, seed: int) -> Metric:
    def of(index: Index) -> float:
        return _mean(score, sure, known, place, index)

    value, bounds = of(np.arange(len(place))), bootstrap.interval(of, place, draws=DRAWS, seed=seed)
    low, high = bounds or (None, None)
    return Metric(
        value=value if np.isfinite(value) else None,
        chance=chance,
        chance_by="analytic",
        low=low,
        high=high,
        n=len(place),
        unit="stimuli" if bounds else "",
    )


def _mean(
    score: Callable[[Array, Known], float],
    sure: Array,
    known: Known,
    place: NDArray[np.int64],
    index: NDArray[np.int64],
) -> float:
    values = [score(s[index], k[place[index]]) for s, k in zip(sure, known, strict=True)]
    return float(np.mean(values))


def _some(given: Answers, rng: np.random.Generator) -> Answers:
    return given if len(given) <= MOST else given.take(np.sort(rng.permutation(len(given))[:MOST]))
