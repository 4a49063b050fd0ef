"""Two electrodes exchanged during a session: told by how channels go together, which an exchange carries with it. Pure.

The covariance of the latest seconds is laid against that of the time before. Where exchanging two channels makes it
fit better (in the Gaussian log-likelihood), for seconds on end, and explains most of what does not fit, they were.
Channels that say nearly the same, such as mirror twins, are often not told apart, and what was wrong from the start is
never noticed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Pair = tuple[str, str]

LEARN = 20
"""Seconds from which the covariance before is taken, at least."""
LATEST = 4
"""Seconds laid against them."""
GAIN = 0.25
"""Gain in log-likelihood for each sample from which an exchange is believed: four times the largest in eleven genuine
recordings without one."""
IN_A_ROW = 3
MEMORY = 120.0
"""Time constant of forgetting, seconds."""
RIDGE = 1e-2
"""Added to the covariance, of its mean diagonal: an average reference makes it singular."""
FEWEST = 3
"""Channels; of two that are exchanged nothing can be told from how they go together."""
LATE_S = 0.5
"""What a second says holds from so long after it, so that it can be looked at when nobody waits for a window."""


class Swaps:
    """Judges a stream second by second.

    Parameters
    ----------
    channels
        Their names.

    Attributes
    ----------
    pair
        Channels that are exchanged now; None where none are.
    """

    def __init__(self, channels: tuple[str, ...]) -> None:
        self.channels = channels
        self.pair: Pair | None = None
        self._before = np.zeros((len(channels), len(channels)))
        self._seconds = 0.0
        self._latest: deque[Array] = deque()
        self._suspect: tuple[int, int] | None = None
        self._row = 0

    def add(self, second: Array) -> None:
        """The next second of clean, settled signal: (channels, times), µV."""
        if len(self.channels) < FEWEST:
            return
        centred = second - second.mean(axis=1, keepdims=True)
        self._latest.append(centred @ centred.T / second.shape[1])
        if len(self._latest) <= LATEST:
            return
        oldest = self._latest.popleft()
        if self._seconds >= LEARN:
            self._judge(np.mean(self._latest, axis=0))
        if self.pair is None and self._row == 0:  # what is exchanged is not to be learned
            self._seconds += 1.0
            self._before += (oldest - self._before) / min(self._seconds, MEMORY)

    def _judge(self, now: Array) -> None:
        gains, misfit = self._gains(now)
        if self.pair is not None:
            # exchanged back: as it is it fits better
            a, b = (self.channels.index(name) for name in self.pair)
            self._row = self._row + 1 if gains[a, b] < -GAIN else 0
            if self._row >= IN_A_ROW:
                self.pair, self._row = None, 0
            return
        a, b = (int(k) for k in np.unravel_index(int(gains.argmax()), gains.shape))
        gain = float(gains[a, b])
        found = (min(a, b), max(a, b)) if gain > GAIN and misfit - gain < gain else None
        self._row = 0 if found is None else (self._row + 1 if found == self._suspect else 1)
        self._suspect = found
        if found is not None and self._row >= IN_A_ROW:
            self.pair, self._row = (self.channels[found[0]], self.channels[found[1]]), 0

    def _gains(self, now: Array) -> tuple[Array, float]:
        """Log-likelihood for each sample: (channels, channels) gained by exchanging two, and what is lost as it is."""
        size = len(self.channels)
        ridge = RIDGE * float(np.trace(self._before)) / size * np.eye(size)
        a, c = np.linalg.inv(self._before + ridge), now + ridge
        # the change of tr(A C) when two rows, and the same columns, of C change places
        ac = a @ c.T
        own, da, dc = np.diag(ac), np.diag(a), np.diag(c)
        gain = 2.0 * (own[:, None] + own[None, :] - ac - ac.T)
        gain -= 2.0 * (da[:, None] - a) * (dc[:, None] - c)
        gain -= 2.0 * (da[None, :] - a) * (dc[None, :] - c)
        gain += (da[:, None] - da[None, :]) * (dc[:, None] - dc[None, :])
        return np.asarray(0.5 * gain), 0.5 * (float(np.trace(ac)) - size)


class SwapWatch:
    """Shows a stream to `Swaps` second by second, and says of any window whether channels were exchanged in it.

    Parameters
    ----------
    channels, rate_hz
        Of the filtered stream.
    """

    def __init__(self, channels: tuple[str, ...], rate_hz: float) -> None:
        self._swaps = Swaps(channels)
        self._size = max(1, round(rate_hz))
        self._late = round(LATE_S * rate_hz)
        self._next = self._size
        self._changes: deque[tuple[int, Pair | None]] = deque([(0, None)], maxlen=16)

    def look(self, end: int, clean: Callable[[int, int], Array | None], *, calm: bool) -> None:
        """Look at the seconds that have come.

        Parameters
        ----------
        end
            Samples received.
        clean
            Gives the filtered samples between two indices, or None where something is amiss with them.
        calm
            Nobody waits: look at once, and not only when it must be.
        """
        while end >= self._next + (0 if calm else self._late):
            second = clean(self._next - self._size, self._next)
            if second is not None:
                self._swaps.add(second)
            if self._swaps.pair != self._changes[-1][1]:
                self._changes.append((self._next + self._late, self._swaps.pair))
            self._next += self._size

    def pair(self, begin: int, end: int) -> Pair | None:
        """Channels that are exchanged in samples [begin, end), or in some of them."""
        until = end
        for since, pair in reversed(self._changes):
            if pair is not None and since < end and begin < until:
                return pair
            until = since
            if since <= begin:
                break
        return None
