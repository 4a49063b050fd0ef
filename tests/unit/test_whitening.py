"""Noise normalisation: a known covariance is found, what is left is white, the signal's size is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from config.bundles import Normalisation
from config.errors import RecordingError
from training.trials.epochs import Origin, Trials
from training.trials.whitening import fit_whitening, residual_covariance

CHANNELS = 5


def known() -> tuple[np.ndarray, np.ndarray]:
    """Mixing matrix and the covariance it makes."""
    mixing = np.random.default_rng(1).standard_normal((CHANNELS, CHANNELS)) + 2 * np.eye(CHANNELS)
    return mixing, mixing @ mixing.T


def trials(items: int = 40, repeats: int = 4, recordings: int = 2, times: int = 30, signal: float = 5.0) -> Trials:
    rng = np.random.default_rng(0)
    rows = np.tile(np.repeat(np.arange(items), repeats), recordings)
    recording = np.repeat(np.arange(recordings), items * repeats)
    means = signal * rng.standard_normal((recordings, items, CHANNELS, times))
    noise = known()[0] @ rng.standard_normal((len(rows), CHANNELS, times))
    order = rng.permutation(len(rows))
    windows = (means[recording, rows] + noise)[order].astype(np.float32)
    origins = tuple(Origin(f"run {k}") for k in range(recordings))
    subject = np.zeros(len(rows), np.int64)
    return Trials(windows, rows[order], recording[order], subject, origins, tuple("abcde"))


def test_known_covariance_is_found_beneath_the_signal() -> None:
    found, true = residual_covariance(trials()), known()[1]
    assert np.linalg.norm(found - true) < 0.06 * np.linalg.norm(true)


def test_residuals_are_white_on_trials_it_was_not_fitted_to() -> None:
    made = trials(items=80)
    matrix = fit_whitening(made.take(np.flatnonzero(made.recording == 0)))
    other = residual_covariance(made.take(np.flatnonzero(made.recording == 1)))
    white = matrix @ other @ matrix
    white /= np.trace(white) / CHANNELS
    assert np.abs(white - np.eye(CHANNELS)).max() < 0.1
    assert np.abs(other / (np.trace(other) / CHANNELS) - np.eye(CHANNELS)).max() > 0.3  # it was not before
    assert np.allclose(matrix, matrix.T)


def test_standardised_windows_keep_their_variance() -> None:
    made = trials()
    made = replace(made, windows=made.windows + 50)
    mean, scale = made.windows.mean(axis=(0, 2)), made.windows.std(axis=(0, 2))
    normalisation = Normalisation(mean_uv=tuple(map(float, mean)), scale_uv=tuple(map(float, scale)))
    matrix = fit_whitening(made, normalisation)
    standard = (made.windows - mean[:, None]) / scale[:, None]
    assert np.isclose((matrix @ standard).var(axis=(0, 2)).mean(), 1, atol=1e-3)
    given = fit_whitening(replace(made, windows=standard.astype(np.float32)))
    assert np.allclose(matrix, given, atol=1e-4)


def test_too_few_repeats_and_a_channel_that_is_a_sum_of_others() -> None:
    with pytest.raises(RecordingError, match=r"at least 20 repeats.*there are 0"):
        fit_whitening(trials(repeats=1))
    made = trials()
    windows = made.windows.copy()
    windows[:, 0] = 0
    with pytest.raises(RecordingError, match="singular"):
        fit_whitening(replace(made, windows=np.zeros_like(windows)))


def test_a_condition_in_two_recordings_is_two_conditions() -> None:
    """A shift of one recording against another is no noise between repeats."""
    made = trials()
    shifted = made.windows + 100 * made.recording[:, None, None].astype(np.float32)
    found = residual_covariance(replace(made, windows=shifted))
    assert np.allclose(found, residual_covariance(made), rtol=1e-2, atol=0.05)
