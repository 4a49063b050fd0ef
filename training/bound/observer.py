"""The ideal observer of participant v1: it knows the model, sees the decoder's own window, and has the gallery.

What is left of an average over n repeats besides the explained response is noise / n, neighbours / n (their order is
redrawn in every block) and the response that nothing explains, which does not shrink. All are Gaussian, so 16 numbers
hold all that a window says, and the likelihood of each item is a Gaussian of those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

from acquisition.participant import v1
from training.bound.model import WindowModel
from training.metrics import retrieval

Array = NDArray[np.float64]
REPEATS = (1, 2, 5, 10, 20, 40, 80)
TARGET, TOLERANCE = 0.030, 0.002
"""Top-1 among the 200 that the level is solved for, at one repeat, and how far it may be off."""
DRAWS = 400
"""Answers drawn for each item and repeat count."""


@dataclass(frozen=True)
class Statistics:
    """What the observer reads from a window.

    Attributes
    ----------
    filters
        (values, RANK): ``windows @ filters`` estimates the latents, unexplained ones included, without bias.
    error
        (RANK, RANK) covariance of that estimate for one repeat: noise and neighbours.
    offset
        (RANK,) what neighbours add to it on average.
    """

    filters: Array
    error: Array
    offset: Array


@dataclass(frozen=True)
class Whitened:
    """A model of windows in units of its noise.

    Attributes
    ----------
    lower
        (values, values), the Cholesky factor of the noise covariance.
    white
        (values, RANK (1 + lags)): what a window's own picture evokes, then its neighbours, divided by the noise.
    lags
        Neighbours that are felt.
    """

    lower: Array
    white: Array
    lags: int


def whitened(model: WindowModel) -> Whitened:
    """A model in units of its noise."""
    lower = cholesky(model.noise_covariance(), lower=True, overwrite_a=True)
    both = np.concatenate([model.own, model.neighbours.reshape(-1, model.own.shape[1])])
    return Whitened(lower, solve_triangular(lower, both.T, lower=True), len(model.neighbours))


class Observer:
    """The ideal observer; whitening the model once makes every level cheap.

    Parameters
    ----------
    model
        Of the windows.
    """

    def __init__(self, model: WindowModel | Whitened) -> None:
        known = model if isinstance(model, Whitened) else whitened(model)
        self.lower, self.white, self.lags = known.lower, known.white, known.lags
        self.gram = self.white.T @ self.white

    def information(self, level_uv: float, shown: Array) -> Array:
        """Fisher information (RANK, RANK) of one window about the latents of its picture.

        Parameters
        ----------
        level_uv
            How loud.
        shown
            (RANK, RANK) covariance of the latents of the pictures shown, unexplained ones included.
        """
        return np.asarray(self._weights(level_uv, shown).T @ self.gram[:, : v1.RANK] * level_uv**2)

    def statistics(self, level_uv: float, shown: Array, mean: Array, known: float = 0.0) -> Statistics:
        """Filters for real windows; ``mean`` (RANK,) is that of the latents shown.

        ``known`` is added to the information about each latent: early in a window nothing may be known of one.
        """
        weights = self._weights(level_uv, shown)
        information = np.asarray(weights.T @ self.gram[:, : v1.RANK], np.float64)
        if known:
            information = (information + information.T) / 2 + known / level_uv**2 * np.eye(v1.RANK)
        error = np.asarray(np.linalg.inv(information) / level_uv**2, np.float64)
        by_latent = weights @ error * level_uv
        filters = solve_triangular(self.lower, self.white @ by_latent, lower=True, trans="T")
        felt = by_latent.T @ self.gram[:, v1.RANK :].reshape(len(self.gram), self.lags, v1.RANK).sum(axis=1)
        return Statistics(filters, error, felt @ mean * level_uv)

    def _weights(self, level_uv: float, shown: Array) -> Array:
        """Whitened patterns with their neighbours' interference taken out, as combinations of ``white``."""
        inner = self.gram[v1.RANK :, v1.RANK :] * level_uv**2 + np.kron(np.eye(self.lags), np.linalg.inv(shown))
        mixed = cho_solve(cho_factor(inner), self.gram[v1.RANK :, : v1.RANK]) * level_uv**2
        return np.concatenate([np.eye(v1.RANK), -mixed])


def log_likelihood(estimates: Array, explained: Array, error: Array, repeats: int, norms: bool = True) -> Array:
    """Log-likelihood of each item, up to a constant of each row.

    Parameters
    ----------
    estimates
        (n, RANK), from averages over ``repeats`` windows.
    explained
        (items, RANK) latents of the gallery.
    error
        (RANK, RANK) covariance of the estimates for one repeat.
    repeats
        Averaged windows.
    norms
        False: without the items' own part, as a cosine with unit vectors of many dimensions must do.

    Returns
    -------
    (n, items).
    """
    precision = np.linalg.inv(error / repeats + v1.TAU**2 * np.eye(v1.RANK))
    scores = estimates @ precision @ explained.T
    if norms:
        scores -= 0.5 * np.einsum("ij,jk,ik->i", explained, precision, explained)
    return np.asarray(scores)


def expected(
    error: Array, explained: Array, repeats: int, *, draws: int = DRAWS, seed: int = 0, norms: bool = True
) -> tuple[float, float]:
    """Top-1 and top-5 that the observer reaches in the mean over sessions, drawn from the model.

    Parameters
    ----------
    error, explained, repeats, norms
        See `log_likelihood`.
    draws
        For each item.
    seed
        Of the draws.
    """
    generator = np.random.default_rng([seed, repeats])
    root = np.linalg.cholesky(error / repeats + v1.TAU**2 * np.eye(v1.RANK))
    truth = np.arange(len(explained))
    ranks = []
    for _ in range(draws):
        estimates = explained + generator.standard_normal(explained.shape) @ root.T
        ranks.append(retrieval.ranks(log_likelihood(estimates, explained, error, repeats, norms), truth))
    together = np.concatenate(ranks)
    return float((together <= 1).mean()), float((together <= 5).mean())


def shown_covariance(explained: Array) -> Array:
    """Covariance (RANK, RANK) of all latents of a stream of these pictures."""
    return np.asarray(np.cov(explained, rowvar=False) + v1.TAU**2 * np.eye(v1.RANK))


def solve_level(observer: Observer, explained: Array, *, target: float = TARGET, seed: int = 0) -> float:
    """Level, µV, at which the observer's top-1 at one repeat is the target: bisection with the same draws each time.

    Parameters
    ----------
    observer
        Of the person.
    explained
        (items, RANK) latents of the gallery.
    target
        Top-1.
    seed
        Of the draws.
    """
    shown = shown_covariance(explained)
    low, high = 1e-3, 1e3
    while high / low > 1.001:
        middle = float(np.sqrt(low * high))
        error = np.asarray(np.linalg.inv(observer.information(middle, shown)))
        if expected(error, explained, 1, seed=seed)[0] < target:
            low = middle
        else:
            high = middle
    return float(np.sqrt(low * high))
