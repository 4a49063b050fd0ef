"""A real broker in a thread, for tests that are the reader, the workers and the displays."""

from __future__ import annotations

import threading
from pathlib import Path

import zmq
from delivery_fakes import FakeDisplay, FakeWorker, encoder_spec, until, window

from acquisition.broker import Broker
from acquisition.configure import plan_of
from acquisition.control import Control
from acquisition.delivery_account import Cut
from acquisition.dispatch import Dispatcher
from acquisition.handoff import Batch, Facts, Handoff
from acquisition.history import History
from acquisition.recorder import Recorder
from acquisition.situation import Situation
from acquisition.switches import Switches
from acquisition.types import StreamInfo
from benchmarks.faults.disk import free_ports as free_ports
from config.bundles import fingerprint
from config.settings import DispatchSettings, Settings
from wire.endpoints import Endpoints, endpoints

ENCODER = fingerprint(encoder_spec())


class Running:
    """A broker in a thread; the test is the reader, the workers and the displays."""

    def __init__(self, folder: Path, run: str, **changes: object) -> None:
        self.ends: Endpoints = endpoints(run)
        self.settings = DispatchSettings(**changes)
        self.switches = Switches()
        self.handoff = Handoff(1000)
        spec = encoder_spec()
        self.dispatcher = Dispatcher(self.settings, "test", [fingerprint(spec)])
        history = History(self.settings.history)
        self.file = folder / "segment-0000.esj"
        self.recorder = Recorder(self.file, "test", 0, "")
        self.broker = Broker(
            self.ends,
            self.settings,
            self.dispatcher,
            Control(plan_of(Settings(), spec), self.switches, self.dispatcher, history, self.recorder),
            history,
            self.recorder,
            self.handoff,
            self.switches,
            Situation("test", 0),
        )
        self.sent = 0
        self.ended = False
        self.peers: list[FakeWorker | FakeDisplay] = []
        self.context = zmq.Context()
        self.thread = threading.Thread(target=self._serve)

    def start(self) -> None:
        self.broker.open(self.context)
        self.recorder.open(StreamInfo("test", "recording", 250.0, ("O1", "Oz", "O2")))
        self.handoff.open(self.context)
        self.thread.start()
        self.put(facts=Facts("recording 'test'", True, {"rate_hz": 250.0}))

    def _serve(self) -> None:
        self.broker.serve(lambda: False)
        self.broker.finish("ended: every stimulus is accounted for")
        self.broker.close()

    def put(self, *sequences: int, **fields: object) -> None:
        """Windows, as the reader hands them over."""
        self.sent += len(sequences)
        counters = dict.fromkeys(("rejected", "missed", "pending"), 0)
        batch = Batch(
            windows=tuple(window(k) for k in sequences),
            cut=Cut({**counters, "due": self.sent, "accepted": self.sent}),
            state="connected",
            **fields,
        )
        self.handoff.put(batch, lambda: False)

    def worker(self, name: str, encoder: str = ENCODER, **fields: object) -> FakeWorker:
        made = FakeWorker(self.ends, name, encoder, **fields)
        self.peers.append(made)
        made.ready()
        self.display_until(lambda d: any(p.name == name for p in d.status.peers))
        return made

    def display(self, name: str = "display") -> FakeDisplay:
        made = FakeDisplay(self.ends, name)
        self.peers.append(made)
        until(lambda: made.status is not None, made)
        return made

    def display_until(self, condition) -> None:  # type: ignore[no-untyped-def]
        """Wait for something in a status, on a display of its own."""
        display = FakeDisplay(self.ends, "watch")
        try:
            until(lambda: display.status is not None and condition(display), display)
        finally:
            display.close()

    def end(self) -> dict[str, int]:
        """The reader ends; the counters that the broker leaves behind."""
        if not self.ended:
            self.ended = True
            self.put(ended=True)
            self.thread.join(15)
            assert not self.thread.is_alive()
        return self.broker.situation.counters(self.dispatcher)

    def close(self) -> None:
        self.switches.stop = True
        self.end()
        self.handoff.close()
        for peer in self.peers:
            peer.close()
        self.context.term()
