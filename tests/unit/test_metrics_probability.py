"""Brier score, reliability, coverage and information against what they are by definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, cohen_kappa_score, mutual_info_score

from training.metrics import metrics_information as information
from training.metrics import metrics_probability as probability
from training.metrics import metrics_transfer as transfer


def test_brier_scores() -> None:
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.3, 0.5]])
    assert probability.brier(p, np.array([0, 1])) == pytest.approx((0.09 + 0.04 + 0.01 + 0.04 + 0.49 + 0.25) / 2)
    assert probability.brier(np.full((5, 4), 0.25), np.arange(5) % 4) == pytest.approx(probability.brier_chance(4))
    assert probability.brier(np.eye(3), np.arange(3)) == 0
    assert probability.brier(np.eye(3), (np.arange(3) + 1) % 3) == 2
    rng = np.random.default_rng(0)
    confidence, correct = rng.random(50), rng.random(50) < 0.5
    assert probability.brier_top(confidence, correct) == pytest.approx(brier_score_loss(correct, confidence))


def test_reliability_of_true_and_of_boastful_probabilities() -> None:
    rng = np.random.default_rng(1)
    p = rng.random(4000)
    correct = rng.random(4000) < p
    honest = probability.reliability(p, correct)
    assert honest.error < 2 * honest.floor
    assert ((honest.low <= honest.confidence) & (honest.confidence <= honest.high)).mean() >= 0.8
    assert honest.count.sum() == 4000
    boastful = probability.reliability(np.sqrt(p), correct)
    assert boastful.error > 5 * boastful.floor


def test_empty_bins_are_left_out_and_one_is_in_the_last_bin() -> None:
    found = probability.reliability(np.array([0.05, 1.0, 1.0]), np.array([False, True, False]))
    assert found.confidence.tolist() == pytest.approx([0.05, 1.0])
    assert found.accuracy.tolist() == [0, 0.5]
    assert found.count.tolist() == [1, 2]


def test_wilson_interval() -> None:
    # 0 of 10: upper bound z² / (n + z²)
    low, high = probability.wilson(np.array([0.0]), np.array([10]))
    assert low[0] == 0 and high[0] == pytest.approx(3.8414588 / 13.8414588, rel=1e-6)


def test_coverage_by_hand() -> None:
    found = probability.accuracy_against_coverage(np.array([0.2, 0.9, 0.5, 0.7]), np.array([False, True, True, False]))
    assert found.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert found.accuracy.tolist() == pytest.approx([1, 1 / 2, 2 / 3, 1 / 2])
    assert found.chance == 0.5
    assert found.best == pytest.approx((1 + 1 + 2 / 3 + 1 / 2) / 4)


def test_equally_sure_answers_give_chance_in_any_order() -> None:
    correct = np.array([True] * 5 + [False] * 15)
    found = probability.accuracy_against_coverage(np.full(20, 0.3), correct)
    assert found.area == pytest.approx(0.25)
    assert found.accuracy.tolist() == pytest.approx([0.25] * 20)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000))
def test_coverage_bounds_and_invariance(seed: int) -> None:
    rng = np.random.default_rng(seed)
    confidence, correct = rng.integers(5, size=30) / 5, rng.random(30) < 0.4
    found = probability.accuracy_against_coverage(confidence, correct)
    assert found.area <= found.best + 1e-12
    assert found.accuracy[-1] == pytest.approx(found.chance)
    order = rng.permutation(30)
    again = probability.accuracy_against_coverage(confidence[order] ** 2, correct[order])
    assert again.accuracy == pytest.approx(found.accuracy)


def test_wolpaw() -> None:
    assert information.wolpaw(1.0, 8) == 3
    assert information.wolpaw(0.9, 2) == pytest.approx(1 - 0.4689955935892812)
    assert information.wolpaw(0.25, 4) == 0
    assert information.wolpaw(0.1, 4) == 0
    assert information.per_minute(0.5, 120) == 60


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 300), st.floats(0, 1), st.floats(0, 1))
def test_wolpaw_rises_with_accuracy_between_nought_and_all(items: int, a: float, b: float) -> None:
    low, high = sorted((information.wolpaw(min(a, b), items), information.wolpaw(max(a, b), items)))
    assert information.wolpaw(min(a, b), items) == low
    assert -1e-9 <= low <= high <= np.log2(items) + 1e-9


def test_information_of_probabilities() -> None:
    assert information.information(np.full(9, 1 / 16), 16) == pytest.approx(0)
    assert information.information(np.ones(9), 16) == 4
    assert information.information(np.array([0.0, 1.0]), 16) == -np.inf
    # calibrated: never more than the entropy of what was shown; a symmetric channel by Wolpaw's formula
    rng = np.random.default_rng(2)
    right = rng.random(200_000) < 0.6
    assert information.information(np.where(right, 0.6, 0.4 / 7), 8) == pytest.approx(
        information.wolpaw(0.6, 8), abs=0.01
    )


def test_information_of_confusions() -> None:
    rng = np.random.default_rng(3)
    truth, answer = rng.integers(4, size=300), rng.integers(4, size=300)
    plain = mutual_info_score(truth, answer) / np.log(2)
    assert information.confusion_information(truth, answer) == pytest.approx(plain - 9 / (600 * np.log(2)))
    draws = [information.confusion_information(truth, rng.permutation(answer)) for _ in range(200)]
    assert np.mean(draws) == pytest.approx(0, abs=0.002)
    many = np.repeat(np.arange(4), 1000)
    assert information.confusion_information(many, many + 7) == pytest.approx(2, abs=0.01)


def test_over_chance_and_kappa() -> None:
    assert transfer.over_chance(0.75, 0.5) == 0.5 == pytest.approx(transfer.over_chance(0.5025, 0.005))
    rng = np.random.default_rng(4)
    truth, answer = rng.integers(3, size=100), rng.integers(4, size=100)
    assert transfer.kappa(truth, answer) == pytest.approx(cohen_kappa_score(truth, answer))
    assert np.isnan(transfer.kappa(np.zeros(3, int), np.zeros(3, int)))


def test_transfer_is_comparable_between_numbers_of_classes() -> None:
    two = transfer.transfer(0.6, 0.8, 0.5)
    assert (two.before, two.after, two.gain) == pytest.approx((0.2, 0.6, 0.4))
    assert two.errors_removed == pytest.approx(0.5)
    ten = transfer.transfer(0.1 + 0.9 * 0.2, 0.1 + 0.9 * 0.6, 0.1)
    assert ten.gain == pytest.approx(two.gain)
    assert ten.errors_removed == pytest.approx(two.errors_removed)
    assert transfer.transfer(0.3, 0.3, 0.1).gain == 0
