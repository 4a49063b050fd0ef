"""Which results have been shown, in four bytes each: hours of a session need hardly more memory than minutes."""

from __future__ import annotations

from array import array

from wire.packets import Key

BLOCK = 256
"""Sequence numbers that stand together; they run without large holes."""
NEVER, FAR = -(1 << 31), -(1 << 31) + 1
LARGEST = 1 << 30
"""Commit and sequence number run side by side; where they differ by more, they are kept in full."""


class Seen:
    """Commit number of every result shown, and whether the publisher (and not only a `since`) brought it."""

    def __init__(self) -> None:
        self._blocks: dict[tuple[str, int, int, int], array[int]] = {}
        self._far: dict[Key, tuple[int, bool]] = {}

    def get(self, key: Key) -> tuple[int, bool] | None:
        """Commit number and whether it was published; None where it was not shown."""
        block = self._blocks.get(_place(key))
        held = NEVER if block is None else block[key.sequence % BLOCK]
        if held == NEVER:
            return None
        return self._far[key] if held == FAR else (key.sequence + (held >> 1), bool(held & 1))

    def put(self, key: Key, commit: int, published: bool) -> None:
        """Remember a result."""
        block = self._blocks.get(_place(key))
        if block is None:
            block = self._blocks[_place(key)] = array("i", [NEVER]) * BLOCK
        apart = commit - key.sequence
        if abs(apart) < LARGEST:
            block[key.sequence % BLOCK] = apart << 1 | published
        else:
            block[key.sequence % BLOCK] = FAR
            self._far[key] = commit, published


def _place(key: Key) -> tuple[str, int, int, int]:
    return key.session, key.segment, key.part, key.sequence // BLOCK
