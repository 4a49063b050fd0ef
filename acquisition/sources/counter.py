"""A board's wrapping sample counter as a running one, and packets that it sends twice. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MODULO = {
    "SYNTHETIC_BOARD": 256,
    "CYTON_BOARD": 256,
    "CYTON_WIFI_BOARD": 256,
    "FREEEEG32_BOARD": 256,
    "UNICORN_BOARD": 1 << 32,
}
"""Boards whose counter rises by one a sample, and where it wraps.

Others are left alone, their losses show in the stamps: a Muse counts packets of 12 samples, a Ganglion pairs, a Daisy
every second sample.
"""
REMEMBERED = 256
"""Latest samples among which a packet that comes again is looked for."""


class SampleCounter:
    """Unwrap a counter that rises by one a sample, modulo ``modulo``.

    Parameters
    ----------
    modulo
        Where it wraps.
    rate_hz
        Of the board.
    """

    def __init__(self, modulo: int, rate_hz: float = 0.0) -> None:
        self._modulo = modulo
        self._rate_hz = rate_hz
        self._raw: int | None = None
        self._stamp = 0.0
        self._count = -1

    def unwrap(self, values: NDArray[np.float64], stamps: NDArray[np.float64] | None = None) -> NDArray[np.int64]:
        """Running count, from 0, of the next raw values (times,): a step is a loss, one back a repeated packet.

        Parameters
        ----------
        values
            (times,), as the board gives them.
        stamps
            (times,), seconds: where the counter did not rise by one, they tell how often it went round. Without them
            it went round less than once.
        """
        raw = values.astype(np.int64)
        if not raw.size:
            return raw
        begins = self._raw is None
        before = (raw[0] - 1) if self._raw is None else self._raw
        steps = np.diff(raw, prepend=before) % self._modulo
        if stamps is not None:
            former = stamps[0] - 1 / self._rate_hz if begins else self._stamp
            self._go_round(steps, np.diff(stamps, prepend=former))
            self._stamp = float(stamps[-1])
        counts: NDArray[np.int64] = self._count + np.cumsum(steps)
        self._raw, self._count = int(raw[-1]), int(counts[-1])
        return counts

    def _go_round(self, steps: NDArray[np.int64], passed_s: NDArray[np.float64]) -> None:
        for k in np.flatnonzero(steps != 1):
            rounds = (passed_s[k] * self._rate_hz - steps[k]) / self._modulo
            steps[k] += round(rounds) * self._modulo if np.isfinite(rounds) else 0

    def restart(self, missing: int) -> None:
        """The board begins to count anew, about ``missing`` samples later."""
        self._raw = None
        self._count += max(0, missing)


class Repeats:
    """Finds samples that a board sends again: a number that was there already, with the same data.

    Attributes
    ----------
    broken
        A number came again with other data: the counter cannot be believed any more.
    """

    def __init__(self) -> None:
        self.broken = False
        self._highest = -1
        self._counts = np.empty(0, dtype=np.int64)
        self._columns: NDArray[np.float32] | None = None

    def fresh(self, counts: NDArray[np.int64], samples: NDArray[np.float32]) -> NDArray[np.bool_] | None:
        """(times,) which samples are new; None where all are, as always with a sound board.

        Parameters
        ----------
        counts
            (times,) running count.
        samples
            (channels, times).
        """
        if not counts.size:
            return None
        held, columns = self._counts, self._columns
        former = samples[:, :0] if columns is None else columns
        known, data = np.concatenate([held, counts]), np.concatenate([former, samples], axis=1)
        highest = np.maximum.accumulate(np.concatenate([[self._highest], counts]))
        back = np.flatnonzero(counts <= highest[:-1])
        self._highest = int(highest[-1])
        keep = np.ones(counts.size, dtype=bool)
        for k in back:
            at = held.size + k
            same = np.flatnonzero(known[:at] == counts[k])
            if same.size and data[:, same[-1]].tobytes() == data[:, at].tobytes():
                keep[k] = False
            else:
                self.broken = True
        self._counts, self._columns = known[-REMEMBERED:], data[:, -REMEMBERED:].copy()
        return None if keep.all() else keep
