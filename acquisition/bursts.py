"""When a sample will arrive: streams come in bursts, a Muse's every 47 ms. Pure."""

from __future__ import annotations

import math
from collections import deque
from functools import reduce

MEMORY = 32
"""Latest chunks that the size of a burst is told from."""


class Bursts:
    """Arrivals of a stream that sends its samples several at a time.

    Parameters
    ----------
    rate_hz
        Sampling rate.

    Attributes
    ----------
    stamp
        Of the latest sample, seconds.
    """

    def __init__(self, rate_hz: float) -> None:
        self.rate_hz = rate_hz
        self._counts: deque[int] = deque(maxlen=MEMORY)
        self.stamp = self._arrived = 0.0

    @property
    def size(self) -> int:
        """Samples of a burst: the largest number that the latest chunks are multiples of, 1 where there is none."""
        return max(1, reduce(math.gcd, self._counts, 0))

    @property
    def length_s(self) -> float:
        """Of a burst, seconds."""
        return self.size / self.rate_hz

    def add(self, count: int, stamp: float, arrived: float) -> None:
        """A chunk has come.

        Parameters
        ----------
        count
            Its samples, 1 or more.
        stamp
            Of its last sample, seconds.
        arrived
            When it was received, seconds on the same clock.
        """
        self._counts.append(count)
        self.stamp, self._arrived = stamp, arrived

    def arrival(self, stamp: float) -> float:
        """When the sample with this stamp arrives, with the burst that holds it, if the stream goes on as it did."""
        samples = (stamp - self.stamp) * self.rate_hz
        # half a sample of grace: stamps are never quite on their place
        bursts = math.ceil((samples - 0.5) / self.size)
        return self._arrived + bursts * self.length_s
