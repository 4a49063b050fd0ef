"""The broker's own part in being warm: processors awake while a window is due, and the way out gone through before."""

from __future__ import annotations

from wire import tuning
from wire.codec import decode, encode
from wire.due import WarmUps
from wire.packets import Due, Result, Window

AWAKE_S = 0.02
"""Processors may sleep so long after the samples of a window were due, once it is answered."""
REHEARSAL_S = 0.0015
"""A rehearsal begins so long before the samples of a window arrive."""


class Readiness:
    """What is due, and the packets that were last written, to be written once more for nothing but a warm cache.

    Attributes
    ----------
    awake
        Keeps the processors awake, once it is open.
    window, result
        The last of each; None before there is one.
    """

    def __init__(self) -> None:
        self.awake = tuning.Awake()
        self.window: Window | None = None
        self.result: Result | None = None
        self._due = WarmUps(REHEARSAL_S)
        self._awake_until = 0.0

    def expect(self, due: Due) -> None:
        """A window will be complete."""
        self._due.add(due.due_s)
        self._awake_until = max(self._awake_until, due.due_s + AWAKE_S)
        self.awake.hold()

    def wait_s(self, now: float) -> float | None:
        """Seconds until the next rehearsal, None where nothing is due."""
        return self._due.wait_s(now)

    def rehearse_window(self, now: float) -> bool:
        """Where a window is about to come, write the last one once more; whether it is."""
        if not self._due.take(now):
            return False
        if self.window is not None:
            encode(self.window)
        return True

    def rehearse_result(self) -> None:
        """A result is about to come: write and read the last one once more."""
        if self.result is not None:
            decode(encode(self.result))

    def relax(self, now: float) -> None:
        """Nothing is outstanding: the processors may sleep, unless something is due."""
        if self.awake.held and now > self._awake_until:
            self.awake.rest()
