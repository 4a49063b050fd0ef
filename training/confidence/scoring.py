"""Scores of held-out answers with chance, and what intervals resample."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors
from training.confidence import calibrate
from training.metrics import bootstrap, retrieval

Unit = Literal["auto", "subjects", "stimuli", "runs"]
Units = dict[str, NDArray[np.int64]]
FEWEST = {"subjects": 5, "stimuli": 10, "runs": bootstrap.FEWEST}
"""Units needed before ``auto`` chooses one, in this order."""
Statistic = Callable[[NDArray[np.float64]], float]
SCORES: dict[str, Statistic] = {
    "top1": lambda ranks: float(np.mean(retrieval.top(1)(ranks))),
    "top5": lambda ranks: float(np.mean(retrieval.top(5)(ranks))),
    "mrr": lambda ranks: float(np.mean(retrieval.reciprocal(ranks))),
    "median_rank": lambda ranks: float(np.median(ranks)),
}


@dataclass(frozen=True)
class Scored:
    """Answers to score.

    Attributes
    ----------
    cosines
        (n, items).
    truth
        (n,), column of the true item.
    units
        Unit of each answer, by kind of unit: ``subjects``, ``stimuli``, ``runs``.
    """

    cosines: NDArray[Any]
    truth: NDArray[np.int64]
    units: Units


def choose_unit(units: Units, wanted: Unit) -> str | None:
    """What is resampled: the wanted kind, or the first of subjects, stimuli and runs of which there are enough."""
    if wanted != "auto":
        return wanted
    return next((name for name, few in FEWEST.items() if len(np.unique(units[name])) >= few), None)


def table(scored: Scored) -> dict[str, dict[str, float]]:
    """Each score with ``value`` and ``chance``.

    ``auc``, between two items, is the mean over runs of the area within a run, so that a shift between runs is not
    taken for skill.
    """
    rank = retrieval.ranks(scored.cosines, scored.truth)
    guess = retrieval.chance(scored.cosines.shape[1])
    values = {name: score(rank) for name, score in SCORES.items()}
    if scored.cosines.shape[1] <= 5:
        del values["top5"]  # always right
    if scored.cosines.shape[1] == 2 and len(np.unique(scored.truth)) == 2:
        values["auc"] = mean_auc(scored, np.arange(len(rank)))
    return {name: {"value": value, "chance": guess[name]} for name, value in values.items()}


def run_aucs(scored: Scored) -> dict[int, float]:
    """Area within each run."""
    runs = scored.units["runs"]
    return {int(run): _auc(scored, np.flatnonzero(runs == run)) for run in np.unique(runs)}


def held_out(folds: Sequence[calibrate.HeldOut], vectors: Vectors, seed: int) -> dict[str, Any]:
    """Scores of held-out single trials, for the bundle."""
    given = calibrate.answers(folds, vectors, 1, seed)
    units = {"runs": given.fold, "stimuli": given.truth, "subjects": np.zeros_like(given.truth)}
    return {
        "single_trial": table(Scored(given.cosines, given.truth, units)),
        "answers": len(given.truth),
        "items": given.cosines.shape[1],
        "held_out": "validation data, which also chose when to stop or the penalty: a little optimistic",
    }


def mean_auc(scored: Scored, index: NDArray[np.int64]) -> float:
    """Mean of the areas within runs; a run drawn twice counts twice."""
    runs = scored.units["runs"][index]
    names, sizes = np.unique(runs, return_counts=True)
    areas = np.array([_auc(scored, index[runs == name]) for name in names])
    weight = sizes / np.array([np.count_nonzero(scored.units["runs"] == name) for name in names])
    known = np.isfinite(areas)
    return float(np.average(areas[known], weights=weight[known])) if known.any() else float("nan")


def _auc(scored: Scored, index: NDArray[np.int64]) -> float:
    return retrieval.auc(retrieval.contrast(scored.cosines[index]), scored.truth[index] == 1)
