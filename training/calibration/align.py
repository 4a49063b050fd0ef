"""Windows of an earlier session, mapped so that they look as if this session had recorded them: no label is looked at.

A headset that is put on again sits a little otherwise: gains change, and each electrode sees more of one neighbour and
less of another. To a good approximation that is one fixed matrix from channels to channels, which shows in the mean
spatial covariance of the windows. Whitening by the covariance of the one session and colouring by that of the other
undoes it [1]_ [2]_. Many matrices do that, which differ by a rotation of the whitened signal; ``monge`` takes the
symmetric positive one, which moves the signal least (optimal transport between Gaussians [3]_ [4]_) and is exact where
gains alone changed. ``euclidean`` goes by way of the whitened signal without a rotation, as [1]_ does.

The windows of the present session stay as they are, so that the decoder works on raw windows, with no step at
inference.

References
----------
.. [1] He and Wu (2020), Transfer learning for brain-computer interfaces: a Euclidean space data alignment approach,
   IEEE TBME 67 (2).
.. [2] Zanini, Congedo, Jutten, Said and Berthoumieu (2018), Transfer learning: a Riemannian geometry framework with
   applications to brain-computer interfaces, IEEE TBME 65 (5).
.. [3] Peyré and Cuturi (2019), Computational optimal transport, remark 2.31.
.. [4] Gnassounou, Flamary and Gramfort (2023), Convolution Monge mapping normalization for learning on sleep data,
   NeurIPS 36.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PRIOR_TRIALS = 10
"""The covariance of the present session counts as if so many windows had shown that of the earlier one: with none of
its own nothing is mapped, and with a few of many channels the map is defined."""
FLOOR = 1e-6
"""Smallest eigenvalue of a covariance, as a share of the largest: a flat channel, or a copy of another, is finite."""


def covariance(windows: NDArray[np.float32]) -> Array:
    """Mean spatial covariance (channels, channels) about 0, µV², of windows (n, channels, times); n is 1 or more."""
    x = np.asarray(windows, np.float64)
    found: Array = np.einsum("nct,ndt->cd", x, x, optimize=True) / (x.shape[0] * x.shape[2])
    return found


def blended(former: Array, own: Array, trials: int) -> Array:
    """Covariance of the present session as far as it is known: ``trials`` windows beside `PRIOR_TRIALS` of before."""
    return np.asarray((PRIOR_TRIALS * former + trials * own) / (PRIOR_TRIALS + trials))


def monge(source: Array, target: Array) -> Array:
    """Symmetric positive matrix T with T @ source @ T.T = target; both are covariances (channels, channels)."""
    source, target = _floored(source), _floored(target)
    root, inverse = _power(source, 0.5), _power(source, -0.5)
    return np.asarray(inverse @ _power(root @ target @ root, 0.5) @ inverse)


def euclidean(source: Array, target: Array) -> Array:
    """Whitens by the one and colours by the other: A @ source @ A.T = target."""
    return np.asarray(_power(_floored(target), 0.5) @ _power(_floored(source), -0.5))


def none(source: Array, target: Array) -> Array:
    """Windows are pooled as they are."""
    return np.eye(len(source))


MAPS: dict[str, Callable[[Array, Array], Array]] = {"monge": monge, "euclidean": euclidean, "none": none}


def mapped(windows: NDArray[np.float32], matrix: Array) -> NDArray[np.float32]:
    """Windows (n, channels, times) with every sample multiplied by the matrix."""
    return np.asarray(matrix @ windows, np.float32)


def _floored(covariance: Array) -> Array:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    least = max(FLOOR * float(values[-1]), np.finfo(np.float64).tiny)
    return np.asarray((vectors * np.maximum(values, least)) @ vectors.T)


def _power(covariance: Array, exponent: float) -> Array:
    values, vectors = np.linalg.eigh((covariance + covariance.T) / 2)
    return np.asarray((vectors * values**exponent) @ vectors.T)
