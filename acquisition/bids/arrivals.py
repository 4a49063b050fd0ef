"""When samples arrived, to a twentieth of a second: what people mean who say "just now"."""

from __future__ import annotations

from bisect import bisect_left

STEP_S = 0.05
MOST = 80_000
"""An hour and more: no stretch can be marked that began longer ago."""


class Arrivals:
    """Moments at which samples arrived, on acquisition's clock, in order."""

    def __init__(self) -> None:
        self._moments: list[float] = []
        self._numbers: list[int] = []

    def add(self, arrived: float, number: int) -> None:
        """A chunk has come whose first sample has this running number."""
        if self._moments and arrived - self._moments[-1] < STEP_S:
            return
        self._moments.append(arrived)
        self._numbers.append(number)
        if len(self._moments) > 2 * MOST:
            del self._moments[:MOST], self._numbers[:MOST]

    def since(self, moment: float, following: int) -> int:
        """Running number of the first sample that arrived at a moment or later; ``following`` where none did."""
        place = bisect_left(self._moments, moment)
        return self._numbers[place] if place < len(self._numbers) else following
