"""What is amiss in a run that works: the reasons for ``degraded``. Pure; the clock is the caller's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from wire.packets import PeerState

HOLD_S = 5.0
"""A run is degraded for so long after the last window that was not answered."""
UNRECORDED = "nothing is recorded (session.journal is false)"
_ENDS = {
    "expired": "windows expire unanswered (dispatch.age_s): more workers, or a faster encoder, would keep up",
    "dropped": "windows are dropped from a full queue (dispatch.queue): more workers would keep up",
    "failed": "windows fail in the workers; see the session's log",
}


class Ailments:
    """Judge a run by its counters and its workers.

    Parameters
    ----------
    recorded
        Whether it has a journal.
    """

    def __init__(self, *, recorded: bool) -> None:
        self.recorded = recorded
        self._counts = dict.fromkeys(_ENDS, 0)
        self._rose_s = dict.fromkeys(_ENDS, float("-inf"))

    def update(
        self, counters: Mapping[str, int], workers: Sequence[PeerState], now: float, others: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """What is amiss now, in words, the gravest first; empty where all is well.

        Parameters
        ----------
        counters
            Of whole windows: ``expired``, ``dropped`` and ``failed`` are looked at.
        workers
            As a status shows them.
        now
            Acquisition's clock.
        others
            What others found amiss, such as a disk that is nearly full.
        """
        found = [*others]
        for end, words in _ENDS.items():
            count = counters.get(end, 0)
            if count > self._counts[end]:
                self._rose_s[end] = now
            self._counts[end] = count
            if now - self._rose_s[end] < HOLD_S:
                found.append(words)
        for worker in workers:
            if worker.state == "degraded":
                found.append(f"{worker.name} goes on with something missing: {worker.message or 'see its log'}")
        if not self.recorded:
            found.append(UNRECORDED)
        return tuple(found)
