"""EEG kept for drawing on few cells: smallest and largest value of every time bin, so that no spike is hidden. Pure."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wire.packets import Mark, Preview

WINDOW_S = 10.0
BINS = 1000
"""Of a window: 10 ms each, finer than any terminal."""
BLANK = 25
"""Bins ahead of the newest that are cleared, so that the eye sees where it is."""
Array = NDArray[np.float32]


@dataclass(frozen=True)
class Envelope:
    """What is drawn.

    Attributes
    ----------
    low, high
        (channels, columns) float32, µV; NaN where there is nothing.
    newest
        Column that is being written.
    """

    low: Array
    high: Array
    newest: int


class Sweep:
    """The last ten seconds, written over from left to right as on a bedside monitor.

    What stands still is not sent to the terminal again: a scrolling picture would be, five times a second.

    Attributes
    ----------
    channels
        Names; empty before anything came.
    marks
        The latest markers.
    simulated
        Whether the data are.
    """

    def __init__(self) -> None:
        self.channels: tuple[str, ...] = ()
        self.rate_hz = 0.0
        self.simulated = False
        self.marks: deque[Mark] = deque(maxlen=100)
        self._low = self._high = np.empty((0, BINS), np.float32)
        self._last: Array | None = None
        self._end_s = 0.0
        self._newest = 0

    @property
    def newest_s(self) -> float:
        """Time of the newest bin, acquisition's clock, s."""
        return (self._newest + 1) * WINDOW_S / BINS

    def add(self, preview: Preview) -> None:
        """Take samples in; a hole in them stays empty."""
        if preview.channels != self.channels or preview.rate_hz != self.rate_hz:
            self.channels, self.rate_hz, self._last = preview.channels, preview.rate_hz, None
            self._low = np.full((len(preview.channels), BINS), np.nan, np.float32)
            self._high = self._low.copy()
            self._newest = self._bin(preview.first_s) - 1
        self.simulated = preview.simulated
        self.marks.extend(preview.marks)
        if preview.times == 0:
            return
        times = preview.first_s + np.arange(preview.times) / preview.rate_hz
        joined = self._last is not None and abs(preview.first_s - self._end_s) < 1.5 / preview.rate_hz
        # each sample with the one before, so that neighbouring bins touch
        before = self._last if joined and self._last is not None else preview.data[:, :1]
        pairs = np.concatenate([before, preview.data], axis=1)
        low, high = np.minimum(pairs[:, :-1], pairs[:, 1:]), np.maximum(pairs[:, :-1], pairs[:, 1:])
        self._last, self._end_s = preview.data[:, -1:], preview.first_s + preview.times / preview.rate_hz
        self._put(np.floor(times * (BINS / WINDOW_S)).astype(np.int64), low, high)

    def envelope(self, columns: int) -> Envelope:
        """Smallest and largest value of each of ``columns`` columns."""
        starts = np.ceil(np.arange(columns) * (BINS / columns)).astype(np.int64)
        low, high = self._low.copy(), self._high.copy()
        ahead = (self._newest + 1 + np.arange(BLANK)) % BINS
        low[:, ahead] = high[:, ahead] = np.nan
        with np.errstate(invalid="ignore"):
            return Envelope(
                np.fmin.reduceat(low, starts, axis=1),
                np.fmax.reduceat(high, starts, axis=1),
                self._newest % BINS * columns // BINS,
            )

    def column(self, time_s: float, columns: int) -> int | None:
        """Where a time is drawn; None where it has been written over, or has not come."""
        place = self._bin(time_s)
        if place > self._newest or place <= self._newest - BINS + BLANK:
            return None
        return place % BINS * columns // BINS

    def scale_uv(self) -> float:
        """What half a channel's height should be, µV: 1, 2 or 5 times a power of ten that most values stay within."""
        both = np.fmax(np.abs(self._low), np.abs(self._high))
        with np.errstate(invalid="ignore"):
            seen = both[:, ~np.isnan(both).all(axis=0)] if both.size else both
        if not seen.size:
            return 50.0
        wanted = float(np.median(np.nanpercentile(seen, 95, axis=1)))
        return next((step for step in STEPS_UV if step >= wanted), STEPS_UV[-1])

    def _bin(self, time_s: float) -> int:
        return int(np.floor(time_s * (BINS / WINDOW_S)))

    def _put(self, bins: NDArray[np.int64], low: Array, high: Array) -> None:
        newest = int(bins[-1])
        if newest > self._newest:
            fresh = np.arange(max(self._newest + 1, newest - BINS + 1), newest + 1) % BINS
            self._low[:, fresh] = self._high[:, fresh] = np.nan
            self._newest = newest
        kept = bins > self._newest - BINS
        bins, low, high = bins[kept], low[:, kept], high[:, kept]
        if not len(bins):
            return
        starts = np.flatnonzero(np.diff(bins, prepend=bins[0] - 1))
        at = bins[starts] % BINS
        self._low[:, at] = np.fmin(self._low[:, at], np.minimum.reduceat(low, starts, axis=1))
        self._high[:, at] = np.fmax(self._high[:, at], np.maximum.reduceat(high, starts, axis=1))


STEPS_UV = tuple(base * 10.0**power for power in range(5) for base in (1, 2, 5))
