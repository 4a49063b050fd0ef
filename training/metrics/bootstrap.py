"""Bootstrap intervals that resample whole units (stimuli, runs or subjects), never trials.

Trials of one stimulus, run or subject are alike; resampling them one by one would make an interval too narrow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.int64]
FEWEST = 3
"""Units below which an interval says nothing."""


def interval(
    statistic: Callable[[Index], float],
    units: NDArray[Any],
    *,
    draws: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float] | None:
    """Percentile interval of a statistic.

    Parameters
    ----------
    statistic
        Of the observations at the given indices; NaN where it is not defined for them (that draw is left out).
    units
        (n,), the unit of each observation.
    draws
        Resamplings.
    level
        Coverage.
    seed
        Of the resampling.

    Returns
    -------
    (low, high), or None with fewer than ``FEWEST`` units or where the statistic is never defined.
    """
    members = [np.flatnonzero(units == unit) for unit in np.unique(units)]
    if len(members) < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    values = np.array([statistic(_resample(members, rng)) for _ in range(draws)])
    values = values[np.isfinite(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _resample(members: list[Index], rng: np.random.Generator) -> Index:
    chosen = rng.integers(len(members), size=len(members))
    return np.concatenate([members[k] for k in chosen])


def jackknife(
    statistic: Callable[[Index], float], units: int, *, groups: int = 40, seed: int = 0
) -> tuple[float, float] | None:
    """95 % interval of a statistic of a set of units that may not hold one twice, such as one of pairs of stimuli.

    The delete-a-group jackknife [1]_: the statistic without each of the groups in turn, and the normal interval of the
    variance that these show.

    Parameters
    ----------
    statistic
        Of the units at the given indices.
    units
        How many there are.
    groups
        At most so many random groups of like size.
    seed
        Of the groups.

    Returns
    -------
    (low, high), or None with fewer than twice ``FEWEST`` units or where the statistic is not defined.

    References
    ----------
    .. [1] Kott (2001), The delete-a-group jackknife, Journal of Official Statistics 17.
    """
    count = min(groups, units)
    if units < 2 * FEWEST:
        return None
    place = np.random.default_rng(seed).permutation(units) % count
    left = np.array([statistic(np.flatnonzero(place != group)) for group in range(count)])
    value = statistic(np.arange(units))
    if not np.isfinite(value) or not np.isfinite(left).all():
        return None
    spread = float(np.sqrt((count - 1) / count * ((left - left.mean()) ** 2).sum()))
    return value - 1.959963984540054 * spread, value + 1.959963984540054 * spread
