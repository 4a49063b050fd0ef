"""From the source rate to the encoder's, one window at a time, on a grid that starts at the onset sample."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import signal

from acquisition.plan import ratio
from config.chain import WindowSettings

HALF_LENGTH = 10
"""Half length of the polyphase filter, in samples of the slower rate (that of ``scipy.signal.resample_poly``)."""


@dataclass(frozen=True)
class Grid:
    """Where the samples of a window lie, counted from the onset sample.

    Attributes
    ----------
    up, down
        Window rate / source rate = up / down.
    first, times
        First sample of the window at its own rate, counted from the onset sample, and how many there are.
    lo, hi
        First and last source sample needed, both included.
    begin
        First source sample that the resampling needs.
    baseline
        Source samples [from, to) whose mean is subtracted, or None.
    taps
        Polyphase filter, or None where every ``down``-th sample is taken.
    """

    up: int
    down: int
    first: int
    times: int
    lo: int
    hi: int
    begin: int
    stop: int
    rate_hz: float
    baseline: tuple[int, int] | None
    taps: NDArray[np.float64] | None

    @property
    def first_s(self) -> float:
        """Time of the window's first sample relative to the onset sample, seconds."""
        return self.first / self.rate_hz

    def cut(self, block: NDArray[np.float64]) -> NDArray[np.float32]:
        """Window of the filtered source samples ``lo`` to ``hi``.

        Parameters
        ----------
        block
            (channels, hi - lo + 1) float64, µV.

        Returns
        -------
        numpy.ndarray
            (channels, times) float32, µV, baseline subtracted, C-contiguous.
        """
        part = block[:, self.begin - self.lo : self.stop - self.lo]
        data = part[:, :: self.down] if self.taps is None else self._polyphase(part)
        if self.baseline is not None:
            rest = block[:, self.baseline[0] - self.lo : self.baseline[1] - self.lo]
            data = data - rest.mean(axis=1, keepdims=True)
        return np.ascontiguousarray(data, dtype=np.float32)

    def _polyphase(self, part: NDArray[np.float64]) -> NDArray[np.float64]:
        # resample_poly's output begins at its first input: zeros in front move that to a multiple of `down` from the
        # onset sample, where both grids meet; the margin keeps the zeros out of the filter's reach
        shift = self.begin % self.down
        padded = np.pad(part, ((0, 0), (shift, 0)))
        out = signal.resample_poly(padded, self.up, self.down, axis=1, window=self.taps)
        skip = self.first - (self.begin - shift) // self.down * self.up
        return np.asarray(out[:, skip : skip + self.times])


def make_grids(window: WindowSettings, source_hz: float) -> tuple[Grid, ...]:
    """Grids of a window's parts and, last, of the whole window; they differ in where they end and in nothing else.

    What a part's grid cuts are, bit for bit, the first samples of what the whole one's will: picked samples are the
    same ones, and a polyphase output is the same sum over the same inputs, for a part too waits for the filter's
    margin (``HALF_LENGTH`` samples of the window's rate).

    Raises
    ------
    SettingsError
        The window's rate cannot be reached.
    """
    whole = make_grid(window, source_hz)
    return *(_until(whole, times) for times in window.part_times), whole


def draft_grid(window: WindowSettings, whole: Grid) -> Grid:
    """Grid of the samples of a window that can be cut before the last have come (see `WindowSettings.draft_times`)."""
    return _until(whole, window.draft_times)


def _until(whole: Grid, times: int) -> Grid:
    """The grid of a window's first samples."""
    stop = whole.stop - math.ceil((whole.first + whole.times - 1) * whole.down / whole.up)
    stop += math.ceil((whole.first + times - 1) * whole.down / whole.up)
    base = stop if whole.baseline is None else whole.baseline[1]
    return replace(whole, times=times, stop=stop, hi=max(stop, base) - 1)


def make_grid(window: WindowSettings, source_hz: float) -> Grid:
    """Grid of a whole window at a source rate. Times are rounded to the nearest sample, halves up.

    Raises
    ------
    SettingsError
        The window's rate cannot be reached.
    """
    fraction = ratio(window.rate_hz, source_hz)
    up, down = fraction.numerator, fraction.denominator
    first, times = nearest(window.start_s * window.rate_hz), window.n_times
    margin, taps = 0, None
    if up > 1:
        margin = math.ceil(HALF_LENGTH * max(up, down) / up) + 1
        taps = signal.firwin(2 * HALF_LENGTH * max(up, down) + 1, 1 / max(up, down), window=("kaiser", 5.0))
    begin = math.floor(first * down / up) - margin
    stop = math.ceil((first + times - 1) * down / up) + margin + 1
    base = None
    if window.baseline_s is not None:
        early = nearest(window.baseline_s[0] * source_hz)
        base = (early, max(early + 1, nearest(window.baseline_s[1] * source_hz)))
    lo = begin if base is None else min(begin, base[0])
    hi = stop - 1 if base is None else max(stop - 1, base[1] - 1)
    return Grid(up, down, first, times, lo, hi, begin, stop, window.rate_hz, base, taps)


def nearest(position: float) -> int:
    """Nearest whole number; a half goes to the later one."""
    return math.floor(position + 0.5)
