"""Probabilities and their calibration."""

from __future__ import annotations

import numpy as np
import pytest

from config.bundles import Calibration
from config.errors import BundleError
from inference import score


def calibration(repeats: int, temperature: float) -> Calibration:
    return Calibration(
        repeats=repeats, temperature=temperature, log_loss=1.0, calibration_error=0.0, n_stimuli=5, gallery_size=9
    )


def drawn(n: int, size: int, at: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Cosines, and the truth drawn from the softmax of them: calibrated at that temperature by construction."""
    rng = np.random.default_rng(seed)
    cosines = np.clip(rng.normal(0, 0.15, (n, size)), -1, 1)
    gumbel = rng.gumbel(size=(n, size))
    return cosines, (cosines / at + gumbel).argmax(axis=1)


def test_softmax_over_a_whole_gallery() -> None:
    cosines = np.array([[0.5, 0.3, -0.1], [0.2, 0.2, 0.2]])
    expected = np.exp(cosines / 0.1)
    expected /= expected.sum(axis=1, keepdims=True)
    assert np.allclose(score.probabilities(cosines, 3, 0.1), expected)


def test_a_tail_that_is_not_known_is_never_underrated() -> None:
    cosines = -np.sort(-np.random.default_rng(0).normal(0, 0.2, (20, 1000)), axis=1)
    full = score.probabilities(cosines, 1000, 0.1)
    for k in (1, 10, 256):
        cut = score.probabilities(cosines[:, :k], 1000, 0.1)
        assert (cut <= full[:, :k] + 1e-12).all()
        assert (cut > 0).all()
        by_hand = np.exp(cosines[:, :k] / 0.1).sum(1) + (1000 - k) * np.exp(cosines[:, k - 1] / 0.1)
        assert np.allclose(cut, np.exp(cosines[:, :k] / 0.1) / by_hand[:, None])


@pytest.mark.parametrize("temperature", [1e-3, 1e2])
def test_extreme_temperatures_stay_finite(temperature: float) -> None:
    p = score.probabilities(np.array([[1.0, 0.999, -1.0]]), 50, temperature)
    assert np.isfinite(p).all()
    assert (p >= 0).all()
    assert p.sum() <= 1 + 1e-12


def test_temperature_of_the_nearest_lower_count() -> None:
    fitted = [calibration(4, 0.04), calibration(1, 0.01), calibration(12, 0.12)]
    assert score.temperature(fitted, 1) == (0.01, True)
    assert score.temperature(fitted, 3) == (0.01, True)
    assert score.temperature(fitted, 4) == (0.04, True)
    assert score.temperature(fitted, 80) == (0.12, True)
    assert score.temperature(fitted[:1], 2) == (0.04, False)
    assert score.temperature([], 2) == (score.DEFAULT_TEMPERATURE, False)


@pytest.mark.parametrize("size", [2, 50, 400])
def test_fit_finds_the_temperature_that_made_the_data(size: int) -> None:
    cosines, truth = drawn(4000, size, 0.08)
    fitted = score.fit_temperature(cosines, truth, repeats=3)
    if size <= score.DEPTH:
        assert fitted.temperature == pytest.approx(0.08, rel=0.1)
    assert fitted.calibration_error < 0.03
    assert (fitted.repeats, fitted.gallery_size, fitted.n_stimuli) == (3, size, len(np.unique(truth)))


def test_fitting_shrinks_log_loss_and_calibration_error() -> None:
    held_out, truth = drawn(3000, 20, 0.3)
    fitted = score.fit_temperature(held_out, truth, repeats=1)
    other, other_truth = drawn(3000, 20, 0.3, seed=1)
    best = -np.sort(-other, axis=1)
    right = other.argmax(axis=1) == other_truth

    def error(temperature: float) -> float:
        return score.calibration_error(score.probabilities(best, 20, temperature)[:, 0], right)

    assert error(fitted.temperature) < 0.05 < 0.3 < error(score.DEFAULT_TEMPERATURE)
    losses = []
    for factor in (0.5, 1.0, 2.0):
        p = np.exp(held_out / (fitted.temperature * factor))
        losses.append(-np.log((p / p.sum(1, keepdims=True))[np.arange(3000), truth]).mean())
    assert losses[1] == min(losses)
    assert losses[1] == pytest.approx(fitted.log_loss, rel=1e-6)


def test_live_and_fitted_use_one_rule() -> None:
    # the log loss that the fit reports is the one of the probabilities that a worker sends, tail bound and all
    cosines, truth = drawn(200, 600, 0.05)
    fitted = score.fit_temperature(cosines, truth, repeats=1)
    order = np.argsort(-cosines, axis=1)[:, : score.DEPTH]
    live = score.probabilities(np.take_along_axis(cosines, order, axis=1), 600, fitted.temperature)
    hit = (order == truth[:, None]).any(axis=1)
    rank = (order == truth[:, None]).argmax(axis=1)
    known = -np.log(live[np.arange(200), rank])[hit]
    # an item beyond the depth: less probable than the last known one, by its own cosine
    tail = np.exp((cosines[np.arange(200), truth] - np.take_along_axis(cosines, order, 1)[:, -1]) / fitted.temperature)
    unknown = -np.log(live[:, -1] * tail)[~hit]
    assert hit.any()
    assert (~hit).any()
    assert np.concatenate([known, unknown]).mean() == pytest.approx(fitted.log_loss, rel=1e-9)


def test_calibration_error_by_hand() -> None:
    confidence = np.array([0.05, 0.05, 0.95, 0.95, 1.0])
    correct = np.array([False, False, True, False, True])
    assert score.calibration_error(confidence, correct) == pytest.approx((0.1 + abs(2 - 2.9)) / 5)


@pytest.mark.parametrize(
    ("cosines", "truth", "message"),
    [
        (np.zeros((0, 3)), np.zeros(0, int), "n above 0"),
        (np.zeros((2, 3)), np.zeros(3, int), "expected"),
        (np.zeros((2, 3)), np.array([0, 3]), "outside the gallery"),
        (np.full((2, 3), np.nan), np.array([0, 1]), "not finite"),
    ],
)
def test_what_cannot_be_calibrated(cosines: np.ndarray, truth: np.ndarray, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        score.fit_temperature(cosines, truth, repeats=1)
