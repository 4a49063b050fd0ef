"""The dispatcher: which worker gets which window, and what became of it. A pure state machine.

Every call is given the time and returns what is to be done, in order. Windows stay here until they are answered: the
first result for a window commits it, later ones are counted and dropped. At every moment::

    sent = answered + expired + dropped + failed + in_flight

for whole windows, and likewise for their parts, whose answers are provisional: where something has to be dropped, it is
a part before a whole window, and never a whole window for a part.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
from msgspec.structs import replace

from acquisition.workers import Worker, Workers
from config.errors import InternalError
from config.settings import DispatchSettings
from wire.packets import Failure, Heartbeat, Hello, Key, Packet, Ready, Result, Window

ENDS = ("answered", "expired", "dropped", "failed")
"""What can become of a window that was sent."""


@dataclass(frozen=True)
class Send:
    """Send a packet to a worker; where it cannot be reached, call `Dispatcher.on_worker_lost`."""

    worker: bytes
    packet: Packet


@dataclass(frozen=True)
class Journal:
    """Write a packet to the journal before the actions that follow."""

    packet: Packet


@dataclass(frozen=True)
class Publish:
    """Publish a committed result and keep it for displays that join late."""

    packet: Result


Action = Send | Journal | Publish


@dataclass
class _Entry:
    """A window that is not settled yet; ``holder`` is None while it is queued, ``tried`` is who had it last."""

    window: Window
    added_s: float
    holder: bytes | None = None
    tried: bytes | None = None
    attempts: int = 0


class Dispatcher:
    """Deliver windows to workers, each settled once.

    Parameters
    ----------
    settings
        Queue, policy, limits.
    session
        Told to workers that are not known here.
    encoders
        Fingerprints of the encoders whose answers are taken.

    Attributes
    ----------
    counts
        Of whole windows ``sent``, ``answered``, ``expired``, ``dropped``, ``failed``; of all windows, and in no sum,
        ``redelivered``, ``late_results`` (for those already settled) and ``foreign`` (by another encoder, or unknown).
    commits
        Results committed so far: the running number of the last.
    """

    def __init__(self, settings: DispatchSettings, session: str, encoders: Iterable[str]) -> None:
        self.settings = settings
        self.session = session
        self.workers = Workers(settings.dead_s, set(encoders))
        self.counts = dict.fromkeys(("sent", *ENDS, "redelivered", "late_results", "foreign"), 0)
        self.commits = 0
        self._parts = dict.fromkeys(("sent", *ENDS), 0)
        self._entries: dict[Key, _Entry] = {}  # in the order they came
        self._queue: deque[Key] = deque()
        self._settled: dict[Key, None] = {}

    @property
    def in_flight(self) -> int:
        """Whole windows queued or with a worker."""
        return sum(entry.window.final for entry in self._entries.values())

    @property
    def outstanding(self) -> int:
        """Windows and parts queued or with a worker."""
        return len(self._entries)

    @property
    def part_counts(self) -> dict[str, int]:
        """Of parts: ``parts_sent``, what became of them, and ``parts_in_flight``."""
        counts = {f"parts_{name}": count for name, count in self._parts.items()}
        return {**counts, "parts_in_flight": self.outstanding - self.in_flight}

    @property
    def queued(self) -> int:
        """Windows that no worker has."""
        return len(self._queue)

    @property
    def has_room(self) -> bool:
        """Whether a window can be added without dropping one."""
        return len(self._queue) < self.settings.queue

    def admit(self, encoder: str) -> None:
        """Take answers of one more encoder from now on."""
        self.workers.encoders.add(encoder)

    def add(self, window: Window, now: float) -> list[Action]:
        """Take a window or a part in.

        With ``drop_oldest`` a full queue loses its oldest part, or its oldest window where it holds no part, and a
        queued part gives way to a later one of its window.

        Raises
        ------
        InternalError
            A window with this key was here before.
        """
        if window.key in self._entries or window.key in self._settled:
            raise InternalError(f"window {tuple(window.key)} was sent twice; this is a bug, please report it")
        actions: list[Action] = []
        self._count(window, "sent")
        self._entries[window.key] = _Entry(window, now)
        self._queue.append(window.key)
        if self.settings.policy == "drop_oldest" and len(self._queue) > 1:
            actions += self._make_room(window)
        return actions + self._assign(now)

    def on_ready(self, identity: bytes, ready: Ready, now: float) -> list[Action]:
        """Enter a worker that is warm, or one that has changed."""
        actions: list[Action] = []
        for old in self.workers.greet(identity, ready, now):
            actions += self._abandon(old, "its worker connected anew")
        return actions + self._assign(now)

    def on_heartbeat(self, identity: bytes, beat: Heartbeat, now: float) -> list[Action]:
        """Note a sign of life, or a farewell."""
        if not self.workers.hear(identity, now, beat):
            return self._hello(identity)
        if beat.state == "stopped":
            return self.on_worker_lost(identity, now)
        return self._assign(now)

    def on_result(self, identity: bytes, result: Result, now: float) -> list[Action]:
        """Commit the first result of a window, whoever sends it."""
        actions = [] if self.workers.hear(identity, now) else self._hello(identity)
        self.workers.release(identity, result.key)
        entry = self._entries.get(result.key)
        if entry is None:
            self.counts["late_results" if result.key in self._settled else "foreign"] += 1
        elif fault := self._fault(entry.window, result):
            self.counts["foreign"] += 1
            actions += self._retry(result.key, identity, fault)
        else:
            actions += self._commit(entry.window, result, now)
        return actions + self._assign(now)

    def on_failure(self, identity: bytes, failure: Failure, now: float) -> list[Action]:
        """Try a window again that a worker could not process."""
        actions = [] if self.workers.hear(identity, now) else self._hello(identity)
        self.workers.release(identity, failure.key)
        return [*actions, *self._retry(failure.key, identity, failure.reason), *self._assign(now)]

    def on_worker_lost(self, identity: bytes, now: float) -> list[Action]:
        """Give a worker's windows to others: it has left, or cannot be reached."""
        worker = self.workers.remove(identity)
        actions = [] if worker is None else self._abandon(worker, "its worker left")
        return actions + self._assign(now)

    def on_gone(self, pid: int, now: float) -> list[Action]:
        """Do so for all connections of a process that has ended."""
        actions: list[Action] = []
        for worker in self.workers.of_pid(pid):
            actions += self.on_worker_lost(worker.identity, now)
        return actions

    def tick(self, now: float) -> list[Action]:
        """Do what is due: dead workers, leases, ages."""
        actions: list[Action] = []
        for worker in self.workers.silent(now):
            worker.alive = False
            actions += self._abandon(worker, f"its worker was silent for {self.workers.dead_s:g} s")
        self.workers.forget(now)
        for worker, key in self.workers.overdue(now):
            actions += self._retry(key, worker.identity, f"no answer within {self.settings.lease_s:g} s")
        if self.settings.policy == "drop_oldest":
            actions += self._expire(now - self.settings.age_s, f"not answered within {self.settings.age_s:g} s")
        return actions + self._assign(now)

    def give_up(self, reason: str) -> list[Action]:
        """Expire everything in flight: the run ends."""
        return self._expire(float("inf"), reason)

    def _hello(self, identity: bytes) -> list[Action]:
        return [Send(identity, Hello(session=self.session))]

    def _fault(self, window: Window, result: Result) -> str:
        """Why a result is not an answer to a window of this run; empty where it is."""
        if result.encoder not in self.workers.encoders:
            return f"the answer is by encoder {result.encoder}, which is not this run's"
        if result.versions != window.versions:
            return f"the answer has {result.versions} versions, the window {window.versions}"
        if not np.isfinite(result.data).all():
            return "the answer's embedding is not finite"
        return ""

    def _make_room(self, newest: Window) -> list[Action]:
        """Drop what a later part of the same window makes useless, and one where the queue is longer than it may be."""
        stale = [key for key in self._queue if key[:3] == newest.key[:3] and key.part < newest.part]
        actions = [a for key in stale for a in self._settle(key, "dropped", "a later part of its window is here")]
        if len(self._queue) > self.settings.queue:
            parts = (key for key in self._queue if not self._entries[key].window.final)
            actions += self._settle(next(parts, self._queue[0]), "dropped", "the queue is full")
        return actions

    def _count(self, window: Window, what: str) -> None:
        (self.counts if window.final else self._parts)[what] += 1

    def _commit(self, window: Window, result: Result, now: float) -> list[Action]:
        self.commits += 1
        committed = replace(
            result,
            commit=self.commits,
            stamps=replace(result.stamps, committed=now),
            # what was shown, and when, is known here; a worker has no say in it
            stimulus=window.stimulus,
            onset_s=window.onset_s,
            final=window.final,
            simulated=window.simulated or result.simulated,
        )
        self._remove(window.key, "answered")
        return [Journal(committed), Publish(committed)]

    def _settle(self, key: Key, end: str, reason: str) -> list[Action]:
        """End a window without an answer; the journal says how."""
        entry = self._remove(key, end)
        window = entry.window
        return [Journal(Failure(**window.key._asdict(), worker="", reason=f"{end}: {reason}"))]

    def _remove(self, key: Key, end: str) -> _Entry:
        entry = self._entries.pop(key)
        if entry.holder is None:
            self._queue.remove(key)
        self._count(entry.window, end)
        self._settled[key] = None
        if len(self._settled) > self.settings.history:
            del self._settled[next(iter(self._settled))]
        return entry

    def _abandon(self, worker: Worker, reason: str) -> list[Action]:
        """Take everything back from a worker."""
        keys = list(worker.held)
        worker.held.clear()
        return [action for key in keys for action in self._retry(key, worker.identity, reason)]

    def _retry(self, key: Key, holder: bytes, reason: str) -> list[Action]:
        """Queue a window again, in its old place, unless somebody else has it or it was tried often enough."""
        entry = self._entries.get(key)
        if entry is None or entry.holder != holder:
            return []
        if entry.attempts >= self.settings.attempts:
            return self._settle(key, "failed", f"{entry.attempts} attempts, the last: {reason}")
        entry.holder = None
        self._queue = deque(k for k, e in self._entries.items() if e.holder is None)
        self.counts["redelivered"] += 1
        return []

    def _expire(self, before_s: float, reason: str) -> list[Action]:
        old = [key for key, _ in takewhile(lambda item: item[1].added_s <= before_s, self._entries.items())]
        return [action for key in old for action in self._settle(key, "expired", reason)]

    def _assign(self, now: float) -> list[Action]:
        """Hand queued windows to workers with credit."""
        actions: list[Action] = []
        while self._queue:
            key = self._queue[0]
            entry = self._entries[key]
            worker = self.workers.pick(avoid=entry.tried)
            if worker is None:
                break
            self._queue.popleft()
            entry.holder = entry.tried = worker.identity
            entry.attempts += 1
            worker.held[key] = now + self.settings.lease_s
            worker.served_s = now
            stamps = replace(entry.window.stamps, sent=now)
            actions.append(Send(worker.identity, replace(entry.window, stamps=stamps)))
        return actions
