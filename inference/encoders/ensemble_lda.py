"""Linear discriminant onto the embedding, its noise covariance assumed stationary: a block-Toeplitz matrix."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Windows

Array = NDArray[np.float64]


def binned(windows: Windows | Array, size: int, skip: int) -> Array:
    """Means (n, channels, bins) of ``size`` samples each; the first ``skip`` and an incomplete last bin left out."""
    n, channels, times = windows.shape
    count = (times - skip) // size
    kept = np.asarray(windows[:, :, skip : skip + count * size], np.float64)
    return np.asarray(kept.reshape(n, channels, count, size).mean(axis=-1))


def fit(windows: Windows | Array, targets: Array, classes: NDArray[Any], size: int, skip: int, taper: bool) -> Array:
    """Weights (channels, bins, dim) of the discriminant, for centred bins and targets.

    ``covariance^-1 @ (cross-covariance of bins and targets)``, at the scale that fits the training targets best. For
    two classes this is the direction of Fisher's discriminant; the covariance is that of the bins about their class
    mean, shrunk (Ledoit and Wolf 2004), then averaged over time (`block_toeplitz`).

    Parameters
    ----------
    windows
        (n, channels, times).
    targets
        (n, dim).
    classes
        (n,), whose means are taken out of the noise.
    size, skip
        As of `binned`.
    taper
        As of `block_toeplitz`.
    """
    bins = binned(windows, size, skip)
    _, channels, count = bins.shape
    x = bins.reshape(len(bins), -1)
    noise = x - _class_means(x, classes)
    covariance = block_toeplitz(shrunk(noise), channels, count, taper)
    centred, wanted = x - x.mean(axis=0), targets - targets.mean(axis=0)
    weights = np.linalg.lstsq(covariance, centred.T @ wanted / len(x), rcond=None)[0]
    output = centred @ weights
    power = float(np.sum(output**2))
    scale = float(np.sum(output * wanted)) / power if power > 0 else 0.0
    return np.asarray(scale * weights).reshape(channels, count, -1)


def block_toeplitz(covariance: Array, channels: int, bins: int, taper: bool) -> Array:
    """Covariance (channels x bins, channels x bins) whose entries depend on the time between two bins only.

    Parameters
    ----------
    covariance
        Ordered by channel, then by bin.
    channels, bins
        Sizes.
    taper
        Weight a lag by the share of bins that are so far apart, the longest least: their estimates are the worst, and
        the matrix stays positive definite.

    References
    ----------
    Sosulski, J. and Tangermann, M. (2022). Introducing block-Toeplitz covariance matrices to remaster linear
    discriminant analysis for event-related potential brain-computer interfaces. J. Neural Eng. 19 (6), 066001.
    """
    blocks = covariance.reshape(channels, bins, channels, bins)
    out = np.empty_like(blocks)
    for lag in range(bins):
        first = np.arange(bins - lag)
        # over all pairs of bins that are so far apart
        mean = blocks[:, first + lag, :, first].mean(axis=0) * ((bins - lag) / bins if taper else 1.0)
        out[:, first + lag, :, first] = mean
        out[:, first, :, first + lag] = mean.T
    return out.reshape(covariance.shape)


def shrunk(centred: Array) -> Array:
    """Ledoit-Wolf covariance (p, p) of centred observations (n, p)."""
    n, size = centred.shape
    covariance = centred.T @ centred / n
    mu = float(np.trace(covariance)) / size
    away = float(np.sum(covariance**2)) - size * mu**2
    spread = (float(np.sum(np.sum(centred**2, axis=1) ** 2)) / n - float(np.sum(covariance**2))) / n
    share = min(max(spread / away, 0.0), 1.0) if away > 0 else 1.0
    return np.asarray((1 - share) * covariance + share * mu * np.eye(size))


def _class_means(x: Array, classes: NDArray[Any]) -> Array:
    """Mean of each row's class, (n, features)."""
    _, index = np.unique(classes, return_inverse=True)
    sums = np.zeros((int(index.max()) + 1, x.shape[1]))
    np.add.at(sums, index, x)
    return np.asarray((sums / np.bincount(index)[:, None])[index])
