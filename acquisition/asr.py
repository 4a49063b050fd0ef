"""Artifact subspace reconstruction, online: calibrated on clean EEG, causal, the same bits for every chunking."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from config.chain import AsrSettings
from config.errors import RecordingError, SettingsError

Array = NDArray[np.float64]
CALIBRATION_S = 20.0
"""Shortest clean EEG that a calibration takes."""
SLOWEST_HZ = 84.0
"""Below this rate the spectral weighting of the method is not defined."""
QUIETEST, LOUDEST = -3.5, 5.0
"""Standard deviations of a channel's amplitude between which a window is clean enough to calibrate on."""


class Asr:
    """Artifact subspace reconstruction [1]_, without look-ahead and hence without delay.

    Every ``step`` samples, counted from the start, the covariance of the last ``window_s`` of spectrally weighted
    signal is split into components. Those above their calibrated threshold are put together anew from the others. What
    was decided fades in over the next ``step`` samples; so the first moments of an artefact pass. Until a whole window
    is there, everything passes.

    Parameters
    ----------
    settings
        From `calibrate`.
    channels
        Kept by the chain.
    rate_hz
        Of the stream.

    Raises
    ------
    SettingsError
        It was calibrated for other channels or another rate.

    References
    ----------
    .. [1] Mullen et al. (2015), Real-time neuroimaging and cognitive monitoring using wearable dry EEG,
       IEEE TBME 62 (11).
    """

    def __init__(self, settings: AsrSettings, channels: tuple[str, ...], rate_hz: float) -> None:
        self.settings = settings
        size = len(settings.mixing)
        if size != len(channels) or settings.rate_hz != rate_hz:
            raise SettingsError(
                f"chain.asr was calibrated for {size} channels at {settings.rate_hz:g} Hz and the stream gives "
                f"{len(channels)} at {rate_hz:g} Hz; calibrate again on such a recording, or leave chain.asr out"
            )
        self._b, self._a = shaping(rate_hz)
        self._mixing, self._threshold = np.array(settings.mixing), np.array(settings.threshold)
        self._blocks = max(1, round(settings.window_s * rate_hz / settings.step))
        self._fade = (1 - np.cos(np.pi * np.arange(1, settings.step + 1) / settings.step)) / 2
        self.window_s = self._blocks * settings.step / rate_hz
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample is the first."""
        size = len(self._mixing)
        self._zi = np.zeros((size, max(len(self._a), len(self._b)) - 1))
        self._block = np.zeros((size, self.settings.step))
        self._filled = 0
        self._recent: deque[Array] = deque(maxlen=self._blocks)
        # None stands for the identity, which most of the time it is
        self._old: Array | None = None
        self._new: Array | None = None

    def process(self, samples: Array) -> Array:
        """The next samples, cleaned.

        Parameters
        ----------
        samples
            (channels, times), µV, finite, high-passed.
        """
        out, times, begin = np.empty_like(samples), samples.shape[1], 0
        while begin < times:
            end = min(times, begin + self.settings.step - self._filled)
            part = samples[:, begin:end]
            upto = self._filled + end - begin
            self._block[:, self._filled : upto], self._zi = signal.lfilter(self._b, self._a, part, zi=self._zi)
            out[:, begin:end] = self._faded(part, self._fade[self._filled : upto])
            self._filled, begin = upto % self.settings.step, end
            if not self._filled:
                self._decide()
        return out

    def _faded(self, part: Array, fade: Array) -> Array:
        if self._old is None and self._new is None:
            return part
        return (1 - fade) * _applied(self._old, part) + fade * _applied(self._new, part)

    def _decide(self) -> None:
        self._recent.append(self._block @ self._block.T)
        self._old = self._new
        if len(self._recent) < self._blocks:
            return
        covariance = np.sum(np.stack(list(self._recent)), axis=0) / (self._blocks * self.settings.step)
        self._new = self._reconstruction(covariance)

    def _reconstruction(self, covariance: Array) -> Array | None:
        """Matrix (channels, channels) that leaves out the components above their threshold; None where none is."""
        power, vectors = np.linalg.eigh(covariance)
        size = len(power)
        keep = power < np.sum((self._threshold @ vectors) ** 2, axis=0)
        keep |= np.arange(size) < size - round(self.settings.most * size)  # the largest stand last
        if keep.all():
            return None
        inverse = np.linalg.pinv(keep[:, None] * (vectors.T @ self._mixing))
        return np.asarray(self._mixing @ inverse @ vectors.T)


def calibrate(
    samples: Array, rate_hz: float, *, cutoff: float = 20.0, window_s: float = 0.5, step: int = 32
) -> AsrSettings:
    """Thresholds from EEG that has been through the chain; its worst windows are left out first.

    Mean and deviation of clean amplitudes are the median and the median absolute deviation over the windows: as good
    as the truncated fit of the original where less than half is contaminated, and asrpy 0.0.8, whose spectral
    weighting and geometric median are used, fails in that fit under numpy 2.4.

    Parameters
    ----------
    samples
        (channels, times), µV, finite, high-passed; a minute or more.
    rate_hz
        Of the samples.
    cutoff
        Standard deviations above the clean mean from which a component is an artefact; 20 to 30 is usual, less than 5
        takes brain signal.
    window_s, step
        As of `AsrSettings`.

    Raises
    ------
    RecordingError
        There is too little EEG, or too little of it is clean.
    SettingsError
        The rate is too low.
    """
    from asrpy.asr_utils import geometric_median

    b, a = shaping(rate_hz)
    size, has_s = len(samples), samples.shape[1] / rate_hz
    if has_s < CALIBRATION_S or size < 2:
        raise RecordingError(
            f"{has_s:.0f} s of {size} channels is too little to calibrate ASR, at least {CALIBRATION_S:g} s of "
            "2 channels are needed; record a minute of rest"
        )
    length = round(window_s * rate_hz)
    clean = _clean(np.sqrt(np.mean(_windows(samples, length) ** 2, axis=2)))
    if clean.sum() * length < CALIBRATION_S / 2 * rate_hz:
        raise RecordingError(
            "less than half of what ASR needs for its calibration is clean, or a channel is silent; leave the channel "
            "out, or record a calm minute"
        )
    # filtered as a whole and cut afterwards, so that the filter starts only once
    shaped = _windows(signal.lfilter(b, a, samples), length)[clean]
    covariances = shaped @ shaped.transpose(0, 2, 1) / length
    scale = float(np.mean(np.trace(covariances, axis1=1, axis2=2)))
    middle = geometric_median(covariances.reshape(len(shaped), -1) / scale)  # its tolerance is absolute
    if middle is None:
        raise RecordingError("ASR finds no typical covariance in this EEG; record a calm minute")
    power, vectors = np.linalg.eigh(scale * middle.reshape(size, size))
    mixing = (vectors * np.sqrt(np.maximum(power, 0))) @ vectors.T
    amplitudes = np.sqrt(np.mean((vectors.T @ shaped) ** 2, axis=2))
    centre, spread = _robust(amplitudes)
    threshold = (centre + cutoff * spread)[:, None] * vectors.T
    return AsrSettings(rate_hz=rate_hz, mixing=_rows(mixing), threshold=_rows(threshold), window_s=window_s, step=step)


def _windows(samples: Array, length: int) -> Array:
    """Consecutive windows (n, channels, length)."""
    count = samples.shape[1] // length
    cut = samples[:, : count * length].reshape(len(samples), count, length)
    return np.ascontiguousarray(cut.transpose(1, 0, 2))


def _clean(amplitudes: Array) -> NDArray[np.bool_]:
    """Windows in which no channel is far louder or quieter than usual, from amplitudes (windows, channels)."""
    centre, spread = _robust(amplitudes)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (amplitudes - centre) / spread
    return np.asarray(((z > QUIETEST) & (z < LOUDEST)).all(axis=1))


def _robust(values: Array) -> tuple[Array, Array]:
    """Median and, from the median absolute deviation, standard deviation of each column."""
    centre = np.median(values, axis=0)
    return centre, 1.4826 * np.median(np.abs(values - centre), axis=0)


def shaping(rate_hz: float) -> tuple[Array, Array]:
    """Coefficients (b, a) of the filter that weights the spectrum before amplitudes are taken.

    Raises
    ------
    SettingsError
        The rate is too low.
    """
    if rate_hz < SLOWEST_HZ:
        raise SettingsError(
            f"chain.asr needs a stream of at least {SLOWEST_HZ:g} Hz and this has {rate_hz:g} Hz; leave chain.asr out"
        )
    from asrpy.asr_utils import yulewalk

    edges = np.array([0, 2, 3, 13, 16, 40, min(80.0, rate_hz / 2 - 1), rate_hz / 2]) * 2 / rate_hz
    b, a = yulewalk(8, edges, np.array([3, 0.75, 0.33, 0.33, 1, 1, 3, 3]))
    return np.asarray(b, np.float64), np.asarray(a, np.float64)


def _applied(matrix: Array | None, part: Array) -> Array:
    if matrix is None:
        return part
    # one channel after the other: a matrix product gives other last bits for another number of samples
    out = matrix[:, :1] * part[:1]
    for k in range(1, len(part)):
        out += matrix[:, k : k + 1] * part[k : k + 1]
    return np.asarray(out)


def _rows(matrix: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(value) for value in row) for row in matrix)
