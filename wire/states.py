"""Changes of state of everybody in a run, found by comparing each status with the one before. Pure.

What the states mean, for whom, and who sets them is the table *States* of ``PROTOCOL.md``.
"""

from __future__ import annotations

from dataclasses import dataclass

from wire.packets import State, Status

RECOVERED_S = 3.0
"""``recovered`` is told for so long, so that people see it, unless something else happens."""
Who = tuple[str, str, int]
"""Role, name and process id: a process that is started again is another one."""


@dataclass(frozen=True)
class Change:
    """Somebody came into another state, or another reason of it.

    Attributes
    ----------
    time_s
        On acquisition's clock.
    role, name
        ``source``, ``acquisition``, ``inference`` or ``display``, and which.
    state, message
        As told.
    """

    time_s: float
    role: str
    name: str
    state: State
    message: str = ""

    @property
    def words(self) -> str:
        """As a line."""
        return f"{self.name}: {self.state}" + (f": {self.message}" if self.message else "")


class Changes:
    """What is new in each status. Who is no longer in it is forgotten: the last that was told of them holds."""

    def __init__(self) -> None:
        self._last: dict[Who, tuple[State, str]] = {}

    def update(self, status: Status) -> list[Change]:
        """Changes since the status before, the publisher's own first."""
        told = _told(status)
        found = [
            Change(status.time_s, who[0], who[1], state, message)
            for who, (state, message) in told.items()
            if self._last.get(who) != (state, message)
        ]
        self._last = told
        return found


def _told(status: Status) -> dict[Who, tuple[State, str]]:
    told: dict[Who, tuple[State, str]] = {
        (status.role, status.name, status.pid): (status.state, status.message),
    }
    told.update({(peer.role, peer.name, peer.pid): (peer.state, peer.message) for peer in status.peers})
    return told
