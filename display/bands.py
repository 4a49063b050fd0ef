"""Power of the EEG by band, from the filtered samples of a preview: whoever shows it says so. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SEGMENT_S = 2.0
"""Length of a spectrum: it resolves 0.5 Hz."""


@dataclass(frozen=True)
class Band:
    """A band of the EEG, from ``low_hz`` up to ``high_hz``."""

    name: str
    low_hz: float
    high_hz: float


BANDS = (
    Band("delta", 1, 4),
    Band("theta", 4, 8),
    Band("alpha", 8, 13),
    Band("beta", 13, 30),
    Band("gamma", 30, 45),
)


def spectrum(data: NDArray[np.float32], rate_hz: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Power spectral density by Welch's method: Hann windows of 2 s, half overlapping, the mean of each removed.

    Parameters
    ----------
    data
        (channels, times) float32, µV, of one piece.
    rate_hz
        Sampling rate.

    Returns
    -------
    frequencies
        (frequencies,) float64, Hz; empty where there is less than a segment.
    density
        (channels, frequencies) float64, µV²/Hz; NaN in a row with a sample that is no number.
    """
    n = round(SEGMENT_S * rate_hz)
    if n < 2 or data.shape[1] < n:
        return np.zeros(0), np.zeros((len(data), 0))
    starts = range(0, data.shape[1] - n + 1, max(1, n // 2))
    window = np.hanning(n + 1)[:-1]
    total = np.zeros((len(data), n // 2 + 1))
    for start in starts:
        piece = data[:, start : start + n].astype(np.float64)
        total += np.abs(np.fft.rfft((piece - piece.mean(axis=1, keepdims=True)) * window, axis=1)) ** 2
    density = total / (len(starts) * rate_hz * (window**2).sum())
    density[:, 1 : (n + 1) // 2] *= 2  # negative frequencies
    return np.asarray(np.fft.rfftfreq(n, 1 / rate_hz), np.float64), density


def band_powers(data: NDArray[np.float32], rate_hz: float, bands: tuple[Band, ...] = BANDS) -> NDArray[np.float64]:
    """Power in each band.

    Returns
    -------
    (bands, channels) float64, µV²; NaN where there is less than 2 s, a sample that is no number, or a band that begins
    above half the sampling rate.
    """
    hz, density = spectrum(data, rate_hz)
    found = np.full((len(bands), len(data)), np.nan)
    for row, band in zip(found, bands, strict=True):
        inside = (hz >= band.low_hz) & (hz < band.high_hz)
        if inside.any():
            row[:] = density[:, inside].sum(axis=1) * (hz[1] - hz[0])
    return found


def middle(powers: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over channels of each band, channels without a number left out; NaN where all are: (bands,)."""
    found = np.full(len(powers), np.nan)
    for k, row in enumerate(powers):
        if (known := row[np.isfinite(row)]).size:
            found[k] = np.median(known)
    return found
