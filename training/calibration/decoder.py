"""The decoder as it stands after some blocks: fitted in closed form by training's own recipes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, unit_norm
from training.closed.closed_form import recipe
from training.trials import split
from training.trials.epochs import Trials, silent
from training.trials.split import Split

INNER_FOLDS = 3
FEWEST = 4
"""Trials of each category in every block, below which no option is chosen by inner splits."""


@dataclass(frozen=True)
class Decoder:
    """A fitted decoder of categories.

    Attributes
    ----------
    embed
        Windows (n, channels, times), µV, to vectors (n, dim).
    categories
        (categories, dim), unit norm.
    """

    embed: Callable[[NDArray[np.float32]], Vectors]
    categories: Vectors

    def scores(self, windows: NDArray[np.float32]) -> NDArray[np.float64]:
        """Cosine (n, categories) of each window with each category."""
        return np.asarray(unit_norm(self.embed(windows)) @ self.categories.T, np.float64)


def fit(trials: Trials, vectors: Vectors, categories: Vectors, encoder: str, seed: int) -> Decoder | None:
    """Decoder of some trials; None where they show one category only.

    Parameters
    ----------
    trials
        Of earlier blocks, each a recording.
    vectors
        (items, dim) of the gallery.
    categories
        (categories, dim): what windows are compared with.
    encoder
        ``riemann`` or ``ensemble``.
    seed
        Of the inner splits, by which its options are chosen where there are enough trials.
    """
    if len(np.unique(trials.rows)) < 2:
        return None
    given: dict[str, Any] = {}
    method = recipe(encoder)
    chosen = method.choose(trials, vectors, given, _inner(trials, seed), seed, silent)
    model = method.fit(trials, vectors, chosen.parameters, seed)
    return Decoder(model.embed, categories)


def _inner(trials: Trials, seed: int) -> list[Split]:
    """Splits by block, where each block shows enough of everything."""
    items, blocks = np.unique(trials.rows), np.unique(trials.recording)
    if len(blocks) < 2 or len(items) >= split.FEW_ITEMS:
        return []
    counts = [[np.sum((trials.recording == b) & (trials.rows == i)) for i in items] for b in blocks]
    if np.min(counts) < FEWEST:
        return []
    return split.folds(trials, "recording", INNER_FOLDS, seed)
