"""Committed results, kept encoded for displays that join late or missed something."""

from __future__ import annotations

from collections import deque
from itertools import islice

from wire.codec import Frame


class History:
    """The last results, by commit number.

    Parameters
    ----------
    limit
        How many are kept; the oldest go first.

    Attributes
    ----------
    next
        Commit number that comes next.
    """

    def __init__(self, limit: int) -> None:
        self._held: deque[list[Frame]] = deque(maxlen=limit)
        self.next = 1

    def __len__(self) -> int:
        return len(self._held)

    def add(self, frames: list[Frame]) -> None:
        """Keep the frames of the next committed result."""
        self._held.append(frames)
        self.next += 1

    def since(self, commit: int) -> list[list[Frame]]:
        """Frames of the results from a commit number on, as far as they are still held."""
        first = self.next - len(self._held)
        return list(islice(self._held, min(max(0, commit - first), len(self._held)), None))
