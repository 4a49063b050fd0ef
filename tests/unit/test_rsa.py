"""Dissimilarities and their comparison: distances that are known, ceilings in order, chance at nought."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import kendalltau, spearmanr

from config.errors import RecordingError
from training.metrics import rsa

PAIRS = np.triu_indices(12, 1)


def trials(signal: float, seed: int, runs: int = 6) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean patterns (12, 30) of stimuli, and trials of them in every run with noise."""
    means = np.random.default_rng(0).standard_normal((12, 30)) * signal
    stimuli, run = np.tile(np.arange(12), runs), np.repeat(np.arange(runs), 12)
    return means, means[stimuli] + np.random.default_rng(seed).standard_normal((12 * runs, 30)), stimuli, run


def test_crossnobis_distances_are_unbiased() -> None:
    """White noise of unit variance: the distance is that of the means over the features."""
    found = []
    for seed in range(12):
        means, patterns, stimuli, run = trials(0.5, seed)
        found.append(rsa.crossnobis(patterns, stimuli, run))
    wanted = squareform(pdist(means, "sqeuclidean")) / 30
    assert np.mean(found, axis=0)[PAIRS] == pytest.approx(wanted[PAIRS], rel=0.5, abs=0.15)
    assert np.mean(found) == pytest.approx(wanted.mean(), rel=0.1)
    none = [rsa.crossnobis(*trials(0.0, seed)[1:])[PAIRS].mean() for seed in range(12)]
    assert np.mean(none) == pytest.approx(0, abs=0.01)


def test_distances_stand_in_the_order_of_the_sorted_stimuli() -> None:
    means, patterns, stimuli, run = trials(2.0, 1)
    order = np.random.default_rng(2).permutation(len(stimuli))
    assert rsa.crossnobis(patterns[order], stimuli[order], run[order]) == pytest.approx(
        rsa.crossnobis(patterns, stimuli, run)
    )
    mean = np.stack([patterns[stimuli == k].mean(axis=0) for k in range(12)])
    assert rsa.correlation(patterns[order], stimuli[order])[PAIRS] == pytest.approx((1 - np.corrcoef(mean))[PAIRS])
    assert rsa.correlation(means)[PAIRS] == pytest.approx((1 - np.corrcoef(means))[PAIRS])


def test_agreement_equals_scipys() -> None:
    rng = np.random.default_rng(3)
    model, brain = (squareform(rng.random(66)) for _ in range(2))
    assert rsa.compare(model, [brain], draws=5).value == pytest.approx(spearmanr(model[PAIRS], brain[PAIRS])[0])
    tau = rsa.compare(model, [brain], method="tau-a", draws=5)
    assert tau.value == pytest.approx(kendalltau(model[PAIRS], brain[PAIRS])[0])  # no ties: every tau is one
    assert tau.lower is None and tau.upper is None and tau.subjects is None


def test_the_true_model_reaches_the_ceiling_and_a_wrong_one_chance() -> None:
    means, *_ = trials(0.3, 0)
    brains = [rsa.crossnobis(*trials(0.3, seed)[1:]) for seed in range(1, 8)]
    true = rsa.compare(squareform(pdist(means, "sqeuclidean")), brains, draws=200)
    assert true.lower is not None and true.upper is not None and true.subjects is not None
    assert 0 < true.lower < true.upper <= 1
    assert true.lower - 0.1 < true.value <= true.upper + 1e-9
    assert true.permutation.p == 1 / 201 and true.permutation.value == pytest.approx(true.value)
    assert true.subjects.p < 0.01
    wrong = rsa.compare(squareform(np.random.default_rng(9).random(66)), brains, draws=200)
    assert wrong.value < true.lower
    assert wrong.permutation.p > 0.02
    assert wrong.permutation.chance == pytest.approx(0, abs=0.05)


def test_bins_average_time() -> None:
    windows = np.arange(2 * 3 * 25, dtype=np.float32).reshape(2, 3, 25)
    patterns = rsa.patterns_of(windows, 200.0)
    assert patterns.shape == (2, 6)
    assert patterns[1, 0] == windows[1, 0, :10].mean() and patterns[0, 5] == windows[0, 2, 10:20].mean()


def test_what_cannot_be_compared() -> None:
    _, patterns, stimuli, run = trials(1.0, 0)
    with pytest.raises(RecordingError, match="in two runs or more"):
        rsa.crossnobis(patterns[run == 0], stimuli[run == 0], run[run == 0])
    with pytest.raises(RecordingError, match="same stimuli"):
        rsa.compare(np.zeros((5, 5)), [np.zeros((6, 6))])
    with pytest.raises(RecordingError, match="too few"):
        rsa.correlation(patterns[:3])
