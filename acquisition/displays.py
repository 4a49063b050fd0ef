"""Displays that have been heard, and the results that are on their way to them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import zmq

from wire.codec import Frame, encode
from wire.packets import Heartbeat, PeerState, Reply

Socket = zmq.Socket[bytes]
FORGET_S = 3.0
BURST = 200
"""Results sent to displays in one round, so that windows do not wait for history."""


class Displays:
    """By the identity of their sockets; one that is silent for long is forgotten."""

    def __init__(self) -> None:
        self._table: dict[bytes, tuple[Heartbeat, float]] = {}

    def hear(self, identity: bytes, beat: Heartbeat, now: float) -> None:
        """Note a sign of life, or a farewell."""
        self._table[identity] = (beat, now)
        if beat.state == "stopped":
            del self._table[identity]

    def youngest_s(self, now: float) -> float:
        """Seconds since any display was heard; infinite where none is known."""
        return min((now - heard for _, heard in self._table.values()), default=float("inf"))

    def peers(self, now: float) -> tuple[PeerState, ...]:
        """As a status shows them."""
        self._table = {i: (beat, heard) for i, (beat, heard) in self._table.items() if now - heard <= FORGET_S}
        return tuple(
            PeerState(
                role="display",
                name=beat.name,
                pid=beat.pid,
                state=beat.state,
                age_s=max(0.0, now - heard),
                counters=beat.counters,
            )
            for beat, heard in self._table.values()
        )


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
