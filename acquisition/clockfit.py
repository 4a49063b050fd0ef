"""A line through stamps: robust, with what is already known of the period. Used where the clock is anchored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TOGETHER = 12.0
"""Samples that share one delay (a Muse packet): at worst, that many stamps count as one independent measurement."""
BLOCK = 32
"""Neighbours whose mean deviation tells how much of the jitter remains in a mean: packets share a delay, or cancel."""
FLOOR = 0.02
"""Smallest jitter believed, in sample periods."""


@dataclass(frozen=True)
class Fit:
    """Line through deviations, and how sure it is. Seconds throughout; per-sample where it says so.

    Attributes
    ----------
    level
        Deviation at the last sample.
    slope
        Change of the deviation per sample: the correction of the period.
    p00, p01, p11
        Covariance of level and slope.
    variance
        Of single deviations about the line (outliers clipped).
    noise
        ``n`` times the variance of a mean of ``n`` deviations, for large ``n``.
    reach
        Largest deviation about the line (outliers clipped).
    """

    level: float
    slope: float
    p00: float
    p01: float
    p11: float
    variance: float
    noise: float
    reach: float


def fit_line(
    counts: NDArray[np.float64],
    deviations: NDArray[np.float64],
    period_s: float,
    slope_var: float,
    known_noise: float | None = None,
) -> Fit:
    """Ridge regression of deviations on sample counts, deviations clipped at three robust standard deviations.

    Parameters
    ----------
    counts
        (n,) float64, sample counts, rising; at least one.
    deviations
        (n,) float64, stamp minus prediction, seconds.
    period_s
        Sample period.
    slope_var
        Prior variance of the slope about zero, seconds squared.
    known_noise
        Of the jitter, where longer observation has told it.
    """
    behind = counts - counts[-1]
    middle = float(np.median(deviations))
    spread = 1.4826 * float(np.median(np.abs(deviations - middle)))
    bound = max(0.25 * period_s, 3 * spread)
    clipped = middle + np.clip(deviations - middle, -bound, bound)
    floor = (FLOOR * period_s) ** 2
    free = np.polynomial.polynomial.polyfit(behind, clipped, 1) if len(behind) > 1 else np.array([middle, 0.0])
    noise = known_noise
    if noise is None:
        rest = clipped - free[0] - free[1] * behind
        noise = max(_noise(rest, max(float(rest.var()), floor)), floor)
    sums = np.array([[len(behind), behind.sum()], [behind.sum(), behind @ behind + noise / slope_var]])
    cov = noise * np.linalg.inv(sums)
    level, slope = (cov @ np.array([clipped.sum(), behind @ clipped]) / noise).tolist()
    rest = clipped - level - slope * behind
    variance = max(float(rest @ rest) / len(rest), floor)
    covariance = float(cov[0, 0]), float(cov[0, 1]), float(cov[1, 1])
    return Fit(level, slope, *covariance, variance, noise, float(np.abs(rest).max()))


def _noise(rest: NDArray[np.float64], variance: float) -> float:
    """From the means of blocks, doubled because they are few; at most what whole packets of one delay would give."""
    blocks = len(rest) // BLOCK
    if blocks < 4:
        return TOGETHER * variance
    means = rest[: blocks * BLOCK].reshape(blocks, BLOCK).mean(axis=1)
    return min(TOGETHER * variance, 2.0 * BLOCK * float(means @ means) / (blocks - 1))


def step_place(deviations: NDArray[np.float64], offset: float) -> int:
    """Where deviations change from about 0 to about ``offset``: the split with the least absolute error."""
    gain = np.abs(deviations) - np.abs(deviations - offset)
    return int(np.argmin(np.concatenate([[0.0], np.cumsum(gain)[:-1]])))
