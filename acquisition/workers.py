"""The table of workers: who is alive, who holds what, who gets the next window. Pure; the clock is the caller's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from wire.packets import Heartbeat, Key, PeerState, Ready, State

FORGET_S = 10.0
"""A worker silent for this long is no longer listed."""
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
    """

    identity: bytes
    ready: Ready
    heard_s: float
    alive: bool = True
    state: State = "connected"
    counters: dict[str, int] = field(default_factory=dict)
    held: dict[Key, float] = field(default_factory=dict)
    served_s: float = float("-inf")

    @property
    def room(self) -> int:
        """Windows that it may still be sent."""
        return min(self.ready.credit, MAX_CREDIT) - len(self.held)


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
            self._table[identity] = Worker(identity, ready, now)
        else:
            known.ready, known.heard_s, known.alive, known.state = ready, now, True, "connected"
        return old

    def hear(self, identity: bytes, now: float, beat: Heartbeat | None = None) -> bool:
        """Note a sign of life; False where the sender is unknown."""
        worker = self._table.get(identity)
        if worker is None:
            return False
        worker.heard_s = now
        if not worker.alive:
            worker.alive, worker.state = True, "recovered"
        if beat is not None:
            worker.state, worker.counters = beat.state, beat.counters
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
        """Take a worker out."""
        return self._table.pop(identity, None)

    def forget(self, now: float) -> None:
        """Take out the dead who have been silent for long."""
        for worker in self:
            if not worker.alive and now - worker.heard_s > FORGET_S:
                del self._table[worker.identity]

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
        """The table as a status shows it."""
        return tuple(
            PeerState(
                role="inference",
                name=w.ready.worker,
                pid=w.ready.pid,
                state=w.state if w.alive else "lost",
                age_s=max(0.0, now - w.heard_s),
                counters={**w.counters, "held": len(w.held)},
            )
            for w in self
        )
