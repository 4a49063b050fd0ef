"""The session's own ear and mouth: it listens on ``results``, and sends commands on ``control``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import zmq

from config.errors import WireError
from config.settings import RunSettings
from wire.endpoints import endpoints_of
from wire.packets import Command, Packet, Preview, Quality, Rejected, Result, Status
from wire.sockets import connect, make, receive, send
from wire.streams import TOPIC_OF

HEARD = (Status, Quality, Result, Rejected)
AT_ONCE = 500


class Link:
    """Sockets to a run. The constructor only stores; `open` connects, also before the run is there."""

    def __init__(self, run: RunSettings) -> None:
        self.run = run
        self._sockets: list[zmq.Socket[bytes]] = []
        self._context: zmq.Context[zmq.Socket[bytes]] | None = None
        self._count = 0

    def open(self) -> None:
        """Connect.

        Raises
        ------
        EndpointError
            The run folder is not usable.
        """
        ends = endpoints_of(self.run)
        self._context = zmq.Context()
        results, control = make(self._context, zmq.SUB), make(self._context, zmq.DEALER)
        self._sockets = [results, control]
        control.setsockopt(zmq.IMMEDIATE, 1)  # nothing piles up for a run that is not there
        for kind in HEARD:
            results.subscribe(TOPIC_OF[kind])
        connect(results, ends.results, ends.keys)
        connect(control, ends.control, ends.keys)

    def close(self) -> None:
        """Let go; harmless twice."""
        for socket in self._sockets:
            socket.close()
        if self._context is not None:
            self._context.term()
        self._sockets, self._context = [], None

    def heard(self, timeout_s: float) -> Iterator[Packet]:
        """What has come, waiting at most ``timeout_s`` for the first; what is malformed is left to the displays."""
        poller: Any = zmq.Poller()
        for socket in self._sockets:
            poller.register(socket, zmq.POLLIN)
        poller.poll(max(0, round(timeout_s * 1e3)))
        for socket in self._sockets:
            for _ in range(AT_ONCE):
                try:
                    message = receive(socket)
                except WireError:
                    continue
                if message is None:
                    break
                yield message[1]

    def previews(self, wanted: bool) -> None:
        """Hear filtered samples, or no longer: they are sent only while somebody wants them."""
        if self._sockets:
            results = self._sockets[0]
            (results.subscribe if wanted else results.unsubscribe)(TOPIC_OF[Preview])

    def ask(self, command: str, text: str = "") -> str:
        """Send a command; its id, by which a `Reply` answers. Empty where nobody is there."""
        self._count += 1
        name = f"session-{os.getpid()}-{self._count}"
        packet = Command(id=name, command=command, text=text)  # type: ignore[arg-type]
        return name if self._sockets and send(self._sockets[1], packet) else ""
