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


def crossnobis(patterns: NDArray[Any], stimuli: NDArray[Any], runs: NDArray[Any]) -> Array:
    """Cross-validated Mahalanobis distances between stimuli, (k, k) in the order of ``np.unique(stimuli)``.

    Unbiased: 0 on average where two stimuli evoke the same, whatever the noise, and so sometimes negative [1]_.

    Parameters
    ----------
    patterns
        (n, features), of single trials; see `patterns_of` for windows.
    stimuli, runs
        (n,), of each trial. Every stimulus must stand in at least two runs.

    Raises
    ------
    RecordingError
        Stimuli or runs are too few.

    References
    ----------
    .. [1] Walther et al. (2016), Reliability of dissimilarity measures for multi-voxel pattern analysis,
       NeuroImage 137.
    """
    from rsatoolbox.data.noise import prec_from_measurements
    from rsatoolbox.rdm import calc_rdm

    seen = np.unique(np.stack([np.asarray(stimuli), np.asarray(runs)]), axis=1)
    times = np.unique(seen[0], return_counts=True)[1]
    if len(times) < FEWEST or times.min() < 2:
        raise RecordingError(
            f"cross-validated distances need {FEWEST} stimuli or more, each in two runs or more; there are "
            f"{len(times)}, in {times.min()} to {times.max()} runs: use correlation distances instead"
        )
    data = _dataset(patterns, stimuli, runs)
    free = len(patterns) - len(times)
    noise = prec_from_measurements(data, obs_desc="stimulus", dof=free, method="shrinkage_diag")
    found = calc_rdm(data, method="crossnobis", descriptor="stimulus", cv_descriptor="run", noise=noise)
    return _sorted(found)


def correlation(patterns: NDArray[Any], stimuli: NDArray[Any] | None = None) -> Array:
    """1 - Pearson correlation of the mean patterns of stimuli, (k, k) in the order of ``np.unique(stimuli)``.

    Parameters
    ----------
    patterns
        (n, features); embeddings of stimuli, or trials.
    stimuli
        (n,), of each row; None: a stimulus each.
    """
    from rsatoolbox.rdm import calc_rdm

    rows = np.arange(len(patterns)) if stimuli is None else np.asarray(stimuli)
    if len(np.unique(rows)) < FEWEST:
        raise RecordingError(f"{len(np.unique(rows))} stimuli are too few to compare dissimilarities, {FEWEST} do")
    data = _dataset(patterns, rows, np.zeros(len(rows), np.int64))
    return _sorted(calc_rdm(data, method="correlation", descriptor="stimulus"))


def patterns_of(windows: NDArray[Any], rate_hz: float, bin_s: float = 0.05) -> NDArray[np.float32]:
    """Windows (n, channels, times) as patterns (n, channels * bins): means over bins, few enough to estimate noise."""
    step = max(1, round(bin_s * rate_hz))
    bins = max(1, windows.shape[2] // step)
    whole = windows[:, :, : bins * step].reshape(len(windows), windows.shape[1], bins, -1)
    return np.asarray(whole.mean(axis=3).reshape(len(windows), -1), np.float32)


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


def _dataset(patterns: NDArray[Any], stimuli: NDArray[Any], runs: NDArray[Any]) -> Any:
    from rsatoolbox.data import Dataset

    # codes as floating point numbers: the toolbox averages descriptors
    codes = (np.unique(np.asarray(names), return_inverse=True)[1].astype(float) for names in (stimuli, runs))
    described = dict(zip(("stimulus", "run"), map(list, codes), strict=True))
    return Dataset(np.asarray(patterns, np.float64), obs_descriptors=described)


def _rdms(matrices: Sequence[NDArray[Any]]) -> Any:
    from rsatoolbox.rdm import RDMs

    pairs = np.triu_indices(len(matrices[0]), 1)
    return RDMs(np.array([np.asarray(one, np.float64)[pairs] for one in matrices]))


def _sorted(rdm: Any) -> Array:
    order = np.argsort(rdm.pattern_descriptors["stimulus"])
    return np.asarray(rdm.get_matrices()[0], np.float64)[np.ix_(order, order)]
