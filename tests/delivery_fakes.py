"""Workers, displays and encoder descriptions for tests of delivery: the other ends of the sockets."""

from __future__ import annotations

import os
from collections.abc import Callable

import numpy as np
import zmq

from config.bundles import EncoderSpec
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import WireError
from wire.clock import now
from wire.endpoints import Endpoints
from wire.packets import (
    Answer,
    Command,
    Failure,
    Heartbeat,
    Hello,
    Hit,
    Packet,
    Ready,
    Reply,
    Result,
    State,
    Status,
    Window,
)
from wire.sockets import connect, make, receive, send

CHANNELS = ("O1", "Oz", "O2")
RATE_HZ = 250.0
HIT = Hit(id="a", label="an a", modality="image", cosine=0.5, probability=0.5)


def encoder_spec(**changes: object) -> EncoderSpec:
    """An encoder's description: three channels, 0.2 s at 250 Hz."""
    fields: dict[str, object] = {
        "architecture": "eegproject",
        "channels": CHANNELS,
        "window": WindowSettings(start_s=0.0, end_s=0.2, rate_hz=RATE_HZ, baseline_s=(-0.1, 0.0)),
        "chain": ChainSettings(channels=CHANNELS, notch_hz=(), highpass_hz=1.0, lowpass_hz=40.0),
        "rejection": RejectionSettings(peak_to_peak_uv=None, flat_uv=0.01),
        "space": "test:4",
        "dim": 4,
        "weights_sha256": "0" * 64,
    }
    return EncoderSpec(**{**fields, **changes})


def window(sequence: int, **changes: object) -> Window:
    """A window of zeros."""
    fields: dict[str, object] = {
        "session": "test",
        "segment": 0,
        "sequence": sequence,
        "stimulus": f"picture {sequence}",
        "onset_s": float(sequence),
        "sampling_rate_hz": RATE_HZ,
        "first_sample_offset_s": 0.0,
        "channels": CHANNELS,
        "versions": 2,
        "times": 50,
        "repeats": 1,
        "data": np.zeros((2, 3, 50), np.float32),
    }
    return Window(**{**fields, **changes})


def answer(to: Window, encoder: str, worker: str = "w") -> Result:
    """An answer to a window."""
    return Result(
        **to.key._asdict(),
        stimulus=to.stimulus,
        onset_s=to.onset_s,
        versions=to.versions,
        dim=4,
        answers=(Answer(hits=(HIT,), repeats=1),) * to.versions,
        encoder=encoder,
        gallery="g",
        worker=worker,
        data=np.full((to.versions, 4), 0.5, np.float32),
        stamps=to.stamps,
    )


class FakeWorker:
    """A DEALER that says READY and beats when pumped; answering is up to the test."""

    def __init__(
        self, ends: Endpoints, name: str, encoder: str, *, spare: bool = False, pid: int = 0, drafts: bool = False
    ) -> None:
        self.name, self.encoder, self.spare, self.drafts = name, encoder, spare, drafts
        self.pid = pid or os.getpid()
        self.windows: list[Window] = []
        self.heard: list[Packet] = []
        self._context = zmq.Context()
        self.socket = make(self._context, zmq.DEALER)
        connect(self.socket, ends.work, ends.keys)

    def ready(self, credit: int = 2) -> None:
        packet = Ready(
            worker=self.name,
            pid=self.pid,
            encoder=self.encoder,
            gallery="g",
            credit=credit,
            spare=self.spare,
            drafts=self.drafts,
        )
        assert send(self.socket, packet)

    def beat(self, state: State = "connected") -> None:
        send(self.socket, Heartbeat(role="inference", name=self.name, pid=self.pid, time_s=now(), state=state))

    def pump(self) -> None:
        """Take in what waits, and beat."""
        while (message := receive(self.socket)) is not None:
            self.heard.append(message[1])
            if isinstance(message[1], Window):
                self.windows.append(message[1])
            if isinstance(message[1], Hello):
                self.ready()
        self.beat()

    def answer(self, to: Window) -> None:
        assert send(self.socket, answer(to, self.encoder, self.name))

    def fail(self, at: Window) -> None:
        assert send(self.socket, Failure(**at.key._asdict(), worker=self.name, reason="numbers"))

    def close(self) -> None:
        self.socket.close()
        self._context.term()


class FakeDisplay:
    """A SUB and a DEALER."""

    def __init__(self, ends: Endpoints, name: str = "display") -> None:
        self.name = name
        self.seen: list[Packet] = []
        self.told: list[Packet] = []
        self.malformed = 0
        self._context = zmq.Context()
        self.results, self.control = make(self._context, zmq.SUB), make(self._context, zmq.DEALER)
        connect(self.results, ends.results, ends.keys)
        self.results.subscribe(b"")
        connect(self.control, ends.control, ends.keys)

    def pump(self) -> None:
        for socket, into in ((self.results, self.seen), (self.control, self.told)):
            while True:
                try:
                    message = receive(socket)
                except WireError:
                    self.malformed += 1
                    continue
                if message is None:
                    break
                into.append(message[1])

    def beat(self) -> None:
        send(self.control, Heartbeat(role="display", name=self.name, pid=os.getpid(), time_s=now()))

    def ask(self, name: str, command: str, **fields: object) -> None:
        assert send(self.control, Command(id=name, command=command, **fields))

    def reply(self, name: str) -> Reply | None:
        return next((p for p in self.told if isinstance(p, Reply) and p.id == name), None)

    @property
    def committed(self) -> list[Result]:
        return [p for p in self.seen if isinstance(p, Result)]

    @property
    def status(self) -> Status | None:
        return next((p for p in reversed(self.seen) if isinstance(p, Status)), None)

    def counters(self) -> dict[str, int]:
        return dict(self.status.counters) if self.status else {}

    def close(self) -> None:
        self.results.close()
        self.control.close()
        self._context.term()


def until(condition: Callable[[], bool], *peers: FakeWorker | FakeDisplay, limit_s: float = 40.0) -> None:
    """Pump the peers until something holds, or fail."""
    deadline = now() + limit_s
    poller = zmq.Poller()
    for peer in peers:
        for socket in [peer.socket] if isinstance(peer, FakeWorker) else [peer.results, peer.control]:
            poller.register(socket, zmq.POLLIN)
    while True:
        for peer in peers:
            peer.pump()
        if condition():
            return
        assert now() < deadline, "what the test waits for did not happen in time"
        poller.poll(50)
