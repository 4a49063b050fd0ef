"""EEG for a screen: the least and the greatest sample of each column, so that no spike is hidden. Pure.

A screen has some hundred columns a second where the signal has up to thousands of samples. Whoever draws every n-th
sample, or a mean, hides what lies between; the pair of least and greatest shows every excursion at its full height.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

COLUMNS_HZ = 100.0
"""Columns a second, at most: 10 s are a thousand, about as many as a screen has pixels to give."""
STEP_UV = 0.1
"""Of a packed value."""
HOLE = -32768
"""Packed value of a column without samples."""
MOST = 32767
GAP_SAMPLES = 2.5
"""Stamps further apart than this leave a hole."""
BACK_S = 0.5
"""A stamp that lies further back than this begins anew: another run of acquisition."""
Float = NDArray[np.float32]


def columns_hz(rate_hz: float) -> float:
    """Columns a second for a sampling rate: two samples in each, or more."""
    return min(COLUMNS_HZ, rate_hz / 2)


@dataclass(frozen=True)
class Columns:
    """Some columns of the screen, in order.

    Attributes
    ----------
    first
        Number of the first: columns are counted on the clock of the stamps, ``number / hz`` seconds.
    hz
        Columns a second.
    low, high
        (channels, columns) float32, µV: least and greatest sample; NaN where a column has none.
    """

    first: int
    hz: float
    low: Float
    high: Float

    @property
    def n(self) -> int:
        """How many."""
        return int(self.low.shape[1])


class Decimator:
    """Samples in, columns out; a column comes out once a later sample has closed it.

    Parameters
    ----------
    n_channels
        Rows of the signal.
    rate_hz
        Sampling rate.
    """

    def __init__(self, n_channels: int, rate_hz: float):
        self.n_channels = n_channels
        self.rate_hz = rate_hz
        self.hz = columns_hz(rate_hz)
        self._open: Columns | None = None
        self._least: int | None = None
        self._last_s = -np.inf

    def add(self, first_s: float, data: Float) -> tuple[Columns, ...]:
        """Take samples in.

        Parameters
        ----------
        first_s
            Stamp of the first, seconds. May lie a little before the last one's, as corrected stamps do.
        data
            (channels, times) float32, µV; NaN counts as no sample.

        Returns
        -------
        tuple of Columns
            Runs of columns that are complete now, in order; a hole in the signal lies between two runs.
        """
        if data.shape[1] == 0:
            return ()
        flushed = self._flush(first_s)
        numbers = np.floor((first_s + np.arange(data.shape[1]) / self.rate_hz) * self.hz).astype(np.int64)
        if self._least is not None:
            numbers = np.maximum(numbers, self._least)
        self._last_s = first_s + (data.shape[1] - 1) / self.rate_hz
        starts = np.flatnonzero(np.diff(numbers, prepend=numbers[0] - 1))
        low, high = np.fmin.reduceat(data, starts, axis=1), np.fmax.reduceat(data, starts, axis=1)
        closed = self._close(numbers[starts], low, high)
        return flushed + ((closed,) if closed.n else ())

    def _flush(self, first_s: float) -> tuple[Columns, ...]:
        """The open column, where a hole or another clock follows it."""
        back, gap = first_s < self._last_s - BACK_S, first_s - self._last_s > GAP_SAMPLES / self.rate_hz
        if self._open is None or not (back or gap):
            return ()
        flushed, self._open = self._open, None
        self._least = None if back else flushed.first + 1
        return (flushed,)

    def _close(self, numbers: NDArray[np.int64], low: Float, high: Float) -> Columns:
        """Join with the open column, give out all but the last, which stays open."""
        before = self._open
        if before is not None and numbers[0] == before.first:
            low[:, 0] = np.fmin(low[:, 0], before.low[:, 0])
            high[:, 0] = np.fmax(high[:, 0], before.high[:, 0])
        elif before is not None:
            numbers = np.concatenate([[before.first], numbers])
            low, high = np.hstack([before.low, low]), np.hstack([before.high, high])
        first, last = int(numbers[0]), int(numbers[-1])
        # corrected stamps may leave a column without samples: it looks like the one before it
        source = np.searchsorted(numbers, np.arange(first, last), side="right") - 1
        self._open = Columns(last, self.hz, low[:, -1:].copy(), high[:, -1:].copy())
        self._least = last
        return Columns(first, self.hz, low[:, source], high[:, source])


def pack(columns: Columns) -> NDArray[np.int16]:
    """Columns as small whole numbers of `STEP_UV`: rounded outwards, so that rounding hides nothing either.

    Returns
    -------
    (channels, columns, 2) int16: least and greatest; `HOLE` where there is no sample. What lies beyond ±3.2767 mV
    stands at this limit.
    """
    packed = np.empty((*columns.low.shape, 2), np.int16)
    for k, (values, outward) in enumerate(((columns.low, np.floor), (columns.high, np.ceil))):
        steps = np.clip(outward(np.nan_to_num(values / np.float32(STEP_UV), nan=HOLE)), -MOST, MOST)
        packed[..., k] = np.where(np.isnan(values), HOLE, steps)
    return packed
