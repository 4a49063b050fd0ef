"""How the states of a run went on, as a display sees it: what statuses tell, and their absence. Pure."""

from __future__ import annotations

from collections import deque

from wire.packets import State, Status
from wire.states import RECOVERED_S, Change, Changes

STALLED_S, LOST_S = 0.75, 2.0
"""Silence of acquisition, which tells its status every 250 ms, after which it is called stalled, then lost."""
KEPT = 1000
"""Changes kept; the oldest go first."""


class Turns:
    """Every change of state, in order.

    Attributes
    ----------
    count
        Changes so far, those no longer kept included.
    kept
        The latest of them.
    heard_s
        When a status was last heard, acquisition's clock; None before the first.
    """

    def __init__(self) -> None:
        self.count = 0
        self.kept: deque[Change] = deque(maxlen=KEPT)
        self.heard_s: float | None = None
        self._changes = Changes()
        self._last: Status | None = None
        self._silent: State | None = None
        self._back_s = float("-inf")

    def hear(self, status: Status, at_s: float) -> None:
        """Take a status of acquisition in."""
        if self.heard_s is not None:
            self.watch(at_s)
        changes = self._changes.update(status)
        if self._silent in ("stalled", "lost") and not any(change.role == "acquisition" for change in changes):
            self._add(Change(at_s, "acquisition", status.name, status.state, status.message))
        if self._silent == "lost":
            self._back_s = at_s
        self._silent, self.heard_s, self._last = None, at_s, status
        for change in changes:
            self._add(change)

    def watch(self, at_s: float) -> None:
        """Look whether acquisition has fallen silent."""
        state = self.silence(at_s)
        if state is not None and state != self._silent:
            self._silent = state
            self._add(Change(at_s, "acquisition", "acquisition", state, self.silence_words(at_s)))

    def excuse(self, seconds: float) -> None:
        """The display itself was held up for so long: what it could not hear in that time is nobody's silence."""
        if self.heard_s is not None:
            self.heard_s += seconds

    def since(self, count: int) -> list[Change]:
        """Changes after the first ``count`` ones, as far as they are kept."""
        new = min(self.count - count, len(self.kept))
        return list(self.kept)[len(self.kept) - new :]

    def silence(self, at_s: float) -> State | None:
        """What acquisition's silence amounts to; None while it is heard, and after its last word."""
        if self.heard_s is None:
            return "waiting"
        if self._last is not None and self._last.last:
            return None
        age_s = at_s - self.heard_s
        return "lost" if age_s > LOST_S else "stalled" if age_s > STALLED_S else None

    def silence_words(self, at_s: float) -> str:
        """The same for people."""
        return "not heard yet" if self.heard_s is None else f"not heard for {at_s - self.heard_s:.1f} s"

    def own(self, at_s: float, missing: int) -> tuple[State, str]:
        """State of the display itself, for its heartbeat.

        Parameters
        ----------
        at_s
            Now.
        missing
            Results that it lacks and cannot get any more.
        """
        silent = self.silence(at_s)
        if silent is not None:
            return silent, f"acquisition is {self.silence_words(at_s)}"
        if at_s - self._back_s < RECOVERED_S:
            return "recovered", "acquisition is heard again"
        if missing:
            return "degraded", "results are missing here that are not to be had any more"
        return "connected", ""

    def _add(self, change: Change) -> None:
        self.count += 1
        self.kept.append(change)
