"""The filter chain: causal, stateful, at the source rate, the same bits for every chunking."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from acquisition.asr import Asr
from acquisition.sos import filter_in_place
from config.chain import ChainSettings
from config.errors import MisfitError, SettingsError

SETTLED = 1e-3
"""The chain has settled once its response to a unit step stays this close to its final value."""

Array = NDArray[np.float64]


class Chain:
    """Reference, selection, notches, high-pass, low-pass as second-order sections in float64, and ASR, in this order.

    The filters start in the steady state of the first sample of each channel, so a constant offset makes no transient.
    A non-finite or railed sample is replaced, for the filters only, by the channel's last good one (zero before there
    is one). ``reset`` is for confirmed gaps only.

    Parameters
    ----------
    settings
        Frequencies, orders, channels and reference.
    rate_hz
        Sampling rate of the source.
    source_channels
        Names of the source's channels, in the order of the rows it gives.
    railed_uv
        Absolute value from which a sample is no measurement, µV; None where that is not known.

    Raises
    ------
    SettingsError
        A channel is not there or named twice, a frequency does not lie below half the source rate, or ASR was
        calibrated for something else.
    """

    def __init__(
        self,
        settings: ChainSettings,
        rate_hz: float,
        source_channels: tuple[str, ...],
        railed_uv: float | None = None,
    ) -> None:
        self.rate_hz = rate_hz
        self.railed_uv = railed_uv
        self.channels = settings.channels or tuple(source_channels)
        named = settings.reference if isinstance(settings.reference, tuple) else ()
        _check_channels(self.channels, named, source_channels)
        self.used = self.channels + tuple(name for name in named if name not in self.channels)
        self._take = np.array([source_channels.index(name) for name in self.used], dtype=np.intp)
        self._take_all = self.used == tuple(source_channels)
        self._reference = _reference_rows(settings, self.channels, self.used)
        self._sos = sections(settings, rate_hz)
        # without look-ahead it delays nothing, but it needs a whole window before it can act
        self._asr = None if settings.asr is None else Asr(settings.asr, self.channels, rate_hz)
        self.settling_s = settling_s(self._sos, rate_hz) + (self._asr.window_s if self._asr else 0.0)
        self.group_delay_s = group_delay_s(self._sos, rate_hz)
        self._zi = signal.sosfilt_zi(self._sos) if len(self._sos) else np.zeros((0, 2))
        self.reset()

    def reset(self) -> None:
        """Forget everything: the next sample is the first."""
        self._state = np.zeros((len(self.channels), len(self._sos), 2))
        self._held = np.zeros(len(self.used))
        # kept channels that have had no finite sample yet; None once there are none
        self._waiting: NDArray[np.bool_] | None = np.ones(len(self.channels), dtype=bool)
        if self._asr is not None:
            self._asr.reset()

    def select(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        """Rows that the chain needs: kept channels, then further reference channels.

        Parameters
        ----------
        samples
            (source channels, times) float32, µV.

        Returns
        -------
        numpy.ndarray
            (used channels, times) float32, µV.
        """
        return samples if self._take_all else samples.take(self._take, axis=0)

    def filter(self, used: NDArray[np.float32]) -> tuple[Array, NDArray[np.bool_] | None]:
        """Filter the next samples, given as ``select`` returns them.

        Parameters
        ----------
        used
            (used channels, times) float32, µV; may hold non-finite values.

        Returns
        -------
        filtered
            (kept channels, times) float64, µV, finite.
        bad
            (times,) bool, where a used channel was not finite, or one of the reference alone was railed; None where
            there is nothing of the kind.
        """
        if used.shape[1] == 0:
            return np.zeros((len(self.channels), 0)), None
        values = used.astype(np.float64)
        finite = np.isfinite(values)
        good = finite if self.railed_uv is None else finite & (np.abs(values) < self.railed_uv)
        whole = bool(good.all())
        if not whole:
            _hold(values, good, self._held)
        self._held = values[:, -1].copy()
        kept = self._rereference(values)
        if self._waiting is not None:
            kept = self._start(kept, good[: len(self.channels)], self._waiting)
        elif len(self._sos):
            kept = self._run(kept)
        if self._asr is not None:
            kept = self._asr.process(kept)
        if whole:
            return kept, None
        # windows tell by themselves which of their own channels were railed
        return kept, np.asarray(~(finite.all(axis=0) & good[len(self.channels) :].all(axis=0)))

    def process(self, samples: NDArray[np.float32]) -> Array:
        """``select`` and ``filter``: (source channels, times) to (kept channels, times)."""
        return self.filter(self.select(samples))[0]

    def _rereference(self, values: Array) -> Array:
        kept = values[: len(self.channels)]
        if self._reference is None:
            return kept
        # summed over channels in a layout that does not change with the number of samples, hence bit for bit
        by_time = np.ascontiguousarray(values[self._reference].T)
        mean: Array = np.add.reduce(by_time, axis=1) / by_time.shape[1]
        return np.asarray(kept - mean)

    def _run(self, kept: Array) -> Array:
        """Filter in place."""
        if not len(self._sos):
            return kept
        filter_in_place(self._sos, kept, self._state)
        return kept

    def _start(self, kept: Array, finite: NDArray[np.bool_], waiting: NDArray[np.bool_]) -> Array:
        """Filter while some channels wait for their first finite sample, at which their steady state is set."""
        times = kept.shape[1]
        first = np.where(finite.any(axis=1), finite.argmax(axis=1), times)
        first[~waiting] = -1
        kept = np.where(np.arange(times) >= first[:, None], kept, 0.0)
        edges = sorted({0, times, *(int(edge) for edge in first if 0 <= edge < times)})
        parts = []
        for begin, end in pairwise(edges):
            new = first == begin
            self._state[new] = self._zi * kept[new, begin][:, None, None]
            parts.append(self._run(np.ascontiguousarray(kept[:, begin:end])))
        left = first == times
        self._waiting = left if left.any() else None
        return np.concatenate(parts, axis=1)


def sections(settings: ChainSettings, rate_hz: float) -> Array:
    """Second-order sections of a chain: (sections, 6) float64.

    Notches are ``scipy.signal.iirnotch``, the others Butterworth filters.

    Raises
    ------
    SettingsError
        A frequency does not lie below half the rate, or the high-pass not below the low-pass.
    """
    high, low = settings.highpass_hz, settings.lowpass_hz
    for name, hz in [*(("notch_hz", f) for f in settings.notch_hz), ("highpass_hz", high), ("lowpass_hz", low)]:
        if hz is not None and hz >= rate_hz / 2:
            raise SettingsError(
                f"chain.{name} of {hz:g} Hz needs a stream faster than {2 * hz:g} Hz and this one has {rate_hz:g} Hz; "
                f"choose a frequency below {rate_hz / 2:g} or leave it out"
            )
    if high is not None and low is not None and high >= low:
        raise SettingsError(f"chain.highpass_hz of {high:g} must lie below chain.lowpass_hz of {low:g}")
    parts = [signal.tf2sos(*signal.iirnotch(hz, settings.notch_q, fs=rate_hz)) for hz in settings.notch_hz]
    if high is not None:
        parts.append(signal.butter(settings.highpass_order, high, "highpass", fs=rate_hz, output="sos"))
    if low is not None:
        parts.append(signal.butter(settings.lowpass_order, low, "lowpass", fs=rate_hz, output="sos"))
    return np.concatenate(parts) if parts else np.zeros((0, 6))


def settling_s(sos: Array, rate_hz: float) -> float:
    """Seconds after which the step response stays within ``SETTLED`` of its final value; 0 without filters.

    The state starts at the first sample's steady state, so what has to settle is the difference between that sample
    and the signal's level: a step. A high-pass of 1 Hz takes about 1.5 s, one of 0.1 Hz 11 s (first order) to 15 s.
    """
    if not len(sos):
        return 0.0
    slowest = max(float(np.abs(np.roots(section[3:])).max()) for section in sos)
    length = 2 + int(np.ceil(np.log(SETTLED * 1e-3) / np.log(slowest)))
    final = float(np.prod(sos[:, :3].sum(axis=1) / sos[:, 3:].sum(axis=1)))
    away = np.abs(signal.sosfilt(sos, np.ones(length)) - final) > SETTLED
    return float(np.flatnonzero(away)[-1] + 1) / rate_hz if away.any() else 0.0


def group_delay_s(sos: Array, rate_hz: float) -> float:
    """Median group delay over the pass band (where the gain is above -3 dB), seconds; 0 without filters."""
    if not len(sos):
        return 0.0
    hz = np.linspace(0.0, rate_hz / 2, 2001)[1:-1]
    _, gain = signal.sosfreqz(sos, worN=hz, fs=rate_hz)
    inside = hz[np.abs(gain) >= np.sqrt(0.5)]
    if not len(inside):
        return 0.0
    delay = sum(signal.group_delay((section[:3], section[3:]), w=inside, fs=rate_hz)[1] for section in sos)
    return float(np.median(np.asarray(delay))) / rate_hz


def _hold(values: Array, finite: NDArray[np.bool_], held: Array) -> None:
    """Replace other values, in place, by the last finite one of their row (``held`` before there is one)."""
    times = np.where(finite, np.arange(values.shape[1]), -1)
    last = np.maximum.accumulate(times, axis=1)
    filled = np.take_along_axis(values, np.maximum(last, 0), axis=1)
    values[:] = np.where(last < 0, held[:, None], filled)


def _check_channels(kept: tuple[str, ...], named: tuple[str, ...], there: tuple[str, ...]) -> None:
    missing = [name for name in dict.fromkeys(kept + named) if name not in there]
    if missing:
        raise MisfitError(
            f"the stream has no channel {', '.join(map(repr, missing))}; it has {', '.join(map(repr, there))}: "
            "choose among these, or use an encoder that was trained with them"
        )
    for what, names in (("chain.channels", kept), ("chain.reference", named), ("the stream's channels", there)):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise SettingsError(f"{what} name {', '.join(map(repr, twice))} more than once; each must be named once")


def _reference_rows(settings: ChainSettings, kept: tuple[str, ...], used: tuple[str, ...]) -> NDArray[np.intp] | None:
    if settings.reference == "none" or settings.reference == ():
        return None
    names = kept if settings.reference == "average" else settings.reference
    return np.array([used.index(name) for name in names], dtype=np.intp)
