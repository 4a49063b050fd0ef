"""When the next chunk of something that is played is due, by absolute deadline."""

from __future__ import annotations

import time
from collections.abc import Callable

from wire.clock import now


class Pace:
    """Plays at ``speed`` times real time; 0: as fast as it goes.

    Parameters
    ----------
    speed
        Times real time.
    clock, wait
        Seconds on acquisition's clock, and how to sleep: replaced in tests.

    Attributes
    ----------
    start_s
        When playing began, acquisition's clock.
    """

    def __init__(
        self, speed: float, clock: Callable[[], float] = now, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self.speed = speed
        self.clock = clock
        self._wait = wait
        self._start_s: float | None = None

    @property
    def start_s(self) -> float:
        """Set when first asked for."""
        if self._start_s is None:
            self._start_s = self.clock()
        return self._start_s

    def is_due(self, played_s: float, timeout_s: float) -> bool:
        """Whether what ends ``played_s`` seconds into the signal is due within ``timeout_s``; waits until then."""
        if self.speed == 0:
            return True
        left = self.start_s + played_s / self.speed - self.clock()
        if left > 0:
            self._wait(min(left, max(0.0, timeout_s)))
        return left <= timeout_s
