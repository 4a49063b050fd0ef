"""Which block of the plan a stimulus belongs to, by its running number, also where markers were lost. Pure."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence

FURTHEST = 400
"""Stimuli that may have been lost at once."""
SURE = 4096
"""A place is believed once so many orders of labels would have been possible."""


class Order:
    """Place of each stimulus in the plan.

    Acquisition numbers stimuli from 0 in each of its segments. Where their labels stop agreeing with the plan's, some
    were lost, or a block is shown again from its beginning: the nearest place that agrees is taken, later ones first.

    Parameters
    ----------
    labels
        Every stimulus of the plan, in order, without catch trials.
    blocks
        Block of each.

    Attributes
    ----------
    again
        Set by `place` where a block is found to be shown again: (segment, sequence) of its first stimulus now.
    """

    def __init__(self, labels: Sequence[str], blocks: Sequence[int]) -> None:
        self.labels, self.blocks = tuple(labels), tuple(blocks)
        self.again: tuple[int, int] | None = None
        distinct = max(2, len(set(labels)))
        self._need = max(3, math.ceil(math.log(SURE) / math.log(distinct)))
        self._recent: deque[tuple[int, str]] = deque(maxlen=self._need)
        self._segment, self._shift, self._next = -1, 0, 0

    def place(self, segment: int, sequence: int, label: str) -> tuple[int, bool]:
        """Block of a stimulus, and whether it surely is the last of its block."""
        self.again = None
        if segment != self._segment:
            self._segment, self._shift = segment, self._next
            self._recent.clear()
        self._recent.append((sequence, label))
        if not self._agrees(self._shift, 1):
            self._find(segment)
        at = min(max(sequence + self._shift, 0), len(self.labels) - 1)
        self._next = at + 1
        ends = at + 1 == len(self.labels) or self.blocks[at + 1] > self.blocks[at]
        return self.blocks[at], ends and self._agrees(self._shift, min(3, len(self._recent)))

    def share(self, block: int) -> float:
        """Share of a block that has been passed."""
        mine = [k for k, one in enumerate(self.blocks) if one == block]
        return sum(k < self._next for k in mine) / len(mine) if mine else 1.0

    def _find(self, segment: int) -> None:
        """Another place at which all recent labels agree, where there are enough of them."""
        if len(self._recent) < self._need:
            return
        old = self._shift
        later = (one for one in range(old + 1, old + FURTHEST) if self._agrees(one, self._need))
        earlier = (one for one in range(old - 1, old - FURTHEST, -1) if self._agrees(one, self._need))
        self._shift = next(later, next(earlier, old))
        if self._shift < old:
            newest = self._recent[-1][0] + self._shift
            first = self.blocks.index(self.blocks[newest])
            self.again = segment, first - self._shift

    def _agrees(self, shift: int, count: int) -> bool:
        newest = list(self._recent)[-count:]
        places = [(sequence + shift, label) for sequence, label in newest]
        return all(0 <= at < len(self.labels) and self.labels[at] == label for at, label in places)
