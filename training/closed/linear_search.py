"""Choices of a linear encoder by inner splits, and the encoder from its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from inference.encoders.base import Vectors, Windows
from inference.encoders.linear import Linear, LinearParameters
from training.closed.closed_form import Chosen
from training.closed.linear_parts import Known, Rows, Solution, cosines, features, summarise
from training.metrics import retrieval
from training.trials.epochs import Progress, Trials, silent
from training.trials.split import Split

Method = TypeVar("Method", bound=Linear)
Solve = Callable[[Known, Any], Solution]
MANY_ITEMS = 20
"""With so many held-out items, the mean over the repeats of each is looked up, else each window."""
MANY_SPLITS = 1000
"""With so many items two inner splits say enough."""


def made(method: type[Method], parameters: dict[str, Any], solution: Solution, times: int) -> Method:
    """Encoder of a solution for windows of so many times."""
    chosen = LinearParameters.model_validate(
        {k: v for k, v in parameters.items() if k in LinearParameters.model_fields}
    )
    basis = cosines(times, chosen.waves)
    values, rank = solution.filters.shape
    on_waves = solution.filters.reshape(values // basis.shape[1], basis.shape[1], rank)
    filters = np.einsum("tw,cwr->ctr", basis, on_waves)
    offset = -solution.centre @ solution.filters
    if chosen.compare == "subspace":
        return method.fitted(parameters, filters, np.eye(rank), offset, solution.readout)
    return method.fitted(parameters, filters, solution.readout.T, offset @ solution.readout.T)


def choose(
    method: type[Linear],
    solve: Solve,
    grid: Mapping[str, Sequence[float]],
    trials: Trials,
    vectors: Vectors,
    given: dict[str, Any],
    splits: Sequence[Split],
    progress: Progress = silent,
) -> Chosen:
    """One parameter after the other, each by its mean score over inner splits; what is given is kept.

    Parameters
    ----------
    method, solve
        The encoder and how it is solved.
    grid
        Values of each parameter that is to be chosen, in order.
    trials, vectors
        Training data, and the gallery's vectors, unit norm.
    given
        Parameters that are not to be chosen.
    splits
        Inner splits; without any the defaults are taken.
    progress
        Told after each value.
    """
    found: dict[str, Any] = {**method(given).parameters.model_dump()}
    open_to = {name: values for name, values in grid.items() if name not in given}
    if not splits or not open_to:
        return Chosen(found, "none", {})
    most = int(max(open_to.get("waves", (found["waves"],))))
    values = features(trials.windows, most, progress)
    folds = [
        _Fold(values, trials.rows, vectors, split)
        for split in splits[: 2 if len(np.unique(trials.rows)) > MANY_SPLITS else len(splits)]
    ]
    tried: dict[str, float] = {}
    criterion, done = "", 0
    total = sum(len(options) for options in open_to.values())
    for name, options in open_to.items():
        scores: dict[float, float] = {}
        for value in options:
            progress("choosing " + name.replace("_", " "), done, total)
            parameters = method({**found, name: value}).parameters
            judged = [fold.score(solve, parameters) for fold in folds]
            criterion = judged[0][0]
            scores[value] = float(np.mean([score for _, score in judged]))
            tried[f"{name}={value:g}"] = scores[value]
            done += 1
        found[name] = max(scores, key=lambda v: scores[v])
    progress("choosing", total, total)
    return Chosen(found, criterion, tried)


class _Fold:
    """An inner split: what its training side says, and the windows of the other."""

    def __init__(self, values: Windows, rows: Rows, vectors: Vectors, split: Split) -> None:
        self.known = summarise(values[split.train], rows[split.train], vectors)
        held = values[split.held]
        shown, truth = np.unique(rows[split.held], return_inverse=True)
        if split.kind == "stimulus" and len(shown) >= MANY_ITEMS:
            held = np.stack([held[truth == k].mean(axis=0) for k in range(len(shown))])
            truth = np.arange(len(shown))
        self.held, self.truth, self.items = held, truth, vectors[shown]

    def score(self, solve: Solve, parameters: Any) -> tuple[str, float]:
        """Score of the held-out windows among the items held out."""
        known = self.known.fewer(parameters.waves)
        held = self.held[:, :, : known.shape[1]]
        cosine = solve(known, parameters).cosines(held, self.items, parameters.compare == "subspace")
        return retrieval.headline(cosine, self.truth)
