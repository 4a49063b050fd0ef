"""Scores of ranked lists in which several items are right: those of one class, or the neighbours of what was shown.

All take cosines (n, items) and say which items are relevant to each query, (n, items) bool. Items of equal cosine stand
in random order, by a fixed seed, so that an encoder that says the same of all items scores what guessing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics.retrieval import Array, Rows

Relevant = NDArray[np.bool_]


def same_class(classes: Sequence[str], truth: Rows) -> Relevant:
    """Items of the class of the true item, itself among them: (n, items).

    Parameters
    ----------
    classes
        Of each item.
    truth
        (n,), column of the true item.
    """
    _, code = np.unique(np.asarray(classes), return_inverse=True)
    return np.asarray(code[truth][:, None] == code[None, :])


def neighbours(vectors: NDArray[Any], truth: Rows, k: int) -> Relevant:
    """The ``k`` items whose vectors (items, dim), unit norm, are nearest to the true item's, itself among them."""
    near = order(np.asarray(vectors[truth] @ vectors.T))[:, :k]
    found = np.zeros((len(truth), len(vectors)), bool)
    np.put_along_axis(found, near, True, axis=1)
    return found


def order(cosines: NDArray[Any], seed: int = 0) -> Rows:
    """Columns of each query (n, items), best first, equal ones in random order."""
    tie = np.random.default_rng(seed).random(cosines.shape)
    return np.asarray(np.lexsort((tie, -np.asarray(cosines)), axis=1), np.int64)


def top_any(cosines: NDArray[Any], relevant: Relevant, k: int) -> Array:
    """Whether any of the best ``k`` items is relevant, (n,), 1.0 or 0.0."""
    return np.asarray(_ranked(cosines, relevant)[:, :k].any(axis=1), np.float64)


def precision(cosines: NDArray[Any], relevant: Relevant, k: int = 10) -> Array:
    """Share of the best ``k`` items that is relevant, (n,); at most (relevant items) / k."""
    return np.asarray(_ranked(cosines, relevant)[:, :k].mean(axis=1), np.float64)


def jaccard(cosines: NDArray[Any], relevant: Relevant, k: int = 10) -> Array:
    """Overlap of the best ``k`` items with the relevant ones, (n,): size of what both hold over what either holds."""
    both = _ranked(cosines, relevant)[:, :k].sum(axis=1)
    depth = min(k, relevant.shape[1])
    return np.asarray(both / (depth + relevant.sum(axis=1) - both), np.float64)


def average_precision(cosines: NDArray[Any], relevant: Relevant) -> Array:
    """Mean, over the relevant items, of the precision at each one's rank, (n,); its mean is mAP.

    NaN for a query to which nothing is relevant.
    """
    ranked = _ranked(cosines, relevant)
    precisions = np.cumsum(ranked, axis=1) / np.arange(1, ranked.shape[1] + 1)
    count = ranked.sum(axis=1)
    total = (precisions * ranked).sum(axis=1)
    return np.asarray(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0), np.float64)


def chance(items: int, relevant: int, k: int = 10) -> dict[str, float]:
    """What guessing gives where ``relevant`` of so many items are: ``top_any``, ``precision``, ``jaccard`` and ``map``.

    The number of relevant items among the best k is hypergeometric. For average precision see [1]_.

    References
    ----------
    .. [1] Bestgen (2015), Exact expected average precision of the random baseline for system evaluation, The Prague
       Bulletin of Mathematical Linguistics 103.
    """
    from scipy.stats import hypergeom

    depth = min(k, items)
    both = np.arange(depth + 1)
    odds = hypergeom(items, relevant, depth).pmf(both)
    harmonic = float((1 / np.arange(1, items + 1)).sum())
    rest = (relevant - 1) / (items - 1) if items > 1 else 1.0
    return {
        "top_any": float(1 - odds[0]),
        "precision": relevant / items,
        "jaccard": float((odds * both / (depth + relevant - both)).sum()),
        "map": rest + harmonic / items * (1 - rest),
    }


def mean_chance(relevant: Relevant, k: int = 10) -> dict[str, float]:
    """Mean of `chance` over queries, which may differ in how many items are relevant to them."""
    sizes, counts = np.unique(relevant.sum(axis=1), return_counts=True)
    each = [chance(relevant.shape[1], int(size), k) for size in sizes]
    return {name: float(np.average([one[name] for one in each], weights=counts)) for name in each[0]}


def _ranked(cosines: NDArray[Any], relevant: Relevant) -> Relevant:
    """Relevance of the items of each query, best item first."""
    return np.take_along_axis(relevant, order(cosines), axis=1)
