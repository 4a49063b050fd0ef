"""Fits ``encoding``: how embeddings evoke responses, of low rank and smooth, inverted by Bayes' rule.

Whitened by the noise, the mean window of a picture is ``embedding @ weights`` plus noise plus what the embedding does
not explain. The weights are a product of two small matrices. Their patterns are told from noise by a prior that the
data give themselves: patterns are alike in which channels and which times they use. Then each pattern's own weights on
the embedding get the ridge penalty that makes the data most likely. The encoder weighs its estimate by the precision
that it has after some repeats, noise and unexplained response together: the cosine with an embedding is then the
log-likelihood of that picture, but for the norm of what it evokes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular

from inference.encoders.base import Vectors
from inference.encoders.linear import Encoding, EncodingParameters
from training.closed import linear_search
from training.closed.closed_form import Chosen
from training.closed.linear_parts import Known, Solution, features, summarise, weighted
from training.trials.epochs import Progress, Trials, silent

Array = NDArray[np.float64]
GRID: dict[str, tuple[float, ...]] = {"waves": (20, 45), "rank": (8, 16, 32)}
"""What the inner splits choose from."""
FREE = 0.4
"""Share of the embeddings' directions that the first look at the responses leaves free."""
FLOOR = 0.02
"""Of the prior: no channel and no time is ruled out."""
PENALTIES = np.geomspace(1e-3, 1e4, 57)
"""Ridge penalties tried, in shares of the mean energy of a direction of the embeddings."""


def fit(trials: Trials, vectors: Vectors, parameters: dict[str, Any], seed: int) -> Encoding:
    """Encoder fitted to all of the given trials."""
    p = EncodingParameters.model_validate(Encoding(parameters).parameters.model_dump())
    known = summarise(features(trials.windows, p.waves), trials.rows, vectors)
    return linear_search.made(Encoding, parameters, solve(known, p), trials.windows.shape[2])


def choose(
    trials: Trials,
    vectors: Vectors,
    given: dict[str, Any],
    splits: Sequence[Any],
    seed: int,
    progress: Progress = silent,
) -> Chosen:
    """Waves and rank for the trials, by inner splits; what is given is kept."""
    return linear_search.choose(Encoding, solve, GRID, trials, vectors, given, splits, progress)


def solve(known: Known, parameters: EncodingParameters) -> Solution:
    """Weights of the encoder on features.

    Parameters
    ----------
    known
        What the training data say.
    parameters
        Rank, prior and repeats.
    """
    energy, axes, heavy = weighted(known)
    # in these coordinates single windows have noise of covariance 1, and so has each item's mean weighed by its repeats
    lower = np.asarray(np.linalg.cholesky(known.noise))
    white = solve_triangular(lower, known.means.T, lower=True).T * np.sqrt(known.counts)[:, None]
    across = heavy.T @ white
    rank = min(parameters.rank, len(energy), white.shape[1])
    penalty = _leaving(energy, FREE * len(energy))
    patterns = np.empty((0, 0))
    for _ in range(2):
        patterns = _patterns(known, lower, energy, across, penalty, rank, parameters.prior)
        latents = white @ patterns
        penalties = penalties_of(latents, heavy, energy)
        penalty = float(np.exp(np.log(penalties).mean()))
    weights = (heavy.T @ latents) / (energy[:, None] + penalties)
    root = np.linalg.cholesky(
        _precision(latents - heavy @ weights, energy, penalties, known.counts, parameters.repeats)
    )
    return Solution(
        solve_triangular(lower, patterns @ root, lower=True, trans="T"), known.centre, axes @ weights @ root
    )


def _patterns(
    known: Known, lower: Array, energy: Array, across: Array, penalty: float, rank: int, prior: float
) -> Array:
    """Whitened patterns (values, rank), orthonormal."""
    if not prior:
        return np.asarray(np.linalg.svd(across / np.sqrt(energy + penalty)[:, None], full_matrices=False)[2][:rank].T)
    free = energy / (energy + penalty)
    fitted = across.T @ (across / (energy + penalty)[:, None]) - free.sum() * np.eye(len(lower))
    spread, axes = np.linalg.eigh(_alike(fitted, known, lower))
    spread = np.maximum(spread, 0.0) * prior / energy.sum()
    # the mean of the weights given the data, where both have a normal distribution; then its best rank
    signal = energy[:, None] * spread
    estimate = (across @ axes) / np.sqrt(energy)[:, None] * (signal / (signal + 1))
    return np.asarray(axes @ np.linalg.svd(estimate, full_matrices=False)[2][:rank].T)


def _alike(fitted: Array, known: Known, lower: Array) -> Array:
    """Covariance of responses, whitened, as a product of one over channels and one over waves.

    Both are compared in units of the noise, so that the strongest noise does not decide [1]_.

    References
    ----------
    .. [1] Van Loan & Pitsianis (1993), Approximation with Kronecker products.
    """
    roots = [_root(part) for part in _product(known.noise, known.shape)]
    inverse = np.kron(*(np.linalg.inv(root) for root in roots)) @ lower
    parts = [_positive(part) for part in _product(inverse @ fitted @ inverse.T, known.shape)]
    raw = np.kron(*(root @ part @ root for root, part in zip(roots, parts, strict=True)))
    half = solve_triangular(lower, raw, lower=True)
    return np.asarray(solve_triangular(lower, half.T, lower=True))


def _product(covariance: Array, shape: tuple[int, int]) -> tuple[Array, Array]:
    """Factors over channels and waves whose Kronecker product is nearest to a covariance: power iteration."""
    blocks = covariance.reshape(*shape, *shape)
    space, time = np.eye(shape[0]), np.eye(shape[1])
    for _ in range(30):
        time = np.einsum("ck,cwkx->wx", space, blocks, optimize=True) / np.sum(space**2)
        space = np.einsum("wx,cwkx->ck", time, blocks, optimize=True) / max(np.sum(time**2), 1e-300)
    return (space + space.T) / 2, (time + time.T) / 2


def _positive(matrix: Array) -> Array:
    """Without negative variances; the identity where no variance is positive."""
    values, vectors = np.linalg.eigh(matrix * np.sign(np.trace(matrix) or 1.0))
    if values.max() <= 0:
        return np.eye(len(matrix))
    return np.asarray((vectors * (np.maximum(values, 0.0) + FLOOR * values.max())) @ vectors.T)


def _root(matrix: Array) -> Array:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 1e-9 * values.max()))) @ vectors.T)


def _leaving(energy: Array, freedom: float) -> float:
    """Ridge penalty that leaves so many degrees of freedom."""
    tried = PENALTIES * energy.mean()
    left = (energy[:, None] / (energy[:, None] + tried)).sum(axis=0)
    return float(tried[np.argmin(np.abs(left - freedom))])


def penalties_of(latents: Array, heavy: Array, energy: Array) -> Array:
    """Ridge penalty of each latent (rank,): that which makes the data most likely (type II, MacKay 1992)."""
    tried = PENALTIES * energy.mean()
    known = (heavy.T @ latents) ** 2 / energy[:, None]
    rest = np.maximum((latents**2).sum(axis=0) - known.sum(axis=0), 0.0)
    gain = 1 + energy[:, None] / tried
    left = rest[:, None] + known.T @ (1 / gain)
    noise = np.maximum(left / len(latents), 1.0)
    surprise = len(latents) * np.log(noise) + left / noise + np.log(gain).sum(axis=0)
    return np.asarray(tried[np.argmin(surprise, axis=1)])


def _precision(residual: Array, energy: Array, penalties: Array, counts: Array, repeats: float) -> Array:
    """Precision (rank, rank) of the mean of so many windows, around what the embedding explains of it."""
    free = float((energy / (energy + penalties.mean())).sum())
    spread = residual.T @ residual / max(len(residual) - free, 1.0)
    values, vectors = np.linalg.eigh(spread - np.eye(len(spread)))
    unexplained = (vectors * np.maximum(values, 0.0)) @ vectors.T / counts.mean()
    precision = np.linalg.inv(np.eye(len(spread)) / repeats + unexplained)
    return np.asarray((precision + precision.T) / 2)
