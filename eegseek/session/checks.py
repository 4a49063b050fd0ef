"""Two checks that a person understands: blinks (the electrodes work), and alpha (it is brain). Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.guide import Check
from eegseek.session.headsets import back, frontal

BLINK_S = 6.0
"""How long blinks are waited for after they are asked for."""
REST_S = 3.0
"""Rest before that they are compared with."""
BLINK_UV = 50.0
BLINK_TIMES = 2.0
"""A blink is at least so many µV, and so many times the rest, from peak to peak."""
EYES_S = 12.0
"""Length of each of the two parts of the alpha check."""
ALPHA_HZ, WHOLE_HZ = (8.0, 12.0), (4.0, 20.0)
ALPHA_TIMES = 1.3
"""Closed against open: at least so many times the share of alpha ..."""
ALPHA_P = 0.01
"""... and more in the pieces with eyes closed than chance would bring: alpha waxes and wanes by itself."""
SEGMENT_S = 2.0
Samples = NDArray[np.float64]


def peak_to_peak(samples: Samples, rate_hz: float) -> float:
    """Largest peak-to-peak within any second, the largest of all channels, µV.

    Parameters
    ----------
    samples
        (channels, times) float64, µV, filtered.
    rate_hz
        Sampling rate.
    """
    size = max(1, round(rate_hz))
    if samples.shape[0] == 0 or samples.shape[1] == 0:
        return 0.0
    starts = range(0, max(1, samples.shape[1] - size + 1), max(1, size // 2))
    return max(float(np.ptp(samples[:, start : start + size], axis=1).max()) for start in starts)


def blink(rest: Samples, asked: Samples, rate_hz: float, channels: tuple[str, ...]) -> Check:
    """Whether blinks show in the electrodes near the eyes (all of them where there are none there).

    Parameters
    ----------
    rest, asked
        (channels, times) float64, µV: before, and after blinks were asked for.
    """
    rows = list(frontal(channels)) or list(range(len(channels)))
    calm, found = peak_to_peak(rest[rows], rate_hz), peak_to_peak(asked[rows], rate_hz)
    wanted = max(BLINK_UV, BLINK_TIMES * calm)
    if found >= wanted:
        words = f"Blinks of {found:.0f} µV at {_names(channels, rows)}: the electrodes work."
    else:
        words = (
            f"No blink was seen: {found:.0f} µV at {_names(channels, rows)}, at rest {calm:.0f} µV, expected "
            f"{wanted:.0f} µV or more. Press the electrodes near the eyes on, and blink firmly."
        )
    return Check(name="blink", passed=found >= wanted, value=found, wanted=wanted, words=words)


def alpha_share(samples: Samples, rate_hz: float) -> Samples:
    """Share of the power of 4 to 20 Hz that lies in 8 to 12 Hz, in each piece of 2 s: (pieces,), channels averaged.

    Parameters
    ----------
    samples
        (channels, times) float64, µV.
    """
    size = round(SEGMENT_S * rate_hz)
    count = samples.shape[1] // size
    if not count or not samples.shape[0]:
        return np.empty(0)
    parts = samples[:, : count * size].reshape(samples.shape[0], count, size)
    parts = (parts - parts.mean(axis=2, keepdims=True)) * np.hanning(size)
    power = np.abs(np.fft.rfft(parts, axis=2)) ** 2
    hz = np.fft.rfftfreq(size, 1 / rate_hz)
    inside, whole = (power[..., (hz >= low) & (hz <= high)].sum(axis=2) for low, high in (ALPHA_HZ, WHOLE_HZ))
    return np.asarray(np.divide(inside, whole, out=np.zeros_like(inside), where=whole > 0).mean(axis=0))


def alpha(opened: Samples, closed: Samples, rate_hz: float, channels: tuple[str, ...]) -> Check:
    """Whether alpha rises when the eyes are closed, at the back of the head.

    Parameters
    ----------
    opened, closed
        (channels, times) float64, µV: with eyes open, and closed.
    """
    rows = list(back(channels))
    before, after = (alpha_share(part[rows], rate_hz) for part in (opened, closed))
    ratio = float(np.median(after) / np.median(before)) if before.size and after.size and np.median(before) > 0 else 0.0
    passed = ratio >= ALPHA_TIMES and _more(after, before)
    where = _names(channels, rows)
    if passed:
        words = f"With eyes closed there is {ratio:.1f} times the alpha (8 to 12 Hz) at {where}: it is brain."
    else:
        words = (
            f"Alpha did not rise surely with eyes closed: {ratio:.1f} times at {where}, expected {ALPHA_TIMES:g} or "
            "more throughout. Some people have little alpha; with good contact you can go on."
        )
    return Check(name="alpha", passed=passed, value=ratio, wanted=ALPHA_TIMES, words=words)


def _more(after: Samples, before: Samples) -> bool:
    """Whether pieces with eyes closed have more, by their ranks (Mann and Whitney 1947)."""
    from scipy.stats import mannwhitneyu

    return bool(mannwhitneyu(after, before, alternative="greater").pvalue < ALPHA_P)


def _names(channels: tuple[str, ...], rows: list[int]) -> str:
    return ", ".join(channels[row] for row in rows[:4]) + (" …" if len(rows) > 4 else "")
