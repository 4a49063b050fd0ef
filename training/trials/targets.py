"""What a decoder is trained towards: the gallery's vectors, and classes for xDAWN."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, unit_norm

MOST_CLASSES = 8
CLUSTERS = 4


def of_rows(vectors: Vectors, rows: NDArray[np.int64]) -> Vectors:
    """Target (n, dim) of each trial: the embedding of what was shown, L2-normalised."""
    return unit_norm(vectors[rows])


def classes(vectors: Vectors, rows: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Class (n,) of each trial, for methods that need a few classes.

    The items themselves where there are at most ``MOST_CLASSES``; else clusters of their vectors (k-means).
    """
    shown, inverse = np.unique(rows, return_inverse=True)
    if len(shown) <= MOST_CLASSES:
        return np.asarray(inverse, np.int64)
    from sklearn.cluster import KMeans

    found = KMeans(CLUSTERS, n_init=4, random_state=seed).fit_predict(unit_norm(vectors[shown]))
    return np.asarray(found[inverse], np.int64)
