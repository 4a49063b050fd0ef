"""The table of workers: who is alive, who holds what, who gets the next window. Pure; the clock is the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec.structs import replace

from wire.packets import Heartbeat, Key, PeerState, Ready, State
from wire.states import RECOVERED_S

FORGET_S = 10.0
"""A worker silent for this long is no longer listed."""
LEFT = {"stopped": "it said farewell", "lost": "it has ended, or cannot be reached"}
MAX_CREDIT = 256
"""Largest credit granted, so that what a worker is sent always fits into its socket's queue."""


@dataclass
class Worker:
    """One connection of a worker.

    Attributes
    ----------
    identity
        Routing frame of its socket.
    ready
        What it said when it became warm.
    heard_s
        When it was last heard.
    alive
        False once it has been silent for too long; hearing it again revives it.
    held
        Windows sent to it and not heard of since, with the end of each lease.
    served_s
        When it was last given a window.
    back_s
        When it was heard again after a silence, or came in place of one that was lost.
    """

    identity: bytes
    ready: Ready
    heard_s: float
    alive: bool = True
    state: State = "connected"
    message: str = ""
    counters: dict[str, int] = field(default_factory=dict)
    held: dict[Key, float] = field(default_factory=dict)
    served_s: float = float("-inf")
    back_s: float = float("-inf")

    @property
    def room(self) -> int:
        """Windows that it may still be sent."""
        return min(self.ready.credit, MAX_CREDIT) - len(self.held)

    def peer(self, now: float, dead_s: float) -> PeerState:
        """As a status shows it: its own word counts while it is heard."""
        age_s = max(0.0, now - self.heard_s)
        state, message = self.state, self.message
        if not self.alive:
            state, message = "lost", f"silent for longer than {dead_s:g} s"
        elif age_s > dead_s / 2:
            state, message = "stalled", "silent; it is waited for"
        elif state == "connected" and now - self.back_s < RECOVERED_S:
            state, message = "recovered", "heard again"
        return PeerState(
            role="inference",
            name=self.ready.worker,
            pid=self.ready.pid,
            state=state,
            message=message,
            age_s=age_s,
            counters={**self.counters, "held": len(self.held)},
        )


class Workers:
    """Every worker that has said READY, by the identity of its socket.

    Parameters
    ----------
    dead_s
        Silence after which a worker is dead, seconds.
    encoders
        Fingerprints of encoders whose workers may be given windows.
    """

    def __init__(self, dead_s: float, encoders: set[str]) -> None:
        self.dead_s = dead_s
        self.encoders = encoders
        self._table: dict[bytes, Worker] = {}
        self._left: dict[str, tuple[PeerState, float]] = {}

    def __iter__(self) -> Iterator[Worker]:
        return iter(list(self._table.values()))

    def __contains__(self, identity: bytes) -> bool:
        return identity in self._table

    def greet(self, identity: bytes, ready: Ready, now: float) -> list[Worker]:
        """Enter a worker; the connections of the same process that it replaces are returned, taken out."""
        me = (ready.pid, ready.worker)
        old = [w for w in self if (w.ready.pid, w.ready.worker) == me and w.identity != identity]
        for worker in old:
            del self._table[worker.identity]
        known = self._table.get(identity)
        if known is None:
            known = self._table[identity] = Worker(identity, ready, now)
        else:
            known.ready, known.heard_s, known.alive, known.state = ready, now, True, "connected"
        before, _ = self._left.pop(ready.worker, (None, 0.0))
        if before is not None and before.state == "lost":
            known.back_s = now
        return old

    def hear(self, identity: bytes, now: float, beat: Heartbeat | None = None) -> bool:
        """Note a sign of life; False where the sender is unknown."""
        worker = self._table.get(identity)
        if worker is None:
            return False
        worker.heard_s = now
        if not worker.alive:
            worker.alive, worker.back_s = True, now
        if beat is not None:
            worker.state, worker.message, worker.counters = beat.state, beat.message, beat.counters
        return True

    def release(self, identity: bytes, key: Key) -> None:
        """A worker no longer holds a window."""
        worker = self._table.get(identity)
        if worker is not None:
            worker.held.pop(key, None)

    def silent(self, now: float) -> list[Worker]:
        """Workers that have just been silent for too long."""
        return [w for w in self if w.alive and now - w.heard_s > self.dead_s]

    def of_pid(self, pid: int) -> list[Worker]:
        """Connections of a process."""
        return [w for w in self if w.ready.pid == pid]

    def remove(self, identity: bytes) -> Worker | None:
        """Take out a worker that has said farewell, or is gone without; it is listed as such for a while."""
        worker = self._table.pop(identity, None)
        if worker is not None:
            state: State = "stopped" if worker.state == "stopped" else "lost"
            told = worker.peer(worker.heard_s, self.dead_s)
            gone = replace(told, state=state, message=LEFT[state], counters={**told.counters, "held": 0})
            self._left[worker.ready.worker] = gone, worker.heard_s
        return worker

    def forget(self, now: float) -> None:
        """Take out the dead who have been silent for long, and those who left long ago."""
        for worker in self:
            if not worker.alive and now - worker.heard_s > FORGET_S:
                del self._table[worker.identity]
        if self._left:
            self._left = {name: left for name, left in self._left.items() if now - left[1] <= FORGET_S}

    def overdue(self, now: float) -> list[tuple[Worker, Key]]:
        """Windows whose lease has run out, taken back from those who held them."""
        found = [(w, key) for w in self for key, ends in w.held.items() if ends <= now]
        for worker, key in found:
            del worker.held[key]
        return found

    def usable(self) -> list[Worker]:
        """Living workers with an encoder of this run; warm spares only while there is no other."""
        living = [w for w in self if w.alive and w.state != "stopped" and w.ready.encoder in self.encoders]
        return [w for w in living if not w.ready.spare] or living

    def pick(self, avoid: bytes | None = None) -> Worker | None:
        """Who gets the next window: the least loaded, then who has waited longest; ``avoid`` only if alone."""
        free = [w for w in self.usable() if w.room > 0]
        return min(free, key=lambda w: (w.identity == avoid, len(w.held), w.served_s), default=None)

    def foreign(self) -> list[Worker]:
        """Living workers whose encoder is not this run's."""
        return [w for w in self if w.alive and w.ready.encoder not in self.encoders]

    def peers(self, now: float) -> tuple[PeerState, ...]:
        """The table as a status shows it, and who has just left."""
        here = tuple(worker.peer(now, self.dead_s) for worker in self)
        return here + tuple(replace(peer, age_s=max(0.0, now - heard)) for peer, heard in self._left.values())
