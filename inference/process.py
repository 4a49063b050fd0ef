"""The inference process: loads, warms up, says READY, then answers windows until told to stop."""

from __future__ import annotations

import logging
import math
import os
import signal
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType

import zmq
from msgspec.structs import asdict

from config.errors import EegseekError
from config.settings import InferenceSettings, Settings
from inference.following import Follower, fold
from inference.link import Link
from inference.loading import load_decoder, replacement, versions
from inference.worker import BEGUN, Decoder, Taken
from wire import sockets, tuning
from wire.clock import now
from wire.curve import Handshake
from wire.due import WarmUps
from wire.endpoints import endpoints_of
from wire.packets import Draft, Due, Failure, Heartbeat, Hello, Load, Packet, Ready, Stop, Window

log = logging.getLogger("inference")
TIDY_S, BUSY_TIDY_S = 1.0, 10.0
MARGIN_S = 0.001
"""A warm-up ends so long before the samples arrive, which are a window here a millisecond later."""
LOOK_MS = 100
"""Over TCP: how often a worker that is not let in yet looks whether it is to stop."""
MOST_WORDS = 400
"""Characters of a reason in a heartbeat."""
FAREWELL_S = 1.0
"""How long a leaving worker tries to hand over its last results."""


class StopFlag:
    """Set by SIGINT and SIGTERM; a handler does nothing else."""

    def __init__(self) -> None:
        self.set = False

    def install(self) -> None:
        """Handle the signals from here on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.set = True


def run(settings: Settings, name: str, spare: bool, stop: StopFlag) -> None:
    """Load, warm up, and answer windows until told to stop.

    Parameters
    ----------
    settings
        Of the run.
    name
        Of this worker, unique in the run.
    spare
        Warm, but only given windows while no other worker is alive.
    stop
        Ends the work when set.

    Raises
    ------
    EegseekError
        The bundles cannot be used, or the endpoint is not allowed or does not let us in.
    """
    ends = endpoints_of(settings.run)
    decoder = load_decoder(settings.inference, name)
    tuning.settle(settings.run, live=settings.dispatch.policy == "drop_oldest")
    with zmq.Context() as context, sockets.make(context, zmq.DEALER) as socket, ThreadPoolExecutor(1) as loader:
        # queue for living connections only: no pile of old heartbeats for a dispatcher that comes back
        socket.setsockopt(zmq.IMMEDIATE, 1)
        with Handshake(socket, ends.work, ends.keys) as handshake:
            sockets.connect(socket, ends.work, ends.keys)
            while handshake.pending and not stop.set:
                handshake.check(LOOK_MS)
        link = Link(socket, name, os.getpid(), settings.dispatch.heartbeat_s, settings.dispatch.dead_s)
        Worker(settings.inference, spare, stop, link, decoder, loader).work()
        socket.setsockopt(zmq.LINGER, int(FAREWELL_S * 1000))


class Worker:
    """The loop of a worker.

    Parameters
    ----------
    settings
        Bundles and rules in use.
    spare
        As READY says it.
    stop
        Ends the loop when set.
    link
        To the dispatcher.
    decoder
        Warm.
    loader
        Runs what a Load asks for, while windows are still answered with the old bundles.
    """

    def __init__(
        self,
        settings: InferenceSettings,
        spare: bool,
        stop: StopFlag,
        link: Link,
        decoder: Decoder,
        loader: ThreadPoolExecutor,
    ) -> None:
        self.settings = settings
        self.spare = spare
        self.stop = stop
        self.link = link
        self.decoder = decoder
        self.loader = loader
        self.warm_ups = WarmUps(0.0, MARGIN_S)
        self.waiting: deque[Taken] = deque()
        self.drafts: deque[Draft] = deque(maxlen=BEGUN)
        self.loads: deque[Load] = deque()
        self.loading: tuple[InferenceSettings, Future[Decoder]] | None = None
        self.follower = Follower()
        self.last_reason = ""
        self._tidied_s = float("-inf")

    def work(self) -> None:
        """Answer windows until told to stop, then finish what is here."""
        self._enter_service()
        tuning.hold_collector()
        while not self.stop.set:
            self._step()
        self._leave()

    def _step(self) -> None:
        """Take in what came, do the most urgent thing, send what is due."""
        if not self.waiting and not self.drafts:
            self.link.socket.poll(self._poll_ms(now()))
        self._take_in()
        if self.waiting:
            self._answer()
            self.link.tend(now())
            self._tidy()
        elif self.drafts:
            self.decoder.begin(self.drafts.popleft())
            self.link.counters["drafts"] += 1
        elif self.warm_ups.take(now()):
            self.warm_ups.took(self.decoder.rehearse())
            self.link.counters["warm_ups"] += 1
            # the way back is to be warm, too
            self.link.beat(now())
        self._change_bundles()
        self.link.tend(now())

    def _tidy(self) -> None:
        """Collect garbage right after an answer, while nobody waits; under a load without pauses more seldom."""
        if now() - self._tidied_s >= (BUSY_TIDY_S if self.waiting else TIDY_S):
            tuning.collect()
            self._tidied_s = now()

    def _poll_ms(self, at: float) -> int:
        waits = [self.link.wait_s(at), self.warm_ups.wait_s(at)]
        return math.ceil(1000 * min(wait for wait in waits if wait is not None))

    def _take_in(self) -> None:
        at = now()
        for packet in self.link.receive(at):
            self._handle(packet, at)

    def _handle(self, packet: Packet, at: float) -> None:
        match packet:
            case Window():
                self.waiting.append(Taken(packet, at))
                self.link.counters["windows"] += 1
            case Draft():
                self.drafts.append(packet)
            case Due():
                self.warm_ups.add(packet.due_s)
            case Hello():
                self.link.greet()
            case Load():
                self.loads.append(packet)
            case Stop():
                self.stop.set = True
            case Heartbeat():
                pass  # hearing it was all
            case _:
                self.link.counters["malformed"] += 1

    def _answer(self) -> None:
        batch = [self.waiting.popleft() for _ in range(min(self.decoder.limit, len(self.waiting)))]
        for packet in self.decoder.answer(batch):
            if isinstance(packet, Failure):
                self.link.counters["failures"] += 1
                if packet.reason != self.last_reason:  # one line, not one a window
                    self.last_reason = packet.reason
                    log.warning("window %d failed: %s", packet.sequence, packet.reason)
            else:
                self.link.counters["results"] += 1
            self.link.post(packet)

    def _change_bundles(self) -> None:
        """One Load after the other, in a thread; where there is none, edits of the gallery that nobody told of."""
        if self.loading is not None and self.loading[1].done():
            settings, future = self.loading
            self.loading = None
            self._adopt(settings, future)
        if self.loading is not None:
            return
        if self.loads:
            self._load(self.loads.popleft())
        elif self.follower.changed(self.settings.gallery, now()):
            self.loading = self.settings, self.loader.submit(self.follower.follow, self.decoder, self.settings.gallery)

    def _load(self, load: Load) -> None:
        if load.version:
            if load.version != self.decoder.gallery.fingerprint:
                job = self.loader.submit(self.follower.follow, self.decoder, self.settings.gallery, load.gallery)
                self.loading = self.settings, job
            return
        update = {key: value for key, value in asdict(load).items() if value}
        wanted = self.settings.model_copy(update=update)
        self.loading = wanted, self.loader.submit(replacement, wanted, self.decoder)

    def _adopt(self, settings: InferenceSettings, future: Future[Decoder]) -> None:
        before = self.decoder
        try:
            self.decoder = future.result()
        except EegseekError as error:
            log.warning("kept the old bundles: %s", error)
            self.link.counters["loads_refused"] += 1
            self.link.turn("degraded", f"kept the old bundles: {error}"[:MOST_WORDS])
            self.link.beat(now())
            return
        if self.decoder is before:
            return
        self.settings = settings
        self.link.turn("connected")
        if self.decoder.encoder is not before.encoder:
            self.link.counters["loads"] += 1
            self._enter_service()
        elif self.decoder.gallery.fingerprint != before.gallery.fingerprint:
            self.link.counters["edits"] += 1
            self._announce()
            self.loading = settings, self.loader.submit(fold, self.decoder)

    def _enter_service(self) -> None:
        # hot here; after a pause it takes about twice as long
        self.warm_ups = WarmUps(2 * self.decoder.warm(), MARGIN_S)
        self._announce()

    def _announce(self) -> None:
        encoder = self.decoder.encoder
        self.link.announce(
            Ready(
                worker=self.link.name,
                pid=self.link.pid,
                encoder=encoder.fingerprint,
                gallery=self.decoder.gallery.fingerprint,
                credit=self.decoder.credit,
                spare=self.spare,
                device=encoder.device,
                drafts=self.decoder.drafts,
                versions=versions(),
            )
        )

    def _leave(self) -> None:
        """Finish what is here, hand it over, say goodbye."""
        self._take_in()
        while self.waiting:
            self._answer()
            self.link.tend(now())
        until = now() + FAREWELL_S
        while not self.link.idle and now() < until:
            self.link.socket.poll(10, zmq.POLLOUT)
            self.link.tend(now())
        self.link.turn("stopped")
        self.link.beat(now())
