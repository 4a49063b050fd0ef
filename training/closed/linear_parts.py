"""What the linear encoders share: windows as a few cosines, and what repeats say of noise and of each picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, Windows
from training.trials.epochs import Progress, silent

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
CHUNK = 4096
"""Windows taken at once, so that memory stays bounded."""
SMALL = 1e-9
"""Directions of embeddings with a smaller share of the largest one's variance are none."""
COMMON = 0.05
"""A shorter mean of the embeddings is no direction that they share."""


def cosines(times: int, waves: int) -> Array:
    """Orthonormal cosines (times, waves) of the lowest frequencies: wave k has k / 2 periods in a window."""
    from scipy.fft import dct

    return np.asarray(dct(np.eye(times), axis=0, norm="ortho")[: min(waves, times)].T)


def features(windows: Windows, waves: int, progress: Progress = silent) -> Windows:
    """Weights (n, channels, waves) float32 of the cosines in windows (n, channels, times)."""
    basis = cosines(windows.shape[2], waves).astype(np.float32)
    out = np.empty((*windows.shape[:2], basis.shape[1]), np.float32)
    for k in range(0, len(windows), CHUNK):
        progress("smoothing windows", k, len(windows))
        out[k : k + CHUNK] = windows[k : k + CHUNK] @ basis
    progress("smoothing windows", len(windows), len(windows))
    return out


@dataclass(frozen=True)
class Known:
    """What training data say, in features of which channels come before waves.

    Attributes
    ----------
    shape
        (channels, waves).
    means
        (items, values): mean over the repeats of each item, less ``centre``.
    counts
        (items,) repeats of each item.
    centre
        (values,) mean of all windows.
    noise
        (values, values) covariance of single windows around their item's mean.
    items
        (items, dim) embeddings without what all have in common: the direction of their mean.
    """

    shape: tuple[int, int]
    means: Array
    counts: Array
    centre: Array
    noise: Array
    items: Array

    def fewer(self, waves: int) -> Known:
        """The same with only the slowest waves."""
        channels, there = self.shape
        keep = np.arange(channels * there).reshape(self.shape)[:, :waves].ravel()
        part = self.means[:, keep], self.counts, self.centre[keep], self.noise[np.ix_(keep, keep)]
        return Known((channels, min(waves, there)), *part, self.items)


def summarise(values: Windows, rows: Rows, vectors: Vectors) -> Known:
    """What features (n, channels, waves) say of the rows of a gallery.

    The noise is the covariance within items; where there are too few repeats for that, of all windows (what is evoked
    is a small part of it). It is shrunk towards its diagonal [1]_.

    References
    ----------
    .. [1] Chen et al. (2010), Shrinkage algorithms for MMSE covariance estimation, IEEE TSP 58 (10).
    """
    flat = values.reshape(len(values), -1)
    shown, item, counts = np.unique(rows, return_inverse=True, return_counts=True)
    centre = flat.mean(axis=0, dtype=np.float64)
    sums = np.zeros((len(shown), flat.shape[1]))
    scatter = np.zeros((flat.shape[1], flat.shape[1]))
    for k in range(0, len(flat), CHUNK):
        part = flat[k : k + CHUNK] - centre
        np.add.at(sums, item[k : k + CHUNK], part)
        scatter += part.T @ part
    means = sums / counts[:, None]
    freedom = len(flat) - len(shown)
    if freedom > flat.shape[1]:
        scatter -= sums.T @ means
    else:
        freedom = max(len(flat) - 1, 1)
    noise = _shrunk(scatter / freedom, freedom)
    return Known(values.shape[1:], means, counts.astype(np.float64), centre, noise, distinct(vectors[shown], counts))


def distinct(vectors: Vectors, counts: Rows) -> Array:
    """Embeddings (items, dim) without the direction of their mean, centred with the weights (items,) ``counts``.

    A cosine cannot subtract the mean, but it can look away from it.
    """
    kept = vectors.astype(np.float64)
    mean = kept.mean(axis=0)
    length = float(np.linalg.norm(mean))
    if length > COMMON:
        kept -= np.outer(kept @ mean, mean) / length**2
    return np.asarray(kept - counts @ kept / counts.sum())


@dataclass(frozen=True)
class Solution:
    """Weights of a linear encoder on features.

    Attributes
    ----------
    filters
        (values, rank).
    centre
        (values,) subtracted before.
    readout
        (dim, rank): latents to embeddings, and embeddings to latents.
    """

    filters: Array
    centre: Array
    readout: Array

    def latents(self, values: Windows) -> Array:
        """Latents (n, rank) of features (n, channels, waves)."""
        return np.asarray((values.reshape(len(values), -1) - self.centre) @ self.filters)

    def cosines(self, values: Windows, vectors: Vectors, subspace: bool) -> Array:
        """Cosines (n, items) up to a factor of each row, as a search with this encoder would give them."""
        items = vectors @ self.readout
        if subspace:
            items /= np.maximum(np.linalg.norm(items, axis=1, keepdims=True), np.finfo(np.float64).tiny)
        return np.asarray(self.latents(values) @ items.T)


def weighted(known: Known) -> tuple[Array, Array, Array]:
    """Embeddings in their own axes: energy (axes,), axes (dim, axes), coordinates (items, axes).

    Each item is weighed by its repeats: the noise of its mean then has the same covariance as that of any other.
    """
    heavy = known.items * np.sqrt(known.counts)[:, None]
    energy, axes = np.linalg.eigh(heavy.T @ heavy)
    real = energy > SMALL * energy.max()
    return energy[real], axes[:, real], heavy @ axes[:, real]


def _shrunk(covariance: Array, freedom: int) -> Array:
    scale = np.sqrt(np.maximum(np.diag(covariance), np.finfo(np.float64).tiny))
    correlation = covariance / np.outer(scale, scale)
    p = len(scale)
    square, trace = float(np.sum(correlation**2)), float(np.trace(correlation))
    away = (freedom + 1 - 2 / p) * (square - trace**2 / p)
    share = min(1.0, ((1 - 2 / p) * square + trace**2) / away) if away > 0 else 1.0
    correlation *= 1 - share
    correlation[np.diag_indices(p)] += share
    return np.asarray(correlation * np.outer(scale, scale))
