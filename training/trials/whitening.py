"""Multivariate noise normalisation: a fixed channels x channels matrix, fitted on training data only."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.bundles import Normalisation
from config.errors import RecordingError
from training.trials.epochs import Trials

FEWEST = 20
"""Repeats beyond the first of their condition, in all; and never fewer than channels."""

Array = NDArray[np.float64]


def fit_whitening(trials: Trials, normalisation: Normalisation | None = None) -> Array:
    """Matrix that makes the channels' noise uncorrelated and of equal variance.

    The noise is what is left of each trial after the mean of its condition (the item shown) in its recording. Its
    covariance is shrunk (Ledoit and Wolf 2004) per condition and recording, then averaged over time, conditions and
    recordings; the matrix is its inverse square root [1]_. The shrinkage of a condition is found over all time points
    together: the few repeats that a picture has say next to nothing about one time point.

    Parameters
    ----------
    trials
        Training data only.
    normalisation
        Mean and scale that the windows get before the matrix; None where the windows are standardised already. A
        whitening in it is not applied.

    Returns
    -------
    numpy.ndarray
        (channels, channels) float64, symmetric. It is scaled so that the channels of standardised windows have a mean
        variance of 1 after it.

    Raises
    ------
    RecordingError
        There are too few repeats of the same item within a recording, or a channel is silent.

    References
    ----------
    .. [1] Guggenmos, M., Sterzer, P. and Cichy, R. M. (2018). Multivariate pattern analysis for MEG: a comparison of
       dissimilarity measures. NeuroImage 173, 434-447.
    """
    covariance, total = _covariances(trials, normalisation)
    values, vectors = np.linalg.eigh(covariance)
    if not np.isfinite(values).all() or values[0] <= np.finfo(np.float64).eps * max(float(values[-1]), 1e-300):
        raise RecordingError(
            "the noise covariance is singular: a channel is silent or the sum of others (such as after an average "
            "reference over all of them); leave a channel out, or train without whitening"
        )
    matrix: Array = (vectors / np.sqrt(values)) @ vectors.T
    return np.asarray(matrix / np.sqrt(np.trace(matrix @ total @ matrix) / len(matrix)))


def residual_covariance(trials: Trials, normalisation: Normalisation | None = None) -> Array:
    """Noise covariance (channels, channels) as `fit_whitening` finds it."""
    return _covariances(trials, normalisation)[0]


def _covariances(trials: Trials, normalisation: Normalisation | None) -> tuple[Array, Array]:
    """Of the noise, shrunk and averaged, and of the whole signal about 0: (channels, channels) each."""
    channels = trials.windows.shape[1]
    groups = _groups(trials)
    spare = sum(len(group) - 1 for group in groups)
    if spare < max(FEWEST, channels):
        raise RecordingError(
            f"whitening needs at least {max(FEWEST, channels)} repeats of items beyond the first within their "
            f"recording, and there are {spare}; record more repeats, or train without whitening"
        )
    noise, total, samples, count = np.zeros((channels, channels)), np.zeros((channels, channels)), 0, 0
    for group in groups:
        x = _standardised(trials.windows[group], normalisation)
        total += np.einsum("nct,ndt->cd", x, x)
        samples += len(x) * x.shape[2]
        if len(group) > 1:
            residual = (x - x.mean(axis=0)).transpose(1, 0, 2).reshape(channels, -1)
            # the mean was taken from the same trials
            noise += _shrunk(residual) * len(group) / (len(group) - 1)
            count += 1
    return noise / count, total / samples


def _groups(trials: Trials) -> list[NDArray[np.int64]]:
    """Indices of the trials of each item in each recording."""
    order = np.lexsort((trials.rows, trials.recording))
    keys = np.stack([trials.recording[order], trials.rows[order]])
    edges = np.flatnonzero((np.diff(keys, axis=1) != 0).any(axis=0)) + 1
    return [np.asarray(group, np.int64) for group in np.split(order, edges) if len(group)]


def _standardised(windows: NDArray[np.float32], normalisation: Normalisation | None) -> Array:
    x = np.asarray(windows, np.float64)
    if normalisation is None:
        return x
    mean, scale = np.array(normalisation.mean_uv), np.array(normalisation.scale_uv)
    return np.asarray((x - mean[:, None]) / scale[:, None])


def _shrunk(residual: Array) -> Array:
    """Ledoit-Wolf covariance (c, c) of residuals (c, samples)."""
    from inference.encoders.covariance import lwf

    return np.asarray(lwf(residual[None])[0])
