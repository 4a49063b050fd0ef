"""How much of earlier sessions is learned from, chosen by what it was worth on the blocks so far. Pure.

Every block is scored by a decoder for each share of the earlier windows, all of them trained on what came before that
block. Whoever did best on the last blocks decodes the next one: prequential choice [1]_, which sees no window of the
block that it decides for.

References
----------
.. [1] Dawid (1984), Statistical theory: the prequential approach, Journal of the Royal Statistical Society A 147 (2).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from training.calibration.scores import Area

SHARES = (1.0, 0.25, 0.0)
"""Shares of earlier windows that are tried."""
LAST_TRIALS = 120
"""Scored trials that are looked back on: what was right with few windows need not be so with many."""
FEWEST_TRIALS = 40
"""Before so many are scored, all earlier windows are taken."""
ERRORS = 1.0
"""Standard errors of an AUC by which less of the earlier windows must be better to be taken."""


Row = tuple[Area | None, ...]


@dataclass(frozen=True)
class Rivals:
    """Scores of the shares.

    Attributes
    ----------
    areas
        By share, the area of each block so far; None where its decoder could not be fitted.
    """

    areas: Mapping[float, Row] = field(default_factory=lambda: dict.fromkeys(SHARES, ()))

    def after(self, found: Mapping[float, Area | None]) -> Rivals:
        """With one more block; unchanged where nobody scored it."""
        if not any(found.values()):
            return self
        return replace(self, areas={share: (*self.areas[share], found[share]) for share in SHARES})

    @property
    def best(self) -> float:
        """Share that the next decoder learns from."""
        rows = self._last()
        if sum(map(_trials, rows)) < FEWEST_TRIALS:
            return SHARES[0]
        chosen, (most, error) = SHARES[0], _pooled(rows, 0)
        for place, share in enumerate(SHARES[1:], 1):
            value, _ = _pooled(rows, place)
            if value > most + ERRORS * error:
                chosen, most = share, value
        return chosen

    def beside(self) -> tuple[float, float, int] | None:
        """AUC with and without earlier windows, on the trials that both scored, and how many these are; None: none."""
        both = [(a, b) for a, b in zip(self.areas[SHARES[0]], self.areas[SHARES[-1]], strict=True) if a and b]
        n = sum(a.trials for a, _ in both)
        if not n:
            return None
        return sum(a.value * a.trials for a, _ in both) / n, sum(b.value * a.trials for a, b in both) / n, n

    def _last(self) -> list[Row]:
        """Areas of all shares of the last blocks, back to `LAST_TRIALS`."""
        found: list[Row] = []
        for row in reversed(list(zip(*(self.areas[share] for share in SHARES), strict=True))):
            found.append(row)
            if sum(map(_trials, found)) >= LAST_TRIALS:
                break
        return found


def _trials(row: Row) -> int:
    return max(one.trials for one in row if one)


def _pooled(rows: list[Row], place: int) -> tuple[float, float]:
    """Mean area of a share, and its standard error; who cannot say anything guesses."""
    found = [(row[place] or Area(0.5, 0.0, 0), _trials(row)) for row in rows]
    n = sum(trials for _, trials in found)
    value = sum(one.value * trials for one, trials in found) / n
    return value, math.sqrt(sum(one.variance * trials**2 for one, trials in found)) / n
