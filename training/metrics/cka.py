"""Centred kernel alignment: likeness of two sets of vectors for the same stimuli, whatever their dimensions."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from training.metrics.significance import Tested, permuted

Array = NDArray[np.float64]
FEWEST = 4
"""Stimuli that the debiased form needs."""


def linear(x: NDArray[Any], y: NDArray[Any], *, debiased: bool = True) -> float:
    """Linear CKA of vectors (n, p) and (n, q) of the same n stimuli [1]_.

    Parameters
    ----------
    x, y
        Vectors.
    debiased
        By the unbiased estimator of HSIC [2]_ [3]_, whose chance is 0. The plain form, 0 to 1, is far above 0 for
        random vectors of more dimensions than stimuli.

    Returns
    -------
    1 for sets that differ by rotation and scale only. NaN where one of the two does not vary.

    Raises
    ------
    RecordingError
        The sets are of different or too few stimuli.

    References
    ----------
    .. [1] Kornblith et al. (2019), Similarity of neural network representations revisited, ICML.
    .. [2] Song et al. (2012), Feature selection via dependence maximization, JMLR 13.
    .. [3] Nguyen, Raghu & Kornblith (2021), Do wide and deep networks learn the same things?, ICLR.
    """
    k, m = _kernels(x, y, debiased)
    return _ratio(k, m)


def compare(x: NDArray[Any], y: NDArray[Any], *, debiased: bool = True, draws: int = 1000, seed: int = 0) -> Tested:
    """CKA with its chance and a test, by permuting which stimulus is which."""
    k, m = _kernels(x, y, debiased)
    return permuted(lambda order: _ratio(k, m[np.ix_(order, order)]), len(k), draws=draws, seed=seed)


def _kernels(x: NDArray[Any], y: NDArray[Any], debiased: bool) -> tuple[Array, Array]:
    if len(x) != len(y) or len(x) < FEWEST:
        raise RecordingError(
            f"vectors of {len(x)} and {len(y)} stimuli cannot be aligned; give the same {FEWEST} or more in both"
        )
    centre = _u_centred if debiased else _centred
    return centre(_gram(x)), centre(_gram(y))


def _gram(x: NDArray[Any]) -> Array:
    wide = np.asarray(x, np.float64)
    wide = wide - wide.mean(axis=0)
    return np.asarray(wide @ wide.T)


def _centred(k: Array) -> Array:
    return np.asarray(k - k.mean(axis=0) - k.mean(axis=1)[:, None] + k.mean())


def _u_centred(k: Array) -> Array:
    """So that the mean product of two is the unbiased HSIC: diagonal nought, rows summing to nought."""
    n = len(k)
    k = k - np.diag(np.diag(k))
    rows = k.sum(axis=1) / (n - 2)
    out = k - rows[:, None] - rows[None, :] + k.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(out, 0.0)
    return np.asarray(out)


def _ratio(k: Array, m: Array) -> float:
    scale = np.sqrt(max((k * k).sum(), 0.0) * max((m * m).sum(), 0.0))
    return float((k * m).sum() / scale) if scale > 0 else float("nan")
