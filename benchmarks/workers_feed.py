"""A dispatcher without a pipeline: windows made beforehand go to real workers, as many as their credit allows."""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Sequence

import zmq

from benchmarks.processes import Processes
from config.errors import ProcessError
from wire.clock import now
from wire.codec import encode
from wire.packets import Failure, Heartbeat, Ready, Result, Window
from wire.sockets import receive, send

START_S = 60.0
"""How long workers may take to be ready."""
Socket = zmq.Socket[bytes]


class Feeder:
    """A dispatcher reduced to credit: a result brings the next window. Windows are encoded beforehand.

    Parameters
    ----------
    socket
        Bound ROUTER.
    windows
        Sent in turn.
    processes
        Watched while waiting.

    Attributes
    ----------
    results
        Those that have arrived.
    """

    def __init__(self, socket: Socket, windows: Sequence[Window], processes: Processes) -> None:
        self.socket = socket
        self.processes = processes
        self.results: list[Result] = []
        self._frames = deque([bytes(frame) for frame in encode(window)] for window in windows)
        self._room: Counter[bytes] = Counter()
        self._ready: dict[bytes, Ready] = {}
        self._beat_s = float("-inf")

    def greet(self, names: Sequence[str]) -> None:
        """Wait until every worker is ready.

        Raises
        ------
        ProcessError
            One is not in time.
        """
        until = now() + START_S
        while {ready.worker for ready in self._ready.values()} != set(names):
            if now() > until:
                raise ProcessError(f"the workers were not ready within {START_S:g} s")
            self._step()

    def serve(self, seconds: float) -> None:
        """Keep every worker at its credit for so long."""
        until = now() + seconds
        while now() < until:
            self._fill()
            self._step()

    def _fill(self) -> None:
        for identity in self._ready:
            while self._room[identity] > 0:
                self.socket.send_multipart([identity, *self._frames[0]], zmq.DONTWAIT)
                self._frames.rotate(-1)
                self._room[identity] -= 1

    def _step(self) -> None:
        self.processes.check()
        if now() - self._beat_s > 0.25:
            self._beat_s = now()
            for identity in self._ready:
                beat = Heartbeat(role="acquisition", name="bench", pid=os.getpid(), time_s=self._beat_s)
                send(self.socket, beat, identity)
        if not self.socket.poll(20):
            return
        while (message := receive(self.socket, routed=True)) is not None:
            identity, packet = message
            match packet:
                case Ready():
                    self._room[identity] += packet.credit if identity not in self._ready else 0
                    self._ready[identity] = packet
                case Result():
                    self.results.append(packet)
                    self._room[identity] += 1
                case Failure():
                    raise ProcessError(f"a worker could not decode a window: {packet.reason}")
                case _:
                    continue
