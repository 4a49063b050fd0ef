"""How good the signal is, channel by channel."""

from __future__ import annotations

from typing import Literal

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from acquisition.rejection import raw_peak_to_peak
from acquisition.types import Impedance
from config.chain import RejectionSettings
from wire.packets import Quality

LINE_HALF_WIDTH_HZ = 1.0
State = Literal["good", "noisy", "flat", "railed", "swapped", "invalid"]


def assess(
    time_s: float,
    channels: tuple[str, ...],
    filtered: NDArray[np.float64],
    raw: NDArray[np.float32],
    rate_hz: float,
    line_hz: float,
    settings: RejectionSettings,
) -> Quality:
    """Quality of a stretch of signal by the same limits that reject windows.

    Parameters
    ----------
    filtered, raw
        (channels, samples) float64 and float32, µV.
    """
    finite = np.asarray(np.isfinite(raw).all(axis=1))
    clean = np.where(finite[:, None], raw, np.float32(0.0))
    states = _states(filtered, clean, finite, settings)
    return Quality(
        time_s=time_s,
        channels=channels,
        rms_uv=tuple(float(value) for value in filtered.std(axis=1)),
        line_ratio=tuple(float(value) for value in line_ratio(clean, rate_hz, line_hz)),
        states=states,
    )


def exchanged(quality: Quality, pair: tuple[str, str] | None) -> Quality:
    """The same, with two channels that were exchanged told as such unless there is something graver about them."""
    if pair is None:
        return quality
    told = zip(quality.channels, quality.states, strict=True)
    states = tuple("swapped" if name in pair and state in ("good", "noisy") else state for name, state in told)
    return structs.replace(quality, states=states)


def with_impedance(quality: Quality, found: Impedance | None) -> Quality:
    """The same with the impedances that the source measures; the same itself where it measures none.

    Parameters
    ----------
    found
        By the source's names; the chain may write them in other letters, and leave some out.
    """
    if found is None or not (found.channels or found.others):
        return quality
    by_name = {name.casefold(): kohm for name, kohm in found.channels.items()}
    told = tuple(by_name.get(name.casefold()) for name in quality.channels)
    of_channels = told if any(kohm is not None for kohm in told) else ()
    return structs.replace(quality, impedance_kohm=of_channels, other_kohm=dict(found.others))


def line_ratio(raw: NDArray[np.float32], rate_hz: float, line_hz: float) -> NDArray[np.float64]:
    """Share of each row's power (mean removed, Hann window) that lies within 1 Hz of the line frequency: (rows,)."""
    centred = raw.astype(np.float64) - raw.mean(axis=1, keepdims=True, dtype=np.float64)
    spectrum = np.abs(np.fft.rfft(centred * np.hanning(raw.shape[1]), axis=1)) ** 2
    hz = np.fft.rfftfreq(raw.shape[1], 1 / rate_hz)
    line = spectrum[:, np.abs(hz - line_hz) <= LINE_HALF_WIDTH_HZ].sum(axis=1)
    total = spectrum.sum(axis=1)
    return np.asarray(np.divide(line, total, out=np.zeros_like(total), where=total > 0))


def _states(
    filtered: NDArray[np.float64],
    raw: NDArray[np.float32],
    finite: NDArray[np.bool_],
    settings: RejectionSettings,
) -> tuple[State, ...]:
    """The gravest thing that holds for each channel."""
    limit = np.inf if settings.peak_to_peak_uv is None else settings.peak_to_peak_uv
    noisy = np.ptp(filtered, axis=1) > limit
    flat = raw_peak_to_peak(raw) < (settings.flat_uv or 0.0)
    railed = np.abs(raw).max(axis=1) >= (np.inf if settings.railed_uv is None else settings.railed_uv)
    states: list[State] = []
    for row in range(len(finite)):
        if not finite[row]:
            states.append("invalid")
        elif railed[row]:
            states.append("railed")
        elif flat[row]:
            states.append("flat")
        else:
            states.append("noisy" if noisy[row] else "good")
    return tuple(states)
