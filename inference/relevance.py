"""Whether the best item of a query is to be shown at all: from the pattern of its cosines to P(correct).

A temperature takes all queries alike. How far the best cosine stands above the others differs from query to query, and
says more about whether it is right. One rule for fitting and for live use.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import Relevance

Array = NDArray[np.float64]
DEPTH = 50
"""Best cosines that the spread is taken of."""


def features(cosines: NDArray[Any], gallery_size: int) -> Array:
    """Pattern of each query's cosines.

    Parameters
    ----------
    cosines
        (m, k), the largest of each query, best first; those beyond ``DEPTH`` are not used.
    gallery_size
        Items searched.

    Returns
    -------
    (m, 4): the best cosine; how far it is above the second; how far it is above the mean of the others known, in their
    standard deviations; and the natural logarithm of the gallery's size.
    """
    known = np.asarray(cosines, np.float64)[:, :DEPTH]
    best, rest = known[:, 0], known[:, 1:]
    if not rest.shape[1]:
        rest = best[:, None]
    spread = (best - rest.mean(axis=1)) / (rest.std(axis=1) + 1e-3)
    return np.stack([best, best - rest[:, 0], spread, np.full(len(best), np.log(gallery_size))], axis=1)


def choose(fitted: Sequence[Relevance], repeats: int) -> Relevance | None:
    """The filter fitted for so many repeats, or the nearest lower count, else the lowest; None where there is none."""
    if not fitted:
        return None
    lower = [one for one in fitted if one.repeats <= repeats]
    return max(lower, key=lambda one: one.repeats) if lower else min(fitted, key=lambda one: one.repeats)


def probability(chosen: Relevance, cosines: NDArray[Any], gallery_size: int) -> Array:
    """P(the best item is right) of each query (m,), from cosines (m, k), best first."""
    logit = features(cosines, gallery_size) @ np.array(chosen.weights) + chosen.intercept
    return np.asarray(1 / (1 + np.exp(-np.clip(logit, -50, 50))))
