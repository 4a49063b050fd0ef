"""What the EEG of a simulated participant holds beside the evoked response.

Each generator is stateful and gives the next block of (channels, n) float64 µV; the same blocks always come in the same
order, so a seed gives the same EEG however it is chunked later. `spectrum` of those that are stationary brain activity
is exact, and gives the background's power without measuring a realisation.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, freqz, lfilter, sosfilt, sosfreqz

from acquisition.participant.topographies import bump, correlation, direction

Array = NDArray[np.float64]

PINK_UV = 10.0
"""Root mean square of the pink noise between 1 and 30 Hz, µV."""
PINK_B = (0.049922035, -0.095993537, 0.050612699, -0.004408786)
PINK_A = (1.0, -2.494956002, 2.017265875, -0.522189400)
"""Poles and zeros of a filter that falls 3 dB an octave: J. O. Smith, Spectral Audio Signal Processing (2011)."""
ALPHA_HZ, ALPHA_RADIUS_HZ = 10.2, 0.8
DRIFT_HZ = 0.08
BLINK_UV, BLINK_S = 120.0, 0.3


class Noise(Protocol):
    """A part of the background."""

    def block(self, n: int) -> Array:
        """Next (channels, n) µV."""
        ...


class Stationary(Noise, Protocol):
    """A part that is Gaussian and stationary: patterns over channels times filtered white noise."""

    def space(self) -> Array:
        """Covariance (channels, channels), µV², where the white noise has variance 1 before the filter."""
        ...

    def gain(self, hz: Array, rate_hz: float) -> Array:
        """Power gain (frequencies,) of the filter that white noise of variance 1 goes through."""
        ...


class Pink:
    """1/f noise, correlated between near electrodes."""

    def __init__(self, directions: Array, rate_hz: float, generator: np.random.Generator, rms_uv: float = PINK_UV):
        values, vectors = np.linalg.eigh(correlation(directions))
        self.mixing = vectors * np.sqrt(np.maximum(values, 0.0))
        self.scale = rms_uv / np.sqrt(band_power(_response(PINK_B, PINK_A), rate_hz, 1.0, 30.0))
        self.generator = generator
        self.state = np.zeros((len(directions), len(PINK_A) - 1))

    def block(self, n: int) -> Array:
        """Next (channels, n) µV."""
        white = self.generator.standard_normal((n, len(self.mixing))).T
        pink, self.state = lfilter(PINK_B, PINK_A, white, axis=1, zi=self.state)
        return np.asarray(self.scale * (self.mixing @ pink))

    def space(self) -> Array:
        """See `Stationary`."""
        return np.asarray(self.scale**2 * (self.mixing @ self.mixing.T))

    def gain(self, hz: Array, rate_hz: float) -> Array:
        """See `Stationary`."""
        return np.asarray(np.abs(freqz(PINK_B, PINK_A, worN=hz, fs=rate_hz)[1]) ** 2)

    def power(self, rate_hz: float, low_hz: float, high_hz: float) -> Array:
        """Expected power (channels,) between two frequencies, µV²."""
        shape = self.scale**2 * band_power(_response(PINK_B, PINK_A), rate_hz, low_hz, high_hz)
        return np.asarray(shape * (self.mixing**2).sum(axis=1))


class Alpha:
    """Two occipital rhythms that wax and wane: white noise through a resonance at 10.2 Hz."""

    def __init__(self, directions: Array, rate_hz: float, generator: np.random.Generator, rms_uv: float):
        radius = np.exp(-2 * np.pi * ALPHA_RADIUS_HZ / rate_hz)
        self.a = np.array([1.0, -2 * radius * np.cos(2 * np.pi * ALPHA_HZ / rate_hz), radius**2])
        maps = [bump(directions, direction(azimuth, 5.0), np.radians(35.0)) for azimuth in (-20.0, 20.0)]
        total = band_power(_response((1.0,), self.a), rate_hz, 0.0, rate_hz / 2)
        self.mixing = np.column_stack(maps) * rms_uv / np.sqrt(total)
        self.generator = generator
        self.state = np.zeros((2, 2))

    def block(self, n: int) -> Array:
        """Next (channels, n) µV."""
        white = self.generator.standard_normal((n, 2)).T
        rhythm, self.state = lfilter([1.0], self.a, white, axis=1, zi=self.state)
        return np.asarray(self.mixing @ rhythm)

    def space(self) -> Array:
        """See `Stationary`."""
        return np.asarray(self.mixing @ self.mixing.T)

    def gain(self, hz: Array, rate_hz: float) -> Array:
        """See `Stationary`."""
        return np.asarray(np.abs(freqz([1.0], self.a, worN=hz, fs=rate_hz)[1]) ** 2)

    def power(self, rate_hz: float, low_hz: float, high_hz: float) -> Array:
        """Expected power (channels,) between two frequencies, µV²."""
        shape = band_power(_response((1.0,), self.a), rate_hz, low_hz, high_hz)
        return np.asarray(shape * (self.mixing**2).sum(axis=1))


class Line:
    """The mains: a sine of another amplitude and phase on each channel; none where the rate cannot hold it."""

    def __init__(self, channels: int, rate_hz: float, generator: np.random.Generator, line_hz: float, amplitude: float):
        self.amplitude = amplitude * generator.uniform(0.5, 1.0, (channels, 1)) * (line_hz < rate_hz / 2)
        self.phase = generator.uniform(0.0, 2 * np.pi) + generator.uniform(-0.5, 0.5, (channels, 1))
        self.step = 2 * np.pi * line_hz / rate_hz
        self.row = 0

    def block(self, n: int) -> Array:
        """Next (channels, n) µV."""
        rows = np.arange(self.row, self.row + n)
        self.row += n
        return np.asarray(self.amplitude * np.sin(self.step * rows + self.phase))


class Drift:
    """Electrodes that wander: noise under 0.08 Hz, alone on each channel."""

    def __init__(self, channels: int, rate_hz: float, generator: np.random.Generator, rms_uv: float):
        self.sos = butter(2, DRIFT_HZ, fs=rate_hz, output="sos")
        # a low-pass of bandwidth B keeps about 2 B / rate of white noise; 1.11 is that of the second order
        self.scale = rms_uv / np.sqrt(2 * 1.11 * DRIFT_HZ / rate_hz)
        self.generator = generator
        self.state = np.zeros((1, channels, 2))

    def block(self, n: int) -> Array:
        """Next (channels, n) µV."""
        white = self.generator.standard_normal((n, self.state.shape[1])).T
        slow, self.state = sosfilt(self.sos, white, axis=1, zi=self.state)
        return np.asarray(self.scale * slow)

    def space(self) -> Array:
        """See `Stationary`."""
        return np.asarray(self.scale**2 * np.eye(self.state.shape[1]))

    def gain(self, hz: Array, rate_hz: float) -> Array:
        """See `Stationary`."""
        return np.asarray(np.abs(sosfreqz(self.sos, worN=hz, fs=rate_hz)[1]) ** 2)


class Blinks:
    """Now and then a bump of 120 µV at the eyes, which fades towards the back of the head."""

    def __init__(self, directions: Array, rate_hz: float, generator: np.random.Generator, per_minute: float):
        eyes = [bump(directions, direction(azimuth, 5.0), np.radians(35.0)) for azimuth in (160.0, 200.0)]
        # what little reaches the back spreads by volume conduction
        self.map = (np.maximum.reduce(eyes) + 0.03)[:, None] * BLINK_UV
        self.shape = np.hanning(max(3, round(BLINK_S * rate_hz)))
        self.chance = per_minute / 60 / rate_hz
        self.generator = generator
        self.tail = np.zeros(len(self.shape))

    def block(self, n: int) -> Array:
        """Next (channels, n) µV."""
        wave = np.zeros(n + len(self.shape))
        wave[: len(self.tail)] += self.tail
        for row in np.flatnonzero(self.generator.random(n) < self.chance):
            wave[row : row + len(self.shape)] += self.shape * self.generator.uniform(0.7, 1.3)
        self.tail = wave[n:]
        return np.asarray(self.map * wave[:n])


def band_power(gain: tuple[Array, Array], rate_hz: float, low_hz: float, high_hz: float) -> float:
    """Power between two frequencies of white noise of unit variance behind a filter."""
    b, a = gain
    hz, response = freqz(b, a, worN=1 << 15, fs=rate_hz)
    inside = (hz >= low_hz) & (hz <= high_hz)
    return float(np.sum(np.abs(response[inside]) ** 2) / len(hz))


def _response(b: object, a: object) -> tuple[Array, Array]:
    return np.asarray(b, np.float64), np.asarray(a, np.float64)
