"""What the raw signal was like, channel by channel, gathered while a journal is read: memory stays bounded."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
PIECE_S = 2.0
MOST_PIECES = 5000
HIGHEST_HZ = 60.0


class Signal:
    """Mean spectrum and peak-to-peak of pieces of 2 s, each with its straight line taken out.

    Parameters
    ----------
    channels
        Names.
    rate_hz
        Of the samples.
    """

    def __init__(self, channels: tuple[str, ...], rate_hz: float) -> None:
        self.channels, self.rate_hz = channels, rate_hz
        self.pieces = 0
        self._n = max(8, round(PIECE_S * rate_hz))
        self._waiting: list[NDArray[np.float32]] = []
        self._held = 0
        self._power: Array = np.zeros((len(channels), self._n // 2 + 1))
        self._spans: list[Array] = []

    def add(self, samples: NDArray[np.float32]) -> None:
        """Samples (channels, times), µV, that follow the ones before."""
        self._waiting.append(samples)
        self._held += samples.shape[1]
        if self._held < self._n:
            return
        whole = np.concatenate(self._waiting, axis=1)
        used = 0
        while whole.shape[1] - used >= self._n:
            self._piece(np.asarray(whole[:, used : used + self._n], np.float64))
            used += self._n
        self._waiting = [whole[:, used:].copy()]
        self._held = whole.shape[1] - used

    @property
    def spectrum(self) -> tuple[Array, Array]:
        """Frequencies, Hz, up to 60, and power density (channels, frequencies), µV²/Hz."""
        frequencies = np.asarray(np.fft.rfftfreq(self._n, 1 / self.rate_hz), np.float64)
        keep = frequencies <= HIGHEST_HZ
        return frequencies[keep], self._power[:, keep] / max(1, self.pieces)

    @property
    def spans_uv(self) -> Array:
        """Peak-to-peak (pieces, channels), µV; every second one of very long recordings, and so on."""
        return np.array(self._spans).reshape(-1, len(self.channels))

    def share(self, low_hz: float, high_hz: float) -> Array:
        """Share (channels,) of the power from 1 to 60 Hz that lies in a band."""
        frequencies, power = self.spectrum
        within = (frequencies >= low_hz) & (frequencies <= high_hz)
        whole = power[:, frequencies >= 1].sum(axis=1)
        return np.asarray(np.divide(power[:, within].sum(axis=1), whole, out=np.zeros(len(power)), where=whole > 0))

    def _piece(self, x: Array) -> None:
        if not np.isfinite(x).all():
            return
        line = np.linspace(-1, 1, self._n)
        x = x - x.mean(axis=1, keepdims=True)
        x -= (x @ line / (line @ line))[:, None] * line
        taper = np.hanning(self._n)
        power = np.abs(np.fft.rfft(x * taper)) ** 2 * 2 / (self.rate_hz * (taper**2).sum())
        self._power += power
        self.pieces += 1
        self._spans.append(np.ptp(x, axis=1))
        if len(self._spans) > MOST_PIECES:
            self._spans = self._spans[::2]
