"""A worker's line to the dispatcher: says READY, beats, sends results, and notices when nobody answers."""

from __future__ import annotations

from collections import Counter, deque

import zmq

from config.errors import WireError
from wire import sockets
from wire.packets import Heartbeat, Packet, Ready, State
from wire.states import RECOVERED_S

Socket = zmq.Socket[bytes]


class Link:
    """Bookkeeping around the DEALER. Times are seconds on the shared clock, given by the caller.

    Parameters
    ----------
    socket
        Connected to ``work``.
    name, pid
        Of the worker.
    beat_s
        Between heartbeats.
    dead_s
        A dispatcher silent for this long is taken for dead, and told READY again when it returns.
    """

    def __init__(self, socket: Socket, name: str, pid: int, beat_s: float, dead_s: float) -> None:
        self.socket = socket
        self.name = name
        self.pid = pid
        self.beat_s = beat_s
        self.dead_s = dead_s
        self.state: State = "waiting"
        self.message = ""
        self.counters: Counter[str] = Counter(malformed=0)
        self._outbox: deque[Packet] = deque()
        self._ready: Ready | None = None
        self._announced = False
        self._heard_s: float | None = None
        self._back_s = float("-inf")
        self._next_beat_s = float("-inf")

    def announce(self, ready: Ready) -> None:
        """Say READY, now or as soon as somebody is there, and again whenever needed."""
        self._ready = ready
        self._announced = False

    def greet(self) -> None:
        """Say the same READY again."""
        self._announced = False

    def post(self, packet: Packet) -> None:
        """Send a packet, after those that still wait."""
        self._outbox.append(packet)

    def receive(self, now: float) -> list[Packet]:
        """All messages that wait; malformed ones are counted and dropped."""
        packets: list[Packet] = []
        while True:
            try:
                message = sockets.receive(self.socket)
            except WireError:
                self.counters["malformed"] += 1
                continue
            if message is None:
                break
            packets.append(message[1])
        if packets:
            self._hear(now)
        return packets

    @property
    def idle(self) -> bool:
        """Whether everything posted was sent."""
        return not self._outbox

    def tend(self, now: float) -> None:
        """Send what waits, and a heartbeat when it is time."""
        if self._heard_s is not None and now - self._heard_s > self.dead_s:
            self._heard_s = None
            self.turn("lost", "acquisition is silent")
        if self.state == "recovered" and now - self._back_s >= RECOVERED_S:
            self.turn("connected")
        if self._ready is not None and not self._announced:
            self._announced = sockets.send(self.socket, self._ready)
        # nothing before READY: the dispatcher would not know whose it is
        while self._announced and self._outbox and sockets.send(self.socket, self._outbox[0]):
            self._outbox.popleft()
        if now >= self._next_beat_s:
            self.beat(now)

    def turn(self, state: State, message: str = "") -> None:
        """Come into another state, which the next heartbeat tells."""
        self.state, self.message = state, message

    def beat(self, now: float) -> None:
        """A heartbeat, at once."""
        self._next_beat_s = now + self.beat_s
        beat = Heartbeat(
            role="inference",
            name=self.name,
            pid=self.pid,
            state=self.state,
            message=self.message,
            time_s=now,
            counters=dict(self.counters),
        )
        sockets.send(self.socket, beat)

    def wait_s(self, now: float) -> float:
        """Seconds until the next heartbeat."""
        return max(0.0, self._next_beat_s - now)

    def _hear(self, now: float) -> None:
        if self._heard_s is None:
            # back after a silence: whoever it is may not know us
            if self.state == "waiting":
                self.turn("connected")
            elif self.state == "lost":
                self.greet()
                self._back_s = now
                self.turn("recovered", "acquisition is heard again")
        self._heard_s = now
