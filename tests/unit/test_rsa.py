"""Dissimilarities compared: agreement that is known, ceilings in order, chance at nought."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform
from scipy.stats import kendalltau, spearmanr

from config.errors import RecordingError
from training.metrics import rsa

PAIRS = np.triu_indices(12, 1)


def brain(signal: float, seed: int) -> np.ndarray:
    """Distances of the mean patterns (12, 30) of stimuli; noise of unit variance from a seed, none from 0."""
    means = np.random.default_rng(0).standard_normal((12, 30)) * signal
    noise = np.random.default_rng(seed).standard_normal((12, 30)) / np.sqrt(6) if seed else 0.0
    return squareform(pdist(means + noise, "sqeuclidean"))


def test_agreement_equals_scipys() -> None:
    rng = np.random.default_rng(3)
    model, other = (squareform(rng.random(66)) for _ in range(2))
    assert rsa.compare(model, [other], draws=5).value == pytest.approx(spearmanr(model[PAIRS], other[PAIRS])[0])
    tau = rsa.compare(model, [other], method="tau-a", draws=5)
    assert tau.value == pytest.approx(kendalltau(model[PAIRS], other[PAIRS])[0])  # no ties: every tau is one
    assert tau.lower is None and tau.upper is None and tau.subjects is None


def test_the_true_model_reaches_the_ceiling_and_a_wrong_one_chance() -> None:
    brains = [brain(0.3, seed) for seed in range(1, 8)]
    true = rsa.compare(brain(0.3, 0), brains, draws=200)
    assert true.lower is not None and true.upper is not None and true.subjects is not None
    assert 0 < true.lower < true.upper <= 1
    assert true.lower - 0.1 < true.value <= true.upper + 1e-9
    assert true.permutation.p == 1 / 201 and true.permutation.value == pytest.approx(true.value)
    assert true.subjects.p < 0.01
    wrong = rsa.compare(squareform(np.random.default_rng(9).random(66)), brains, draws=200)
    assert wrong.value < true.lower
    assert wrong.permutation.p > 0.02
    assert wrong.permutation.chance == pytest.approx(0, abs=0.05)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(RecordingError, match="same stimuli"):
        rsa.compare(np.zeros((5, 5)), [np.zeros((6, 6))])
