"""Displays that have been heard, and the results that are on their way to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import zmq

from wire.codec import Frame, encode
from wire.packets import Heartbeat, PeerState, Reply, State
from wire.states import RECOVERED_S

Socket = zmq.Socket[bytes]
STALLED_S, LOST_S, FORGET_S = 0.5, 1.0, 10.0
"""Silence of a display, which beats every 250 ms, after which it is called stalled, then lost, then not listed."""
BURST = 200
"""Results sent to displays in one round, so that windows do not wait for history."""


@dataclass(frozen=True)
class _Display:
    beat: Heartbeat
    heard_s: float
    back_s: float = float("-inf")

    def peer(self, now: float) -> PeerState:
        age_s = max(0.0, now - self.heard_s)
        state, message = self._state(age_s, now)
        return PeerState(
            role="display",
            name=self.beat.name,
            pid=self.beat.pid,
            state=state,
            message=message,
            age_s=age_s,
            counters=self.beat.counters,
        )

    def _state(self, age_s: float, now: float) -> tuple[State, str]:
        if self.beat.state == "stopped":
            return "stopped", "it said farewell"
        if age_s > LOST_S:
            return "lost", f"silent for longer than {LOST_S:g} s"
        if age_s > STALLED_S:
            return "stalled", "silent; nothing waits for it"
        if self.beat.state == "connected" and now - self.back_s < RECOVERED_S:
            return "recovered", "heard again"
        return self.beat.state, self.beat.message


class Displays:
    """By the identity of their sockets; one that is silent for long is forgotten."""

    def __init__(self) -> None:
        self._table: dict[bytes, _Display] = {}

    def hear(self, identity: bytes, beat: Heartbeat, now: float) -> None:
        """Note a sign of life, or a farewell."""
        known = self._table.get(identity)
        if known is None:  # connected anew, it has another identity and is no other display
            me = (beat.name, beat.pid)
            self._table = {i: k for i, k in self._table.items() if (k.beat.name, k.beat.pid) != me}
        back_s = float("-inf") if known is None else now if now - known.heard_s > LOST_S else known.back_s
        self._table[identity] = _Display(beat, now, back_s)

    def youngest_s(self, now: float) -> float:
        """Seconds since any display that has not left was heard; infinite where none is known."""
        here = (now - known.heard_s for known in self._table.values() if known.beat.state != "stopped")
        return min(here, default=float("inf"))

    def peers(self, now: float) -> tuple[PeerState, ...]:
        """As a status shows them."""
        self._table = {i: known for i, known in self._table.items() if now - known.heard_s <= FORGET_S}
        return tuple(known.peer(now) for known in self._table.values())


@dataclass
class _Delivery:
    identity: bytes
    left: deque[list[Frame]]


class Deliveries:
    """Replies on the control socket, with the results before them, as fast as the receivers take them."""

    def __init__(self) -> None:
        self._waiting: deque[_Delivery] = deque()

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, identity: bytes, results: Iterable[list[Frame]], reply: Reply) -> None:
        """Queue a reply and what goes before it."""
        self._waiting.append(_Delivery(identity, deque([*results, encode(reply)])))

    def pump(self, socket: Socket) -> None:
        """Send what can be sent now; a receiver that has left or does not read takes nothing from the others."""
        for _ in range(len(self._waiting)):
            delivery = self._waiting.popleft()
            if self._burst(socket, delivery):
                self._waiting.append(delivery)

    def _burst(self, socket: Socket, delivery: _Delivery) -> bool:
        """Whether something is left to send."""
        for _ in range(min(BURST, len(delivery.left))):
            try:
                socket.send_multipart([delivery.identity, *delivery.left[0]], flags=zmq.DONTWAIT)
            except zmq.Again:
                return True
            except zmq.ZMQError as error:
                if error.errno == zmq.EHOSTUNREACH:
                    return False
                raise
            delivery.left.popleft()
        return bool(delivery.left)
