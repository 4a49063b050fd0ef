"""Encoders that are fitted without gradients: what a recipe for one offers, and which there are."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from inference.encoders.base import ClosedForm, Vectors
from training.trials.epochs import Progress, Trials
from training.trials.split import Split

MODULES = {
    "riemann": "training.closed.riemann_fit",
    "ensemble": "training.closed.ensemble_fit",
    "cca": "training.closed.linear_cca",
    "encoding": "training.closed.linear_encoding",
}
"""Name of the encoder to the module that is its `Recipe`."""


@dataclass(frozen=True)
class Chosen:
    """What the inner splits said.

    Attributes
    ----------
    parameters
        Of the best.
    criterion
        ``auc`` between two items, ``mrr`` among more; ``none`` where nothing was chosen.
    tried
        Mean score over the inner splits of each value that was tried.
    """

    parameters: dict[str, Any]
    criterion: str
    tried: dict[str, float]


class Recipe(Protocol):
    """A module with these two functions."""

    def choose(
        self,
        trials: Trials,
        vectors: Vectors,
        given: dict[str, Any],
        splits: Sequence[Split],
        seed: int,
        progress: Progress,
    ) -> Chosen:
        """Parameters for the trials, by inner splits of them; those given are kept."""
        ...

    def fit(self, trials: Trials, vectors: Vectors, parameters: dict[str, Any], seed: int) -> ClosedForm:
        """Encoder fitted to all of the given trials."""
        ...


def recipe(encoder: str) -> Recipe:
    """Recipe of an encoder of `inference.encoders.registry.CLOSED_FORM`."""
    module: Any = importlib.import_module(MODULES[encoder])
    found: Recipe = module
    return found
