"""What is scored beside encoders: the ideal observer, and an oracle that has to learn the responses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import v1
from inference.encoders.base import Vectors, Windows
from training.bound.observer import Statistics, log_likelihood
from training.closed.linear_encoding import penalties_of
from training.closed.linear_parts import CHUNK
from training.trials.epochs import Trials

Array = NDArray[np.float64]
Scorer = Callable[[Windows, int], Array]
"""Scores (n, items) of windows (n, channels, times) that are averages over so many repeats."""


def estimates(windows: Windows, statistics: Statistics) -> Array:
    """What the observer reads: latents (n, RANK), without bias."""
    filters = statistics.filters.astype(np.float32)
    parts = [windows[k : k + CHUNK].reshape(-1, len(filters)) @ filters for k in range(0, len(windows), CHUNK)]
    return np.asarray(np.concatenate(parts) - statistics.offset, np.float64)


def ideal(statistics: Statistics, explained: Array) -> Scorer:
    """The ideal observer, among items of known latents (items, RANK)."""
    return lambda windows, repeats: log_likelihood(estimates(windows, statistics), explained, statistics.error, repeats)


@dataclass(frozen=True)
class Learned:
    """How embeddings are read out, as it was learned.

    Attributes
    ----------
    weights
        (dim, RANK).
    mean, response
        (dim,) and (RANK,): the mean embedding and the mean response.
    """

    weights: Array
    mean: Array
    response: Array

    def explained(self, embeddings: Vectors) -> Array:
        """Latents (n, RANK) of embeddings (n, dim)."""
        return np.asarray((embeddings - self.mean) @ self.weights + self.response)


def learn(trials: Trials, embeddings: Vectors, statistics: Statistics) -> Learned:
    """Learn the readout from training windows, given noise and patterns: a ridge with the likeliest penalties.

    Parameters
    ----------
    trials
        Training windows; ``rows`` are those of ``embeddings``.
    embeddings
        (pictures, dim).
    statistics
        Of the training stream.
    """
    read = estimates(trials.windows, statistics)
    shown, item, counts = np.unique(trials.rows, return_inverse=True, return_counts=True)
    means = np.zeros((len(shown), v1.RANK))
    np.add.at(means, item, read)
    weight = np.sqrt(counts)[:, None]
    x, y = embeddings[shown].astype(np.float64), means / counts[:, None]
    mean, response = counts @ x / counts.sum(), counts @ y / counts.sum()
    # in units of the error, so that the noise of each weighed mean is 1
    root = np.linalg.cholesky(statistics.error)
    white = np.linalg.solve(root, (y - response).T).T * weight
    heavy = (x - mean) * weight
    energy, axes = np.linalg.eigh(heavy.T @ heavy)
    real = energy > 1e-9 * energy.max()
    energy, axes = energy[real], axes[:, real]
    penalties = penalties_of(white, heavy @ axes, energy)
    weights = axes @ ((axes.T @ (heavy.T @ white)) / (energy[:, None] + penalties))
    return Learned(weights @ root.T, mean, response)


def oracle(learned: Learned, statistics: Statistics, gallery: Vectors) -> Scorer:
    """Like `ideal`, with learned latents of the gallery in place of the true ones."""
    return ideal(statistics, learned.explained(gallery))
