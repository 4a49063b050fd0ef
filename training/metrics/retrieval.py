"""Retrieval scores and their chance levels. Pure statistics: arrays in, numbers out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Rows = NDArray[np.int64]


def ranks(cosines: NDArray[Any], truth: Rows) -> Array:
    """Rank of the true item of each query, 1 is best; items of equal cosine share their mean rank.

    Parameters
    ----------
    cosines
        (n, items).
    truth
        (n,), column of the true item.
    """
    shown = cosines[np.arange(len(truth)), truth][:, None]
    above = (cosines > shown).sum(axis=1)
    equal = (cosines == shown).sum(axis=1)
    return np.asarray(above + (equal + 1) / 2, np.float64)


def auc(scores: NDArray[Any], positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.

    NaN where one of the two is absent.
    """
    from scipy.stats import rankdata

    n_positive = int(positive.sum())
    n_negative = len(positive) - n_positive
    if not n_positive or not n_negative:
        return float("nan")
    total = float(rankdata(scores)[positive].sum())
    return (total - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative)


def contrast(cosines: NDArray[Any]) -> Array:
    """Score of the second of two items over the first, (n,): cos(second) - cos(first)."""
    return np.asarray(cosines[:, 1] - cosines[:, 0], np.float64)


def top(k: int) -> Callable[[Array], Array]:
    """Function that says of each rank whether it is among the best ``k`` (1.0 or 0.0)."""
    return lambda rank: np.asarray(rank <= k, np.float64)


def reciprocal(rank: Array) -> Array:
    """1 / rank."""
    return np.asarray(1.0 / rank, np.float64)


def chance(items: int) -> dict[str, float]:
    """What guessing gives among so many items: ``top1``, ``top5``, ``mrr``, ``median_rank`` and ``auc``."""
    return {
        "top1": 1 / items,
        "top5": min(5, items) / items,
        "mrr": float((1 / np.arange(1, items + 1)).mean()),
        "median_rank": (items + 1) / 2,
        "auc": 0.5,
    }


def headline(cosines: NDArray[Any], truth: Rows) -> tuple[str, float]:
    """The one number that choices are made by: AUC between two items, mean reciprocal rank among more."""
    if cosines.shape[1] == 2 and len(np.unique(truth)) == 2:
        return "auc", auc(contrast(cosines), truth == 1)
    return "mrr", float(reciprocal(ranks(cosines, truth)).mean())
