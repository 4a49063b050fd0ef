"""Representational similarity: dissimilarities of stimuli in brains and models, compared, with a noise ceiling.

By rsatoolbox [1]_ [2]_.

References
----------
.. [1] Nili et al. (2014), A toolbox for representational similarity analysis, PLoS Computational Biology 10.
.. [2] Schütt et al. (2023), Statistical inference on representational geometries, eLife 12.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from training.metrics.significance import Tested, across_subjects, permuted

Array = NDArray[np.float64]
Method = Literal["spearman", "tau-a"]
FEWEST = 4
"""Stimuli."""


@dataclass(frozen=True)
class Rsa:
    """How well a model's dissimilarities agree with those of brains.

    Attributes
    ----------
    values
        (brains,), rank correlation with each brain; chance is 0.
    value
        Their mean.
    lower, upper
        Noise ceiling: agreement of each brain with the mean of the others, and with the mean of all, which no model can
        exceed. None with fewer than two brains.
    permutation
        By permuting which stimulus is which in the model, always with Spearman's correlation.
    subjects
        Whether the values are above 0 across brains; None with fewer than two.
    """

    values: Array
    value: float
    lower: float | None
    upper: float | None
    permutation: Tested
    subjects: Tested | None


def compare(
    model: NDArray[Any],
    brains: Sequence[NDArray[Any]],
    *,
    method: Method = "spearman",
    draws: int = 1000,
    seed: int = 0,
) -> Rsa:
    """Agreement of a model's dissimilarities (k, k) with those of brains, each (k, k), of the same stimuli in order.

    Parameters
    ----------
    model, brains
        Brains are subjects, or the runs of one subject.
    method
        ``spearman``, or ``tau-a`` for a model that predicts ties.
    draws, seed
        Of the permutations.

    Raises
    ------
    RecordingError
        Shapes differ, or there are too few stimuli.
    """
    from rsatoolbox.inference.noise_ceiling import boot_noise_ceiling
    from rsatoolbox.rdm import compare as compared

    size = len(model)
    if not brains or size < FEWEST or any(np.shape(one) != (size, size) for one in (model, *brains)):
        raise RecordingError(
            f"dissimilarities of {[np.shape(one) for one in (model, *brains)]} cannot be compared; give those of the "
            f"same stimuli, {FEWEST} or more"
        )
    many = _rdms(brains)
    values = np.asarray(compared(_rdms([model]), many, method), np.float64)[0]
    lower = upper = None
    if len(brains) > 1:
        lower, upper = (float(bound) for bound in boot_noise_ceiling(many, method=method))
    return Rsa(
        values,
        float(values.mean()),
        lower,
        upper,
        permuted(_Shuffled(np.asarray(model, np.float64), brains), size, draws=draws, seed=seed),
        across_subjects(values, 0.0, seed=seed) if len(brains) > 1 else None,
    )


def spearman(model: NDArray[Any], brains: Sequence[NDArray[Any]]) -> float:
    """Mean rank correlation of a model's dissimilarities (k, k) with those of brains, without chance or ceiling."""
    return _Shuffled(np.asarray(model, np.float64), brains)(np.arange(len(model)))


class _Shuffled:
    """Mean Spearman correlation of brains with the model whose stimuli stand in another order; ranked once."""

    def __init__(self, model: Array, brains: Sequence[NDArray[Any]]) -> None:
        self.pairs = np.triu_indices(len(model), 1)
        self.model = np.zeros_like(model)
        self.model[self.pairs] = _ranked(model[self.pairs])
        self.model += self.model.T
        self.brains = np.mean([_ranked(np.asarray(one, np.float64)[self.pairs]) for one in brains], axis=0)

    def __call__(self, order: NDArray[np.int64]) -> float:
        return float(self.model[np.ix_(order, order)][self.pairs] @ self.brains)


def _ranked(values: Array) -> Array:
    """Ranks of mean 0 and length 1, whose inner products are Spearman's correlations; nought where nothing varies."""
    from scipy.stats import rankdata

    ranks = rankdata(values) - (len(values) + 1) / 2
    length = np.linalg.norm(ranks)
    return np.asarray(ranks / length if length else ranks)


def _rdms(matrices: Sequence[NDArray[Any]]) -> Any:
    from rsatoolbox.rdm import RDMs

    pairs = np.triu_indices(len(matrices[0]), 1)
    return RDMs(np.array([np.asarray(one, np.float64)[pairs] for one in matrices]))
