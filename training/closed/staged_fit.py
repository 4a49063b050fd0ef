"""Fits ``staged``: the same method once for each window end, its options chosen for each by the same inner splits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from inference.encoders.base import ClosedForm, Vectors
from inference.encoders.linear import Linear
from inference.encoders.staged import Stage, Staged, StagedParameters
from training.closed.closed_form import Chosen, recipe
from training.trials.ends import until
from training.trials.epochs import Progress, Trials
from training.trials.split import Split


@dataclass(frozen=True)
class StagedRecipe:
    """A `training.closed.closed_form.Recipe` of an encoder for several window ends.

    Attributes
    ----------
    inner
        Name of an encoder in closed form.
    times
        Samples of each window end, rising; the last is the whole window's.
    """

    inner: str
    times: tuple[int, ...]

    def choose(
        self,
        trials: Trials,
        vectors: Vectors,
        given: dict[str, Any],
        splits: Sequence[Split],
        seed: int,
        progress: Progress,
    ) -> Chosen:
        """Options of the inner encoder for each end; those given are kept for all."""
        method, criterion = recipe(self.inner), "none"
        stages: list[Stage] = []
        tried: dict[str, float] = {}
        for times in self.times:
            found = method.choose(until(trials, times), vectors, given, splits, seed, progress)
            criterion = found.criterion
            tried |= {f"{choice} at {times} samples": score for choice, score in found.tried.items()}
            stages.append(Stage(times=times, parameters=found.parameters))
        parameters = StagedParameters(inner=self.inner, stages=tuple(stages)).model_dump()
        return Chosen(parameters, criterion, tried)

    def fit(self, trials: Trials, vectors: Vectors, parameters: dict[str, Any], seed: int) -> Staged:
        """Encoders fitted to all of the given trials, in one embedding space."""
        method, stages = recipe(self.inner), StagedParameters.model_validate(parameters).stages
        models = [method.fit(until(trials, s.times), vectors, s.parameters, seed) for s in stages]
        shown = vectors[np.unique(trials.rows)]
        return Staged.fitted(self.inner, [*(_in_space_of(models[-1], one, shown) for one in models[:-1]), models[-1]])


def _in_space_of(whole: ClosedForm, early: ClosedForm, shown: Vectors) -> ClosedForm:
    """An encoder that answers in the subspace of another: there is one gallery, whichever end is answered.

    Its latents are mapped so that their products with the gallery as the other projects it are, by least squares over
    the items shown, those with the gallery in its own projection.
    """
    if not isinstance(whole, Linear) or not isinstance(early, Linear):
        return early
    if whole.projection is None or early.projection is None:
        return early
    about = np.asarray(shown - shown.mean(axis=0), np.float64)
    readout = np.linalg.lstsq(about @ whole.projection, about @ early.projection, rcond=None)[0].T
    own = early.arrays()
    shared = own["readout"] @ readout, own["bias"] @ readout, whole.projection.astype(np.float64)
    return type(early).fitted(early.parameters.model_dump(), own["filters"], *shared)
