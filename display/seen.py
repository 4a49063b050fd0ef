"""Which results have been shown, in two bytes each: hours of a session need hardly more memory than minutes."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field

from wire.packets import Key

BLOCK = 1024
"""Sequence numbers that stand together; they run without large holes."""
NEVER, FAR = -(1 << 15), -(1 << 15) + 1
LARGEST = 1 << 13
"""Commit and sequence number run side by side; where they part by more within a block, they are kept in full."""


@dataclass
class _Block:
    """Of each of ``BLOCK`` sequence numbers, how its commit lies to the first one's, and whether it was published."""

    apart: int
    held: array[int] = field(default_factory=lambda: array("h", [NEVER]) * BLOCK)


class Seen:
    """Commit number of every result shown, and whether the publisher (and not only a `since`) brought it."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[str, int, int, int], _Block] = {}
        self._far: dict[Key, tuple[int, bool]] = {}

    def get(self, key: Key) -> tuple[int, bool] | None:
        """Commit number and whether it was published; None where it was not shown."""
        block = self._blocks.get(_place(key))
        held = NEVER if block is None else block.held[key.sequence % BLOCK]
        if block is None or held == NEVER:
            return None
        return self._far[key] if held == FAR else (key.sequence + block.apart + (held >> 1), bool(held & 1))

    def put(self, key: Key, commit: int, published: bool) -> None:
        """Remember a result."""
        apart = commit - key.sequence
        block = self._blocks.get(_place(key))
        if block is None:
            block = self._blocks[_place(key)] = _Block(apart)
        if abs(apart - block.apart) < LARGEST:
            block.held[key.sequence % BLOCK] = (apart - block.apart) << 1 | published
        else:
            block.held[key.sequence % BLOCK] = FAR
            self._far[key] = commit, published


def _place(key: Key) -> tuple[str, int, int, int]:
    return key.session, key.segment, key.part, key.sequence // BLOCK
