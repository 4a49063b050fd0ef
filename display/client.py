"""The two sockets of a display: it listens on ``results``, and asks and beats on ``control``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import zmq

from config.errors import WireError
from wire.clock import now
from wire.curve import Handshake
from wire.endpoints import Endpoints
from wire.packets import Command, Count, Heartbeat, Packet, Reply, State
from wire.sockets import connect, make, receive, send
from wire.streams import ON_DEMAND, SHOWN, TOPIC_OF

ANSWER_S = 2.0
"""A request without a reply for this long is made again, as a new one: a repeated id would bring the reply alone."""
FAREWELL_MS = 200
AT_ONCE = 200
"""Messages taken from one socket before the other is looked at."""


@dataclass(frozen=True)
class Asked:
    """A `since` on its way."""

    id: str
    key: tuple[str, int]
    answered: int
    at_s: float


@dataclass(frozen=True)
class Malformed:
    """Something arrived that is no packet of ours."""

    reason: str


Arrival = tuple[Packet | Malformed, bool]
"""A packet, and whether it came over ``control`` (in answer to us)."""


class Client:
    """A display's connection. The constructor only stores; `open` connects, `close` lets go."""

    def __init__(self, endpoints: Endpoints, name: str, pid: int):
        self.endpoints = endpoints
        self.name = name
        self.pid = pid
        self.asked: Asked | None = None
        self._count = 0
        self._sockets: list[zmq.Socket[bytes]] = []
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._handshake: Handshake | None = None
        self._poller = zmq.Poller()

    def open(self) -> None:
        """Connect; acquisition may come later, and go and come again.

        Raises
        ------
        EndpointError
            The keys for TCP are missing.
        """
        self._context = zmq.Context()
        results, control = make(self._context, zmq.SUB), make(self._context, zmq.DEALER)
        self._sockets = [results, control]
        # beats must not pile up for an acquisition that is not there
        control.setsockopt(zmq.IMMEDIATE, 1)
        ends = self.endpoints
        self._handshake = Handshake(control, ends.control, ends.keys)
        connect(control, ends.control, ends.keys)
        for topic in SHOWN:
            results.subscribe(topic)
        connect(results, ends.results, ends.keys)
        for socket in self._sockets:
            self._poller.register(socket, zmq.POLLIN)

    def listen(self, kind: type[Packet], *, on: bool = True) -> None:
        """Subscribe to one more kind of packet, such as `Preview` or `Tap`; called by the thread that reads.

        Parameters
        ----------
        kind
            Published on ``results``, on demand.
        on
            False: no more of it. What is subscribed to twice has to be given up twice.

        Raises
        ------
        WireError
            It is not on demand, or the connection is not open.
        """
        topic = TOPIC_OF[kind]
        if topic not in ON_DEMAND or not self._sockets:
            raise WireError(f"{kind.__name__} cannot be subscribed to here; on demand are {ON_DEMAND}, once open")
        (self._sockets[0].subscribe if on else self._sockets[0].unsubscribe)(topic)

    def close(self) -> None:
        """Say farewell and let go of the sockets; harmless when called twice."""
        if self._sockets:
            self.beat("stopped", {})
        if self._handshake is not None:
            self._handshake.close()
        for socket in self._sockets:
            if socket in self._poller:
                self._poller.unregister(socket)
            socket.close(linger=FAREWELL_MS)
        if self._context is not None:
            self._context.term()
        self._sockets, self._context = [], None

    def arrivals(self, timeout_s: float) -> Iterator[Arrival]:
        """What has arrived, waiting at most ``timeout_s`` for the first.

        Raises
        ------
        KeysError
            Acquisition does not let us in.
        """
        self._poller.poll(max(0, round(timeout_s * 1e3)))
        if self._handshake is not None and self._handshake.pending:
            self._handshake.check()
        for number, socket in enumerate(self._sockets):
            for _ in range(AT_ONCE):
                try:
                    message = receive(socket)
                except WireError as error:
                    yield Malformed(str(error)), bool(number)
                    continue
                if message is None:
                    break
                yield message[1], bool(number)

    def beat(self, state: State, counters: dict[str, Count], message: str = "") -> None:
        """Say that this display lives, and how."""
        beat = Heartbeat(
            role="display",
            name=self.name,
            pid=self.pid,
            state=state,
            message=message,
            time_s=now(),
            counters=counters,
        )
        send(self._sockets[1], beat)

    def ask(self, key: tuple[str, int], since: int, answered: int, at_s: float) -> None:
        """Ask for the results of a segment from a commit number on, unless a younger request is on its way."""
        if self.asked is not None and self.asked.key == key and at_s - self.asked.at_s < ANSWER_S:
            return
        self._count += 1
        name = f"{self.name}-{self.pid}-{self._count}"
        if send(self._sockets[1], Command(id=name, command="since", sequence=since)):
            self.asked = Asked(name, key, answered, at_s)

    def order(self, command: Command) -> bool:
        """Send somebody's command; its reply is among the arrivals. False where acquisition is not there."""
        return send(self._sockets[1], command)

    def replied(self, reply: Reply) -> Asked | None:
        """The request that a reply answers, which is then no longer on its way; None for another's or a late one."""
        asked = self.asked
        if asked is None or reply.id != asked.id:
            return None
        self.asked = None
        return asked
