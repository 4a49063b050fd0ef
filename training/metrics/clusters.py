"""Whether vectors fall into the categories that people have for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Agreement:
    """k-means clusters against categories.

    Attributes
    ----------
    clusters
        (n,), of each vector.
    rand
        Adjusted Rand index [1]_: 1 is the same partition, 0 is chance.
    information
        Normalised mutual information, 0 to 1.
    information_chance
        Its mean when categories are shuffled: above 0 where clusters are many.
    p
        Share of shuffles (plus one) whose Rand index is as high.

    References
    ----------
    .. [1] Hubert & Arabie (1985), Comparing partitions, Journal of Classification 2.
    """

    clusters: NDArray[np.int64]
    rand: float
    information: float
    information_chance: float
    p: float


def agreement(vectors: NDArray[Any], categories: Sequence[str], *, shuffles: int = 200, seed: int = 0) -> Agreement:
    """k-means of vectors (n, dim), with as many clusters as there are categories (n,), against these."""
    from sklearn.cluster import KMeans
    from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

    names, code = np.unique(np.asarray(categories), return_inverse=True)
    found = KMeans(len(names), n_init=10, random_state=seed).fit_predict(np.asarray(vectors, np.float64))
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(code) for _ in range(shuffles)]
    rand = float(adjusted_rand_score(code, found))
    as_high = sum(adjusted_rand_score(order, found) >= rand - 1e-12 for order in orders)
    return Agreement(
        clusters=np.asarray(found, np.int64),
        rand=rand,
        information=float(normalized_mutual_info_score(code, found)),
        information_chance=float(np.mean([normalized_mutual_info_score(order, found) for order in orders])),
        p=(as_high + 1) / (shuffles + 1),
    )
