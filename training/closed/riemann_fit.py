"""Fits ``riemann`` in closed form; its ridge penalty is chosen by inner splits of the training data only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from inference.encoders.base import Vectors, unit_norm
from inference.encoders.riemann import Riemann
from training.closed.closed_form import Chosen
from training.metrics import retrieval
from training.trials import targets
from training.trials.epochs import Progress, Trials, silent
from training.trials.split import Split

ALPHAS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Ridge penalties tried."""
MOST_FILTERS = 4


def defaults(n_channels: int, n_classes: int) -> dict[str, Any]:
    """Parameters before any choice.

    As many xDAWN filters a class as keep the stacked, filtered signals linearly independent; shrunk covariances; and
    tangent features at their own scale, so that the ridge shrinks the weak ones most.
    """
    filters = max(1, min(MOST_FILTERS, n_channels // n_classes))
    return {"nfilter": filters, "estimator": "lwf", "standardise": False}


def fit(trials: Trials, vectors: Vectors, parameters: dict[str, Any], seed: int) -> Riemann:
    """Encoder fitted to all of the given trials."""
    model = Riemann(parameters)
    return model.fit(trials.windows, targets.of_rows(vectors, trials.rows), targets.classes(vectors, trials.rows, seed))


def choose(
    trials: Trials,
    vectors: Vectors,
    given: dict[str, Any],
    splits: Sequence[Split],
    seed: int,
    progress: Progress = silent,
) -> Chosen:
    """Parameters for the trials; a penalty that is given is kept.

    Parameters
    ----------
    trials
        Training data.
    vectors
        (items, dim) of the gallery, unit norm.
    given
        Parameters that are not to be chosen.
    splits
        Inner splits; with none of them the first penalty near the middle is taken.
    seed
        Of the clustering of many items into classes.
    progress
        Told after each split.
    """
    n_classes = len(np.unique(targets.classes(vectors, trials.rows, seed)))
    base = {**defaults(len(trials.channels), n_classes), **given}
    alphas = [float(given["alpha"])] if "alpha" in given else list(ALPHAS)
    if not splits:
        return Chosen({**base, "alpha": alphas[len(alphas) // 2]}, "none", {})
    scores: dict[float, list[float]] = {alpha: [] for alpha in alphas}
    criterion = ""
    for done, split in enumerate(splits):
        progress("choosing the penalty", done, len(splits))
        known, held = trials.take(split.train), trials.take(split.held)
        # filters and reference do not depend on the penalty: fitted once
        first = fit(known, vectors, {**base, "alpha": alphas[0]}, seed)
        models = first.with_alphas(known.windows, targets.of_rows(vectors, known.rows), alphas)
        for alpha, model in zip(alphas, models, strict=True):
            criterion, value = _score(model, held, vectors)
            scores[alpha].append(value)
    progress("choosing the penalty", len(splits), len(splits))
    means = {alpha: float(np.mean(values)) for alpha, values in scores.items()}
    return Chosen(
        {**base, "alpha": max(means, key=lambda a: means[a])},
        criterion,
        {f"alpha={a:g}": score for a, score in means.items()},
    )


def _score(model: Riemann, held: Trials, vectors: Vectors) -> tuple[str, float]:
    """Score of held-out trials among the items held out (by stimulus) or all items shown (by recording)."""
    shown, truth = np.unique(held.rows, return_inverse=True)
    return retrieval.headline(unit_norm(model.embed(held.windows)) @ vectors[shown].T, truth)
