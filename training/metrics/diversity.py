"""How many different things a list of results holds: the Vendi score."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

SMALLEST = 1e-12
"""Eigenvalues below this share of the whole are nought."""


def vendi(vectors: NDArray[Any], order: float = 1.0) -> float:
    """Effective number of different items among vectors (n, dim), 1 to n [1]_.

    The exponential of the Rényi entropy of the eigenvalues of the cosine kernel over n.

    Parameters
    ----------
    vectors
        (n, dim), of any norm but zero.
    order
        0 counts every kind alike, 1 weighs by frequency (the usual), above 1 the frequent kinds more; ``inf`` allowed.

    References
    ----------
    .. [1] Friedman & Dieng (2023), The Vendi score: a diversity evaluation metric for machine learning, TMLR; orders
       other than 1: Pasarkar & Dieng (2024), Cousins of the Vendi score, AISTATS.
    """
    v = np.asarray(vectors, np.float64)
    v = v / np.linalg.norm(v, axis=1, keepdims=True)
    gram = v @ v.T if len(v) <= v.shape[1] else v.T @ v
    shares = np.linalg.eigvalsh(gram / len(v))
    return of_shares(shares, order)


def of_shares(shares: NDArray[np.float64], order: float = 1.0) -> float:
    """Hill number of an order, of shares that sum to 1."""
    p = shares[shares > SMALLEST]
    if order == 1:
        return float(np.exp(-(p * np.log(p)).sum()))
    if np.isinf(order):
        return float(1 / p.max())
    return float((p**order).sum() ** (1 / (1 - order)))


def of_results(gallery_vectors: NDArray[Any], best: NDArray[np.int64], order: float = 1.0) -> NDArray[np.float64]:
    """Vendi score of each query's results.

    Parameters
    ----------
    gallery_vectors
        (items, dim).
    best
        (n, k), rows of the items that each query got.
    """
    return np.array([vendi(gallery_vectors[rows], order) for rows in best])


def chance(gallery_vectors: NDArray[Any], k: int, order: float = 1.0, *, draws: int = 200, seed: int = 0) -> float:
    """Mean Vendi score of ``k`` items drawn at random from a gallery (items, dim)."""
    rng = np.random.default_rng(seed)
    items = len(gallery_vectors)
    best = np.stack([rng.choice(items, min(k, items), replace=False) for _ in range(draws)])
    return float(of_results(gallery_vectors, best, order).mean())
