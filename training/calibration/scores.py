"""Areas under the ROC curve and shares, with their intervals. Pure numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.metrics.retrieval import auc

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
Counts = dict[int, tuple[int, int]]
"""By category: right answers, and trials."""
Z = 1.959964
"""Of 95 %."""


@dataclass(frozen=True)
class Area:
    """Area under the ROC curve of one block, its variance, and the trials behind it."""

    value: float
    variance: float
    trials: int


def area(scores: Array, labels: Labels) -> Area | None:
    """Area between two categories, or the mean of each against all others; None where only one was shown.

    The variance is Hanley and McNeil's (1982), at an area shrunk a little towards 0.5 so that a perfect block is not
    taken for certain; over several categories their mean, as if they were wholly dependent.

    Parameters
    ----------
    scores
        (n, categories).
    labels
        (n,), category of each.
    """
    found = []
    for category in np.unique(labels) if scores.shape[1] > 2 else (1,):
        positive = labels == category
        n, m = int(positive.sum()), int((~positive).sum())
        if n and m:
            others = np.delete(scores, category, axis=1).mean(axis=1)
            value = auc(scores[:, category] - others, positive)
            found.append((value, _variance((value * n * m + 0.5) / (n * m + 1), n, m)))
    if not found:
        return None
    values, variances = np.array(found).T
    return Area(float(values.mean()), float(variances.mean()), len(labels))


def _variance(a: float, n: int, m: int) -> float:
    one, two = a / (2 - a), 2 * a**2 / (1 + a)
    return (a * (1 - a) + (n - 1) * (one - a**2) + (m - 1) * (two - a**2)) / (n * m)


def pooled(areas: Sequence[Area]) -> tuple[float, float, float] | None:
    """Mean of blocks, weighted by trials, and its 95 % interval; None without blocks."""
    if not areas:
        return None
    weights = np.array([a.trials for a in areas], np.float64)
    weights /= weights.sum()
    value = float(weights @ [a.value for a in areas])
    half = Z * float(np.sqrt(weights**2 @ [a.variance for a in areas]))
    return value, max(0.0, value - half), min(1.0, value + half)


def wilson(right: float, n: float) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927); (0, 1) of nothing."""
    if not n:
        return 0.0, 1.0
    p, square = right / n, Z**2 / n
    middle = (p + square / 2) / (1 + square)
    half = Z * float(np.sqrt(p * (1 - p) / n + square / (4 * n))) / (1 + square)
    return max(0.0, middle - half), min(1.0, middle + half)


def counted(answers: Labels, labels: Labels, before: Mapping[int, tuple[int, int]] | None = None) -> Counts:
    """Right answers and trials of each category, with those of before."""
    found = dict(before or {})
    for category in np.unique(labels).tolist():
        mine = labels == category
        right, n = found.get(category, (0, 0))
        found[category] = right + int(np.sum(answers[mine] == category)), n + int(mine.sum())
    return found


def balanced(counts: Mapping[int, tuple[int, int]]) -> tuple[float, float, float]:
    """Share right, mean over the categories, and its 95 % interval; (0, 0, 1) of nothing.

    Who always names the commoner category is right no more often than chance, 1 / categories. The interval is Wilson's,
    with as many trials as would leave the mean as uncertain if each category had as many.
    """
    known = [(right, n) for right, n in counts.values() if n]
    if not known:
        return 0.0, 0.0, 1.0
    share = sum(right / n for right, n in known) / len(known)
    trials = len(known) ** 2 / sum(1 / n for _, n in known)
    low, high = wilson(share * trials, trials)
    return share, low, high
