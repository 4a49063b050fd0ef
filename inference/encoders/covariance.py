"""Covariances and logarithms of symmetric positive definite matrices, batched in numpy.

The same estimators as pyriemann's and scikit-learn's, without importing either: a worker starts faster, and a batch
takes one call instead of one a window.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError

Array = NDArray[np.float64]


def scm(x: Array) -> Array:
    """Sample covariances (n, c, c) of centred signals (n, c, t)."""
    return np.asarray(x @ x.swapaxes(-1, -2) / x.shape[-1])


def oas(x: Array) -> Array:
    """Oracle approximating shrinkage (n, c, c) of centred signals (n, c, t), Chen et al. (2010)."""
    cov, n_times, size = scm(x), x.shape[-1], x.shape[-2]
    mu = _mean_variance(cov)
    alpha = np.mean(cov**2, axis=(-2, -1))
    denominator = (n_times + 1.0) * (alpha - mu**2 / size)
    shrinkage = np.where(denominator > 0, np.minimum((alpha + mu**2) / np.where(denominator > 0, denominator, 1), 1), 1)
    return _shrunk(cov, mu, shrinkage)


def lwf(x: Array) -> Array:
    """Ledoit-Wolf shrinkage (n, c, c) of centred signals (n, c, t), Ledoit and Wolf (2004)."""
    cov, n_times, size = scm(x), x.shape[-1], x.shape[-2]
    mu = _mean_variance(cov)
    squares = np.sum(cov**2, axis=(-2, -1))
    fourth = np.sum((x**2) @ (x**2).swapaxes(-1, -2), axis=(-2, -1)) / n_times
    delta = (squares - size * mu**2) / size
    beta = np.minimum((fourth - squares) / (size * n_times), delta)
    return _shrunk(cov, mu, np.where(beta > 0, beta / np.where(delta > 0, delta, 1), 0.0))


ESTIMATORS: dict[str, Callable[[Array], Array]] = {"scm": scm, "oas": oas, "lwf": lwf}


def covariances(x: Array, estimator: str) -> Array:
    """Covariances (n, c, c) of signals (n, c, t), each row centred, by an estimator of ``ESTIMATORS``."""
    return ESTIMATORS[estimator](x - x.mean(axis=-1, keepdims=True))


def logm(matrices: Array) -> Array:
    """Logarithm of symmetric positive definite matrices (..., c, c)."""
    return _of_eigenvalues(matrices, np.log)


def inverse_sqrtm(matrices: Array) -> Array:
    """Inverse square root of symmetric positive definite matrices (..., c, c)."""
    return _of_eigenvalues(matrices, lambda values: 1 / np.sqrt(values))


def upper(matrices: Array) -> Array:
    """Upper triangles (..., c (c + 1) / 2), off-diagonal entries times sqrt(2), so that norms are kept."""
    rows, columns = np.triu_indices(matrices.shape[-1])
    return np.asarray(matrices[..., rows, columns] * np.where(rows == columns, 1.0, np.sqrt(2.0)))


def _of_eigenvalues(matrices: Array, function: Callable[[Array], Array]) -> Array:
    try:
        values, vectors = np.linalg.eigh(matrices)
    except np.linalg.LinAlgError as error:
        raise BundleError(
            f"a covariance matrix of the encoder has no eigenvalues ({error}): its weights or the window are beyond "
            "all bounds; train it again"
        ) from error
    # rounding can make the smallest eigenvalue of a nearly singular matrix negative
    values = np.maximum(values, np.finfo(np.float64).eps * np.maximum(values[..., -1:], np.finfo(np.float64).tiny))
    return np.asarray((vectors * function(values)[..., None, :]) @ vectors.swapaxes(-1, -2))


def _mean_variance(cov: Array) -> Array:
    return np.asarray(np.trace(cov, axis1=-2, axis2=-1) / cov.shape[-1])


def _shrunk(cov: Array, mu: Array, shrinkage: Array) -> Array:
    keep = (1 - shrinkage)[..., None, None]
    return np.asarray(keep * cov + (shrinkage * mu)[..., None, None] * np.eye(cov.shape[-1]))
