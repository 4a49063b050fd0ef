"""How far probabilities can be believed: Brier score, reliability, and accuracy against coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.score import BINS, calibration_error
from training.metrics.retrieval import Array, Rows

Flags = NDArray[np.bool_]
WILSON_Z = 1.959963984540054
"""Of a 95 % interval."""


def brier(probabilities: NDArray[Any], truth: Rows) -> float:
    """Mean squared distance of the probabilities of all items (n, items) from certainty of the true one, 0 to 2 [1]_.

    References
    ----------
    .. [1] Brier (1950), Verification of forecasts expressed in terms of probability, Monthly Weather Review 78.
    """
    p = np.asarray(probabilities, np.float64)
    of_truth = p[np.arange(len(truth)), truth]
    return float(np.mean((p**2).sum(axis=1) - 2 * of_truth + 1))


def brier_chance(items: int) -> float:
    """Brier score of saying 1 / items of every item."""
    return 1 - 1 / items


def brier_top(confidence: NDArray[Any], correct: Flags) -> float:
    """Mean squared difference of the best item's probability (n,) and whether it was right (n,), 0 to 1.

    Chance (always saying the accuracy a) is a (1 - a).
    """
    return float(np.mean((np.asarray(confidence, np.float64) - correct) ** 2))


def calibration_floor(confidence: NDArray[Any], *, draws: int = 200, seed: int = 0) -> float:
    """Expected calibration error that perfect probabilities (n,) would show, only because there are so few answers."""
    rng = np.random.default_rng(seed)
    p = np.asarray(confidence, np.float64)
    return float(np.mean([calibration_error(p, rng.random(len(p)) < p) for _ in range(draws)]))


@dataclass(frozen=True)
class Reliability:
    """Data of a reliability plot; a bin a row, empty bins left out.

    Attributes
    ----------
    confidence, accuracy
        (bins,), mean probability, and share of right answers.
    low, high
        (bins,), Wilson 95 % interval of the accuracy, trials taken as independent.
    count
        (bins,), answers.
    error
        Expected calibration error.
    floor
        What it would be for perfect probabilities and so few answers.
    """

    confidence: Array
    accuracy: Array
    low: Array
    high: Array
    count: NDArray[np.int64]
    error: float
    floor: float


def reliability(confidence: NDArray[Any], correct: Flags, bins: int = BINS, seed: int = 0) -> Reliability:
    """Reliability of probabilities (n,) against whether the answers were right (n,), in bins of equal width."""
    p = np.asarray(confidence, np.float64)
    place = np.clip((p * bins).astype(int), 0, bins - 1)
    count = np.bincount(place, minlength=bins)
    held = count > 0
    n = count[held]
    accuracy = np.bincount(place, correct, bins)[held] / n
    low, high = wilson(accuracy, n)
    mean = np.bincount(place, p, bins)[held] / n
    return Reliability(mean, accuracy, low, high, n, calibration_error(p, correct), calibration_floor(p, seed=seed))


def wilson(share: Array, n: NDArray[np.int64]) -> tuple[Array, Array]:
    """Wilson 95 % interval of shares of ``n`` independent answers."""
    z2 = WILSON_Z**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = WILSON_Z / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


@dataclass(frozen=True)
class Coverage:
    """Accuracy when only the surest answers are given [1]_.

    Attributes
    ----------
    coverage, accuracy
        (n,), share of answers given, rising to 1, and how many of those are right.
    area
        Mean accuracy over all coverages.
    chance
        The area when answers are withheld at random: the accuracy at full coverage.
    best
        The area when every wrong answer is withheld before any right one.

    References
    ----------
    .. [1] Geifman & El-Yaniv (2017), Selective classification for deep neural networks, NeurIPS.
    """

    coverage: Array
    accuracy: Array
    area: float
    chance: float
    best: float


def accuracy_against_coverage(confidence: NDArray[Any], correct: Flags) -> Coverage:
    """Curve over answers from the surest to the least sure; equally sure ones count as their mean."""
    p = np.asarray(confidence, np.float64)
    _, place, count = np.unique(-p, return_inverse=True, return_counts=True)
    mean = np.bincount(place, correct) / count
    curve = _running(mean[np.sort(place)])
    right = np.sort(np.asarray(correct, np.float64))[::-1]
    share = np.arange(1, len(p) + 1) / len(p)
    return Coverage(share, curve, float(curve.mean()), float(right.mean()), float(_running(right).mean()))


def _running(values: Array) -> Array:
    return np.asarray(np.cumsum(values) / np.arange(1, len(values) + 1), np.float64)
