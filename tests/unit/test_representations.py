"""Tests of significance, CKA, clusters, diversity and kernel analysis: known answers, invariances, chance."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import permutation_test

from config.errors import RecordingError
from training.metrics import cka, clusters, diversity, kernel_analysis, significance


def rotation(dim: int, seed: int = 0) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))[0]


def test_sign_flips_equal_scipys() -> None:
    scores = np.random.default_rng(0).normal(0.55, 0.1, 9)
    theirs = permutation_test(
        (scores - 0.5,), np.mean, permutation_type="samples", alternative="greater", n_resamples=np.inf
    )
    found = significance.across_subjects(scores, 0.5)
    assert found.p == pytest.approx(theirs.pvalue)
    assert found.value == pytest.approx(scores.mean()) and found.chance == 0.5 and found.n == 9


def test_the_smallest_p_is_two_to_the_minus_n() -> None:
    assert significance.across_subjects(np.array([0.9, 0.8, 0.7, 0.6]), 0.5).p == 2**-4
    assert significance.across_subjects(np.full(20, 0.9), 0.5).p < 0.001


def test_sign_flips_reject_as_often_as_they_say() -> None:
    rng = np.random.default_rng(1)
    p = [significance.across_subjects(rng.normal(0.5, 0.1, 8), 0.5).p for _ in range(400)]
    assert 0.02 < np.mean(np.array(p) <= 0.05) < 0.09


def test_paired_scores() -> None:
    base = np.random.default_rng(2).random(10)
    assert significance.paired(base + 0.1, base).p == 2**-10
    assert significance.paired(base, base).p == 1


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_cka_does_not_see_rotation_scale_or_shift(seed: int, scale: float) -> None:
    rng = np.random.default_rng(seed)
    x, y = rng.standard_normal((20, 6)), rng.standard_normal((20, 9))
    for debiased in (True, False):
        plain = cka.linear(x, y, debiased=debiased)
        moved = cka.linear(scale * x @ rotation(6, seed) + 3, y - 1, debiased=debiased)
        assert moved == pytest.approx(plain, abs=1e-8)
        assert cka.linear(x, -2 * x @ rotation(6, seed), debiased=debiased) == pytest.approx(1)
        assert abs(plain) <= 1 + 1e-9
        assert cka.linear(y, x, debiased=debiased) == pytest.approx(plain)


def test_only_the_debiased_cka_has_chance_nought() -> None:
    rng = np.random.default_rng(3)
    draws = [(rng.standard_normal((30, 200)), rng.standard_normal((30, 200))) for _ in range(40)]
    assert np.mean([cka.linear(x, y) for x, y in draws]) == pytest.approx(0, abs=0.02)
    assert np.mean([cka.linear(x, y, debiased=False) for x, y in draws]) > 0.5
    shared = cka.compare(draws[0][0], draws[0][0][:, :50] + draws[0][1][:, :50], draws=100)
    assert shared.p == 1 / 101 and shared.chance == pytest.approx(0, abs=0.05) and shared.value > 0.1


def test_cka_of_too_few_or_different_stimuli() -> None:
    with pytest.raises(RecordingError, match="5 and 6 stimuli"):
        cka.linear(np.ones((5, 2)), np.ones((6, 2)))
    assert np.isnan(cka.linear(np.ones((5, 2)), np.eye(5)))


def test_clusters_find_categories_that_are_there_and_only_those() -> None:
    rng = np.random.default_rng(4)
    names = [f"c{k % 3}" for k in range(60)]
    there = clusters.agreement(np.eye(3)[np.arange(60) % 3] * 10 + rng.standard_normal((60, 3)), names, shuffles=50)
    assert there.rand == 1 and there.information == pytest.approx(1) and there.p == 1 / 51
    assert len(there.clusters) == 60
    absent = clusters.agreement(rng.standard_normal((60, 3)), names, shuffles=50)
    assert abs(absent.rand) < 0.1 and absent.p > 0.02
    assert absent.information == pytest.approx(absent.information_chance, abs=0.08)


@pytest.mark.parametrize("order", [0, 0.5, 1, 2, float("inf")])
def test_vendi_of_known_lists(order: float) -> None:
    assert diversity.vendi(np.eye(7), order) == pytest.approx(7)
    assert diversity.vendi(np.ones((7, 3)), order) == pytest.approx(1)
    # every kind twice is as many kinds
    assert diversity.vendi(np.repeat(np.eye(4), 2, axis=0), order) == pytest.approx(4)


def test_vendi_weighs_by_frequency_from_order_one() -> None:
    shares = np.array([3, 1]) / 4
    uneven = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
    assert diversity.vendi(uneven, 0) == pytest.approx(2)
    assert diversity.vendi(uneven, 1) == pytest.approx(np.exp(-(shares * np.log(shares)).sum()))
    assert diversity.vendi(uneven, 2) == pytest.approx(1 / (shares**2).sum())
    assert diversity.vendi(uneven, float("inf")) == pytest.approx(4 / 3)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12))
def test_vendi_bounds_order_and_rotation(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((n, 5))
    values = [diversity.vendi(x, q) for q in (0, 1, 2, float("inf"))]
    assert values == sorted(values, reverse=True)
    assert values[-1] >= 1 - 1e-9 and values[0] <= min(n, 5) + 1e-9
    assert diversity.vendi(3 * x[rng.permutation(n)] @ rotation(5, seed)) == pytest.approx(values[1])


def test_vendi_of_results_and_its_chance() -> None:
    vectors = np.repeat(np.eye(5), 4, axis=0)
    same, mixed = np.array([0, 1, 2, 3]), np.array([0, 4, 8, 12])
    assert diversity.of_results(vectors, np.stack([same, mixed])) == pytest.approx([1, 4])
    assert 2 < diversity.chance(vectors, 4) < 4


def test_kernel_analysis_finds_a_simple_function_and_no_false_one() -> None:
    rng = np.random.default_rng(5)
    x = rng.standard_normal((60, 4))
    names = [str(int(v > 0)) for v in x[:, 0] + 0.1 * rng.standard_normal(60)]
    simple = kernel_analysis.analyse(x, kernel_analysis.one_hot(names), shuffles=40)
    noise = kernel_analysis.analyse(x, kernel_analysis.one_hot(list(rng.permutation(names))), shuffles=40)
    assert simple.accuracy.max() > 0.4 and simple.p == 1 / 41
    assert noise.p > 0.03 and noise.area < simple.area
    assert simple.components[0] == 1 and simple.components[-1] == 30
    assert (simple.accuracy <= 1).all()


def test_kernel_analysis_leaves_each_stimulus_out() -> None:
    """Its error by the hat matrix is that of refitting without the stimulus."""
    rng = np.random.default_rng(6)
    x, y = rng.standard_normal((20, 3)), rng.standard_normal((20, 2))
    y -= y.mean(axis=0)
    basis = kernel_analysis._components(x, 0.5, 5)
    design = np.column_stack([np.ones(20), basis[:, :5]])
    error = 0.0
    for k in range(20):
        rest = np.arange(20) != k
        beta = np.linalg.lstsq(design[rest], y[rest], rcond=None)[0]
        error += ((y[k] - design[k] @ beta) ** 2).sum()
    assert kernel_analysis._errors(basis, y, np.array([2, 5]))[1] == pytest.approx(error)


def test_kernel_analysis_does_not_see_rotation_or_scale() -> None:
    rng = np.random.default_rng(7)
    x, y = rng.standard_normal((30, 4)), rng.standard_normal((30, 1))
    one = kernel_analysis.analyse(x, y, shuffles=2)
    two = kernel_analysis.analyse(3 * x @ rotation(4) + 1, 5 * y + 2, shuffles=2)
    assert two.accuracy == pytest.approx(one.accuracy, abs=1e-6)
    with pytest.raises(RecordingError, match="give 8 or more"):
        kernel_analysis.analyse(x[:5], y[:5])
