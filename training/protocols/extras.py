"""Scores beside the ranks: bits a minute, precision within a class, and the area under the curve between two items."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.gallery import Gallery
from training.confidence import scoring
from training.metrics import bootstrap, metrics_class, metrics_information, metrics_transfer
from training.protocols.answers import Answers, join_units
from training.protocols.schema import Metric
from training.protocols.statistics import mean_metric
from training.trials.epochs import Trials

CLASS_DEPTH = 10
"""Of precision and Jaccard within a class."""
MOST_CLASS_CELLS = 10_000_000
Index = NDArray[np.int64]
Of = Callable[[NDArray[Any], NDArray[np.bool_]], NDArray[np.float64]]
CLASS_SCORES: dict[str, tuple[str, Of]] = {
    "class_precision10": ("precision", lambda c, r: metrics_class.precision(c, r, CLASS_DEPTH)),
    "class_jaccard10": ("jaccard", lambda c, r: metrics_class.jaccard(c, r, CLASS_DEPTH)),
    "class_map": ("map", metrics_class.average_precision),
}
"""Name to the key of its chance, and the score of each answer."""


def derived(scores: dict[str, Metric], way: int, pace: float | None, count: int) -> dict[str, Metric]:
    """What follows from top-1 alone: its place between chance and perfect, and bits a minute.

    Parameters
    ----------
    scores
        With ``top1``, among ``way`` things.
    pace
        Presentations a minute, where known.
    count
        Presentations that an answer takes.
    """
    top = scores["top1"]
    found = {"over_chance": _through(top, lambda v: metrics_transfer.over_chance(v, 1 / way))}
    if pace and count:
        found["bits_per_minute"] = _through(
            top, lambda v: metrics_information.per_minute(metrics_information.wolpaw(v, way), pace / count)
        )
    return found


def _through(top: Metric, convert: Callable[[float], float]) -> Metric:
    """A score that grows with another, and its bounds with that one's; 0 at chance."""

    def of(value: float | None) -> float | None:
        return None if value is None else convert(value)

    return top.model_copy(
        update={"value": of(top.value), "chance": 0.0, "low": of(top.low), "high": of(top.high), "p": None, "test": ""}
    )


def per_minute(trials: Trials) -> float | None:
    """Presentations a minute, from the onsets; None where these are not known."""
    if not len(trials.onsets_s):
        return None
    gaps = [np.diff(np.sort(trials.onsets_s[trials.recording == run])) for run in np.unique(trials.recording)]
    steps = np.concatenate(gaps) if gaps else np.empty(0)
    steps = steps[steps > 0]
    return 60.0 / float(np.median(steps)) if len(steps) else None


def more(parts: Sequence[tuple[Answers, Gallery]], pool: Index, unit: str | None, seed: int) -> dict[str, Metric]:
    """Scores by class where classes have several items in the pool; the area under the curve where there are two.

    Parameters
    ----------
    parts
        Answers of one decoder or more, each with the gallery in its space.
    pool
        Gallery rows that are searched, sorted.
    """
    place = np.searchsorted(pool, np.concatenate([given.rows for given, _ in parts]))
    units = join_units([given.units for given, _ in parts])
    labels = [parts[0][1].items[row].label for row in pool]
    by_class = 2 <= len(set(labels)) < len(labels) and len(place) * len(pool) <= MOST_CLASS_CELLS
    two = len(pool) == 2 and len(np.unique(place)) == 2
    if not by_class and not two:
        return {}
    cosines = np.concatenate([given.vectors @ gallery.vectors[pool].T for given, gallery in parts])
    if two:
        return {"auc": _auc(scoring.Scored(cosines, place, units), unit, seed)}
    relevant = metrics_class.same_class(labels, place)
    if relevant.sum(axis=1).max() < 2:
        return {}  # only what was not shown has classes of several
    guess = metrics_class.mean_chance(relevant, CLASS_DEPTH)
    return {
        name: mean_metric(score(cosines, relevant), units, unit, guess[key], seed=seed)
        for name, (key, score) in CLASS_SCORES.items()
    }


def _auc(scored: scoring.Scored, unit: str | None, seed: int) -> Metric:
    """Mean of the areas within runs: a shift between runs is not skill."""
    found = bootstrap.interval(lambda i: scoring.mean_auc(scored, i), scored.units[unit], seed=seed) if unit else None
    low, high = found or (None, None)
    value = scoring.mean_auc(scored, np.arange(len(scored.truth)))
    return Metric(
        value=value if np.isfinite(value) else None,
        chance=0.5,
        chance_by="analytic",
        low=low,
        high=high,
        n=len(scored.truth),
        unit=unit or "",
    )
