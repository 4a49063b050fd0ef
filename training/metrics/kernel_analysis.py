"""Kernel analysis: how simple a function of a representation says what was shown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError

Array = NDArray[np.float64]
QUANTILES = (0.1, 0.5, 0.9)
"""Of the distances between stimuli: widths of the Gaussian kernel that are tried."""
POINTS = 24
FEWEST = 8


@dataclass(frozen=True)
class KernelAnalysis:
    """Accuracy against the complexity of the function [1]_ [2]_.

    Attributes
    ----------
    components
        (points,), leading components of kernel PCA that are used.
    accuracy
        (points,), share of the targets' variance that they predict, leave-one-out: 1 is all, 0 is none, and below 0 is
        worse than saying the mean.
    area
        Area under the curve over components / most components: high where few components do.
    chance
        Mean area when the targets are shuffled.
    p
        Share of shuffles (plus one) whose area is as high.

    References
    ----------
    .. [1] Montavon, Braun & Müller (2011), Kernel analysis of deep networks, JMLR 12.
    .. [2] Cadieu et al. (2014), Deep neural networks rival the representation of primate IT cortex for core visual
       object recognition, PLoS Computational Biology 10.
    """

    components: NDArray[np.int64]
    accuracy: Array
    area: float
    chance: float
    p: float


def one_hot(classes: Sequence[str]) -> Array:
    """Targets (n, classes) of class names (n,)."""
    _, code = np.unique(np.asarray(classes), return_inverse=True)
    return np.eye(code.max() + 1)[code]


def analyse(
    vectors: NDArray[Any], targets: NDArray[Any], *, most: int | None = None, shuffles: int = 200, seed: int = 0
) -> KernelAnalysis:
    """Kernel PCA of vectors (n, dim), and least squares from its leading components to targets (n, q).

    The kernel is Gaussian; at each number of components the best of three widths counts, as in the first paper.

    Parameters
    ----------
    vectors, targets
        Of each stimulus; see `one_hot` for classes.
    most
        Components at the end of the curve; None: half as many as stimuli.
    shuffles, seed
        For chance; without shuffles it is NaN.

    Raises
    ------
    RecordingError
        There are too few stimuli.
    """
    x, y = np.asarray(vectors, np.float64), np.asarray(targets, np.float64)
    n = len(x)
    if n < FEWEST or len(y) != n:
        raise RecordingError(f"kernel analysis of {n} vectors and {len(y)} targets; give {FEWEST} or more of each")
    last = min(most or n // 2, n - 2)
    counts = np.unique(np.geomspace(1, last, POINTS).round().astype(np.int64))
    bases = [_components(x, quantile, last) for quantile in QUANTILES]
    y = y - y.mean(axis=0)
    accuracy = _accuracy(bases, y, counts)
    area = _area(counts, accuracy)
    rng = np.random.default_rng(seed)
    null = np.array([_area(counts, _accuracy(bases, rng.permutation(y), counts)) for _ in range(shuffles)])
    p = float((np.sum(null >= area - 1e-12) + 1) / (shuffles + 1))
    return KernelAnalysis(counts, accuracy, area, float(null.mean()) if shuffles else float("nan"), p)


def _components(x: Array, quantile: float, count: int) -> Array:
    """Leading eigenvectors (n, count) of the centred Gaussian kernel."""
    from scipy.linalg import eigh
    from scipy.spatial.distance import pdist, squareform

    distance = pdist(x, "sqeuclidean")
    width = float(np.quantile(distance, quantile)) or 1.0
    kernel = np.exp(-squareform(distance) / (2 * width))
    kernel = kernel - kernel.mean(axis=0) - kernel.mean(axis=1)[:, None] + kernel.mean()
    n = len(x)
    _, vectors = eigh(kernel, subset_by_index=(n - count, n - 1))
    return np.asarray(vectors[:, ::-1])


def _accuracy(bases: Sequence[Array], y: Array, counts: NDArray[np.int64]) -> Array:
    """1 - leave-one-out error over that of the mean, the best basis at each count."""
    n = len(y)
    mean_error = ((y / (1 - 1 / n)) ** 2).sum()
    errors = np.array([_errors(basis, y, counts) for basis in bases]).min(axis=0)
    return np.asarray(1 - errors / mean_error)


def _errors(basis: Array, y: Array, counts: NDArray[np.int64]) -> Array:
    """Leave-one-out squared error at each count, by the hat matrix."""
    leverage = 1 / len(y) + np.cumsum(basis**2, axis=1)
    residual, done, errors = y.copy(), 0, []
    for count in counts:
        new = basis[:, done:count]
        residual -= new @ (new.T @ y)
        done = int(count)
        errors.append((residual**2 / np.maximum(1 - leverage[:, count - 1 : count], 1e-6) ** 2).sum())
    return np.array(errors)


def _area(counts: NDArray[np.int64], accuracy: Array) -> float:
    """Over components / most components, from 0 components, where the accuracy is 0."""
    share = np.concatenate([[0.0], counts / counts[-1]])
    return float(np.trapezoid(np.concatenate([[0.0], accuracy]), share))
