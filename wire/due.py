"""When to be warm: a little before the next window is due. Workers warm up then, and the others rehearse."""

from __future__ import annotations

import heapq

LIMIT = 256
"""Due times held; later ones are let go, since a worker that far behind is warm anyway."""
STALE_S = 0.02
MEMORY = 0.8
"""Share of the old estimate that a new duration leaves standing."""
WIDE = 2.0
"""Mean deviations that a warm-up begins early by: a window must not have to wait for the end of one that takes long."""


class WarmUps:
    """Due times, earliest first. A cold encoder is two to three times slower than a hot one, and cools between windows.

    Parameters
    ----------
    took_s
        How long a warm-up takes, to begin with; `took` keeps it true.
    margin_s
        A warm-up is planned to end this long before the window is due; after that where negative.
    """

    def __init__(self, took_s: float, margin_s: float = 0.0) -> None:
        self._took_s = took_s
        self._off_s = 0.0
        self._margin_s = margin_s
        self._due: list[float] = []

    @property
    def lead_s(self) -> float:
        """How long before a window is due its warm-up begins."""
        return self._took_s + WIDE * self._off_s + self._margin_s

    def took(self, seconds: float) -> None:
        """A warm-up took so long."""
        self._off_s = MEMORY * self._off_s + (1 - MEMORY) * abs(seconds - self._took_s)
        self._took_s = MEMORY * self._took_s + (1 - MEMORY) * seconds

    def add(self, due_s: float) -> None:
        """A window is expected at ``due_s``."""
        if len(self._due) < LIMIT:
            heapq.heappush(self._due, due_s)

    def wait_s(self, now: float) -> float | None:
        """Seconds until the next warm-up, 0 where it is time, None where nothing is expected."""
        return max(0.0, self._due[0] - self.lead_s - now) if self._due else None

    def take(self, now: float) -> bool:
        """Whether it is time to warm up; times that have passed go, and so do those that this warm-up serves."""
        time_to_warm = False
        while self._due and self._due[0] - self.lead_s <= now:
            # for a window that should be here already it is too late
            time_to_warm |= heapq.heappop(self._due) > now - STALE_S
        return time_to_warm
