"""Fits ``cca``: canonical correlation of windows and embeddings, both covariances shrunk."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors
from inference.encoders.linear import CCA, CCAParameters
from training.closed import linear_search
from training.closed.closed_form import Chosen
from training.closed.linear_parts import Known, Solution, features, summarise, weighted
from training.trials.epochs import Progress, Trials, silent

Array = NDArray[np.float64]
GRID: dict[str, tuple[float, ...]] = {
    "waves": (20, 45),
    "shrink_items": (0.03, 0.1, 0.3),
    "rank": (8, 16, 32),
    "shrink_windows": (0.001, 0.01, 0.1),
}
"""What the inner splits choose from."""


def fit(trials: Trials, vectors: Vectors, parameters: dict[str, Any], seed: int) -> CCA:
    """Encoder fitted to all of the given trials."""
    p = CCAParameters.model_validate(CCA(parameters).parameters.model_dump())
    known = summarise(features(trials.windows, p.waves), trials.rows, vectors)
    return linear_search.made(CCA, parameters, solve(known, p), trials.windows.shape[2])


def choose(
    trials: Trials,
    vectors: Vectors,
    given: dict[str, Any],
    splits: Sequence[Any],
    seed: int,
    progress: Progress = silent,
) -> Chosen:
    """Waves, rank and shrinkage for the trials, by inner splits; what is given is kept."""
    return linear_search.choose(CCA, solve, GRID, trials, vectors, given, splits, progress)


def solve(known: Known, parameters: CCAParameters) -> Solution:
    """Weights of the encoder on features: canonical windows, weighed by their correlation.

    Parameters
    ----------
    known
        What the training data say.
    parameters
        Rank and shrinkage.
    """
    energy, axes, heavy = weighted(known)
    total = known.counts.sum()
    windows = known.means * np.sqrt(known.counts)[:, None]
    # of single windows: within items, and between them
    covariance = (known.noise * (total - len(windows)) + windows.T @ windows) / total
    scale = np.sqrt(np.maximum(np.diag(covariance), np.finfo(np.float64).tiny))
    share = parameters.shrink_windows
    correlation = (1 - share) * covariance / np.outer(scale, scale) + share * np.eye(len(scale))
    lower = np.linalg.cholesky(correlation)
    share = parameters.shrink_items
    spread = np.sqrt((1 - share) * energy / total + share * (energy / total).mean())
    across = np.linalg.solve(lower, (windows / scale).T @ heavy / total) / spread
    left, canonical, right = np.linalg.svd(across, full_matrices=False)
    rank = min(parameters.rank, len(canonical))
    filters = np.linalg.solve(lower.T, left[:, :rank]) / scale[:, None]
    root = np.sqrt(canonical[:rank])
    return Solution(filters * root, known.centre, axes / spread @ right[:rank].T * root)
