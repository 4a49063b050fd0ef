"""Tests: across subjects against chance, and by permuting which stimulus belongs to which."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
EXACT = 14
"""Subjects up to which all sign flips are tried."""
DRAWS = 10_000


@dataclass(frozen=True)
class Tested:
    """Result of a test.

    Attributes
    ----------
    value
        The statistic.
    chance
        Its mean under the null hypothesis.
    p
        One-sided, for values above chance.
    n
        Subjects, or stimuli, that were flipped or permuted.
    method
        In words.
    """

    value: float
    chance: float
    p: float
    n: int
    method: str


def across_subjects(scores: NDArray[np.float64], chance: float, *, seed: int = 0) -> Tested:
    """Whether the mean score of subjects (n,) is above chance, by flipping the signs of their differences from it [1]_.

    With n subjects the smallest p is 2 ** -n: four subjects can never reach 0.05.

    References
    ----------
    .. [1] Nichols & Holmes (2002), Nonparametric permutation tests for functional neuroimaging, Human Brain Mapping 15.
    """
    difference = np.asarray(scores, np.float64) - chance
    n = len(difference)
    exact = n <= EXACT
    if exact:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
    else:
        signs = np.random.default_rng(seed).choice((-1, 1), (DRAWS, n))
    null, seen = signs @ difference / n, difference.mean()
    p = _share(null, seen) if exact else (np.sum(null >= seen - 1e-12) + 1) / (DRAWS + 1)
    return Tested(float(seen + chance), chance, float(p), n, f"sign flips of {n} subjects" + (", all" if exact else ""))


def paired(scores: NDArray[np.float64], others: NDArray[np.float64], *, seed: int = 0) -> Tested:
    """Whether the same subjects (n,) score higher in one way than in another, on average."""
    return across_subjects(np.asarray(scores, np.float64) - np.asarray(others, np.float64), 0.0, seed=seed)


def permuted(
    statistic: Callable[[NDArray[np.int64]], float], units: int, *, draws: int = 1000, seed: int = 0
) -> Tested:
    """Whether a statistic depends on which unit belongs to which.

    Parameters
    ----------
    statistic
        Of an order (units,) of the units: the identity is the true one. Permute whole stimuli or runs, never trials.
    units
        How many there are.
    draws, seed
        Of the permutations.
    """
    rng = np.random.default_rng(seed)
    seen = statistic(np.arange(units))
    null = np.array([statistic(rng.permutation(units)) for _ in range(draws)])
    p = (np.sum(null >= seen - 1e-12) + 1) / (draws + 1)
    return Tested(seen, float(null.mean()), float(p), units, f"{draws} permutations of {units} units")


def _share(null: Array, seen: float) -> float:
    return float(np.mean(null >= seen - 1e-12))
