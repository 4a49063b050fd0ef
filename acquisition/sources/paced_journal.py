"""A journal played at a pace: each chunk as recorded, when as much time has passed as had then."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from acquisition.journal_read import JournalSource
from acquisition.sources.pace import Pace
from acquisition.types import Chunk, StreamInfo
from wire.clock import now


class PacedJournal:
    """A journal, not faster than it was recorded times ``speed``. The constructor only stores.

    Parameters
    ----------
    source
        The journal.
    speed
        Times real time, above 0.
    clock, wait
        Seconds on acquisition's clock, and how to sleep: replaced in tests.
    """

    def __init__(
        self,
        source: JournalSource,
        speed: float,
        clock: Callable[[], float] = now,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.source = source
        self._pace = Pace(speed, clock, wait)
        self._next: Chunk | None = None
        self._last: Chunk | None = None
        self._first_s = 0.0
        self._channels = 0

    def open(self) -> StreamInfo:
        """The source as it was when the segment was recorded.

        Raises
        ------
        JournalError
            The file is no journal, or torn in its header.
        """
        info = self.source.open()
        self._channels = len(info.channels)
        self._next = self.source.read(0.0)
        self._first_s = self._next.arrived
        return info

    def read(self, timeout_s: float) -> Chunk:
        """The next chunk as recorded if it is due within ``timeout_s``, else an empty one; ``final`` on the last."""
        due = self._next
        if due is None:
            return self._empty(final=True)
        if not self._pace.is_due(due.arrived - self._first_s, timeout_s):
            return self._empty(final=False)
        self._last, self._next = due, None if due.final else self.source.read(0.0)
        return due

    def close(self) -> None:
        """Let go of the file."""
        self.source.close()
        self._next = None

    def _empty(self, *, final: bool) -> Chunk:
        """On the journal's clock, as all chunks of it are."""
        arrived, state = (self._first_s, "connected") if self._last is None else (self._last.arrived, self._last.state)
        return Chunk(np.empty((self._channels, 0), np.float32), np.empty(0), arrived, state=state, final=final)
