"""The thread that polls and owns every socket: windows out, results in, everything a display needs."""

from __future__ import annotations

import logging
import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import zmq

from acquisition.announcer import Announcer
from acquisition.control import Control
from acquisition.delivery_account import fault
from acquisition.dispatch import Action, Dispatcher, Journal, Send
from acquisition.displays import Deliveries, Displays
from acquisition.handoff import WAKE, Batch, Handoff
from acquisition.history import History
from acquisition.readiness import Readiness
from acquisition.recorder import Recorder
from acquisition.situation import Situation
from acquisition.switches import Switches
from acquisition.witness import Witness
from config.errors import JournalError, WireError
from config.settings import DispatchSettings
from wire import sockets
from wire.clock import now
from wire.codec import Frame, encode
from wire.curve import Door
from wire.endpoints import Endpoints
from wire.packets import Command, Due, Failure, Heartbeat, Packet, Preview, Ready, Result, Tap, Window
from wire.streams import TOPIC_OF

Socket = zmq.Socket[bytes]
Context = zmq.Context[Socket]
Received = tuple[bytes, Packet]
AT_ONCE = 200
"""Messages taken from one socket before the others are looked at."""
POLL_MS, BUSY_MS = 50, 2
FAREWELL_S, SILENT_S = 2.0, 0.6
"""After the last status displays may still ask for what they missed: so long at most, and until they fall silent."""
FLUSH_MS = 1000
_log = logging.getLogger(__name__)


class Broker:
    """Sockets and their loop. The constructor only stores; `open` binds, `serve` runs, `close` lets go.

    Parameters
    ----------
    endpoints
        To bind.
    settings
        Of the dispatcher.
    dispatcher, control, history, recorder, handoff, switches
        Parts of the run.
    situation
        As it stands at the start.

    Attributes
    ----------
    situation
        As it stands now.
    malformed
        Messages on any socket that were no packets, or not for that socket.
    failure
        Why the journal could not be written, empty while it can.
    readiness
        What is due soon; with ``awake``, to be opened where processors are to be kept awake.
    """

    def __init__(
        self,
        endpoints: Endpoints,
        settings: DispatchSettings,
        dispatcher: Dispatcher,
        control: Control,
        history: History,
        recorder: Recorder,
        handoff: Handoff,
        switches: Switches,
        situation: Situation,
    ) -> None:
        self.endpoints = endpoints
        self.settings = settings
        self.dispatcher = dispatcher
        self.control = control
        self.history = history
        self.recorder = recorder
        self.handoff = handoff
        self.switches = switches
        self.situation = situation
        self.malformed = 0
        self.failure = ""
        self._displays = Displays()
        self._deliveries = Deliveries()
        self._witness = Witness(recorder)
        self._announcer = Announcer(dispatcher, recorder, self._displays.peers)
        self._poller = zmq.Poller()
        self._door = Door(endpoints.keys)
        self._sockets: list[Socket] = []
        self._beat_s = float("-inf")
        self._greet = False
        self._read_all = False
        self.readiness = Readiness()

    def open(self, context: Context) -> None:
        """Bind everything.

        Raises
        ------
        EndpointError
            An endpoint is in use, or lacks keys.
        """
        try:
            self._door.open(context)
            for kind, endpoint in (
                (zmq.ROUTER, self.endpoints.work),
                (zmq.XPUB, self.endpoints.results),
                (zmq.ROUTER, self.endpoints.control),
            ):
                socket = sockets.make(context, kind)
                self._sockets.append(socket)
                sockets.bind(socket, endpoint, self.endpoints.keys)
            pair = context.socket(zmq.PAIR)
            self._sockets.append(pair)
            pair.bind(WAKE)
        except WireError:
            self.close()
            raise
        for socket in self._sockets:
            self._poller.register(socket, zmq.POLLIN)

    def close(self) -> None:
        """Let go of the sockets; what was published last is flushed first."""
        self.readiness.awake.close()
        for socket in self._sockets:
            socket.close(linger=FLUSH_MS if socket.type == zmq.XPUB else 0)
        self._sockets = []
        self._door.close()

    def serve(self, reader_done: Callable[[], bool]) -> None:
        """Serve until the reader has handed over its last batch and everything is settled, or the drain is over.

        Parameters
        ----------
        reader_done
            Whether the reading thread has ended, whatever it handed over.
        """
        while not self._read_all:
            # asked before looking, so that the last batch of a reader that has ended is seen
            done = reader_done()
            self._once(POLL_MS)
            if done and not self.handoff and not self._read_all:
                return
        self._drain()

    def finish(self, words: str) -> None:
        """Say the last word, and serve displays a little longer.

        Parameters
        ----------
        words
            How the run ended.
        """
        left = self.dispatcher.in_flight
        if left:
            words += f"; {left} windows were not answered within {self.settings.drain_s:g} s"
        self._do(self.dispatcher.give_up("the run ended"))
        wrong = fault(self.situation.counters(self.dispatcher))
        self.situation = self.situation_now(ended=f"{words}; {wrong}" if wrong else words)
        self._record_end()
        until = now() + FAREWELL_S
        while now() < until and (self._deliveries or self._displays.youngest_s(now()) < SILENT_S):
            self._once(POLL_MS)

    def situation_now(self, ended: str = "") -> Situation:
        """The situation with what the switches say."""
        switches = self.switches
        return replace(
            self.situation,
            paused=switches.paused,
            calibrating=switches.calibrating,
            ended=ended or self.situation.ended,
        )

    def _drain(self) -> None:
        """Wait for outstanding answers: so long after the last one, or after the wish to stop."""
        settled, since = self.dispatcher.outstanding, now()
        asked = self.switches.stop
        while self.dispatcher.outstanding and not self.failure and now() - since < self.settings.drain_s:
            self._once(POLL_MS)
            progress = self.dispatcher.outstanding != settled and not self.switches.stop
            if progress or (self.switches.stop and not asked):
                settled, since, asked = self.dispatcher.outstanding, now(), self.switches.stop

    def _once(self, timeout_ms: int) -> None:
        """Wait for something, take in everything that waits, do what is due."""
        self._poller.poll(self._patience_ms(timeout_ms))
        if self.readiness.rehearse_window(now()):
            self._beat(now(), force=True)
        self._take_batches()
        for identity, packet in self._arrivals(self._sockets[0]):
            self._do(self._work(identity, packet, now()))
        for identity, packet in self._arrivals(self._sockets[2]):
            self._request(identity, packet, now())
        self._subscriptions()
        self._do(self.dispatcher.tick(now()))
        usable = self.dispatcher.workers.usable()
        self.switches.served = bool(usable)
        self.switches.drafts = any(worker.ready.drafts for worker in usable)
        if not self.dispatcher.outstanding:
            self.readiness.relax(now())
        self._deliveries.pump(self._sockets[2])
        self._beat(now())
        self._announce(now())

    def _patience_ms(self, most: int) -> int:
        if self.handoff and not self._holding_back:
            return 0
        if self._deliveries:
            return BUSY_MS
        wait_s = self.readiness.wait_s(now())
        return most if wait_s is None else min(most, math.floor(1000 * wait_s))

    @property
    def _holding_back(self) -> bool:
        """Whether the reader has to wait for room."""
        return self.settings.policy == "block" and not self.dispatcher.has_room and not self.switches.stop

    def _arrivals(self, socket: Socket) -> Iterator[Received]:
        for _ in range(AT_ONCE):
            try:
                message = sockets.receive(socket, routed=True)
            except WireError as error:
                self._drop(str(error))
                continue
            if message is None:
                return
            yield message

    def _drop(self, why: str) -> None:
        self.malformed += 1
        if self.malformed & (self.malformed - 1) == 0:  # the 1st, 2nd, 4th, ...: a flood must not fill the disk
            _log.warning("a message was dropped (%d so far): %s", self.malformed, why)

    def _take_batches(self) -> None:
        pair = self._sockets[3]
        for _ in range(AT_ONCE):
            if not sockets.waits(pair):
                break
            pair.recv(zmq.DONTWAIT)
        for _ in range(AT_ONCE):
            batch = None if self._holding_back else self.handoff.take()
            if batch is None:
                return
            self._take(batch)

    def _take(self, batch: Batch) -> None:
        """A batch as a whole: the sums hold before and after it."""
        at = now()
        self.situation = self.situation.after(batch)
        actions: list[Action] = []
        # what is replayed as fast as it goes is not due at any time
        for due in batch.due if self.settings.policy == "drop_oldest" else ():
            actions += [Send(worker.identity, due) for worker in self.dispatcher.workers.usable()]
            self.readiness.expect(due)
        for draft in batch.drafts:
            worker = self.dispatcher.workers.pick()
            actions += [Send(worker.identity, draft)] if worker is not None and worker.ready.drafts else []
        for window in batch.windows:
            actions += self.dispatcher.add(window, at)
            self.readiness.window = window
        self._do(actions)
        if batch.windows and self.settings.policy == "drop_oldest":
            # a result is about to come: displays get ready for it, too
            sockets.send(self._sockets[1], Due(sequence=0, due_s=now()))
            self.readiness.rehearse_result()
        quality = (batch.quality,) if batch.quality else ()
        for packet in (*batch.rejected, *quality, *batch.taps, *batch.previews):
            sockets.send(self._sockets[1], packet)
        self._read_all = self._read_all or batch.ended
        self._announce(at)

    def _work(self, identity: bytes, packet: Packet, at: float) -> list[Action]:
        match packet:
            case Result():
                return self.dispatcher.on_result(identity, packet, at)
            case Heartbeat(role="inference"):
                return self.dispatcher.on_heartbeat(identity, packet, at)
            case Ready():
                return self.dispatcher.on_ready(identity, packet, at)
            case Failure():
                return self.dispatcher.on_failure(identity, packet, at)
        self._drop(f"a {type(packet).__name__} arrived on 'work', where workers send none")
        return []

    def _request(self, identity: bytes, packet: Packet, at: float) -> None:
        match packet:
            case Heartbeat(role="display"):
                self._displays.hear(identity, packet, at)
            case Command():
                outcome = self.control.execute(packet, at)
                self._do(outcome.actions)
                self._deliveries.add(identity, outcome.results, outcome.reply)
                self._greet |= outcome.announce
            case _:
                self._drop(f"a {type(packet).__name__} arrived on 'control', where only commands and beats belong")

    def _subscriptions(self) -> None:
        """A new subscription is answered by a status: the hand-shake of displays."""
        for _ in range(AT_ONCE):
            try:
                frames = self._sockets[1].recv_multipart(zmq.DONTWAIT)
            except zmq.Again:
                return
            if len(frames) != 1 or frames[0][:1] not in (b"\0", b"\1"):
                self._drop("something that is no subscription arrived on 'results'")
            else:
                self._subscribed(frames[0][1:], came=frames[0][:1] == b"\1")

    def _subscribed(self, topic: bytes, *, came: bool) -> None:
        """A subscription has come, or the last one of its topic has gone."""
        self._greet |= came
        if topic == TOPIC_OF[Tap]:
            self.switches.taps = came
        elif topic == TOPIC_OF[Preview]:
            self.switches.previews = came

    def _do(self, actions: Iterable[Action]) -> None:
        todo = deque(actions)
        written: Packet | None = None
        frames: list[Frame] = []
        while todo:
            action = todo.popleft()
            if isinstance(action, Send):
                if not sockets.send(self._sockets[0], action.packet, action.worker):
                    todo.extend(self.dispatcher.on_worker_lost(action.worker, now()))
                elif isinstance(action.packet, Window):
                    self._witness.went(action.packet)
            elif isinstance(action, Journal):
                self._write_sent()
                self._witness.settled(action.packet)
                # most of what is journalled is published next
                written, frames = action.packet, encode(action.packet)
                self._record(frames)
            elif not self.failure:  # what is not in the journal is not shown
                if action.packet is not written:
                    frames = encode(action.packet)
                self._sockets[1].send_multipart(frames, flags=zmq.DONTWAIT)
                self.history.add(frames)
                self.readiness.result = action.packet
        self._write_sent()

    def _write_sent(self) -> None:
        """Once a window is on its way its hash costs no latency, and its result has not been taken in yet."""
        try:
            self._witness.write()
        except JournalError as error:
            self._fail(error)

    def _record(self, frames: list[Frame]) -> None:
        try:
            self.recorder.frames(frames)
        except JournalError as error:
            self._fail(error)

    def _fail(self, error: JournalError) -> None:
        """Without a journal the run cannot go on."""
        if not self.failure:
            _log.error("%s", error)
            self.failure = str(error)
            self.switches.stop = True

    def _record_end(self) -> None:
        last = self._announcer.due(self.situation, now(), self.malformed, urgent=True)
        status = self.situation.status(self.dispatcher, now(), {"malformed": self.malformed}, ())
        try:
            try:
                self._announcer.write()
                self.recorder.packet(status)
            finally:  # what cannot be written to is let go all the same
                self.recorder.close(self.situation.ended)
        except JournalError as error:
            self._fail(error)
        if last is not None:
            sockets.send(self._sockets[1], last)

    def _beat(self, at: float, force: bool = False) -> None:
        if at - self._beat_s < self.settings.heartbeat_s and not force:
            return
        self._beat_s = at
        beat = Heartbeat(role="acquisition", name="acquisition", pid=os.getpid(), time_s=at)
        self._do([Send(worker.identity, beat) for worker in self.dispatcher.workers])

    def _announce(self, at: float) -> None:
        """A status four times a second, at each change of anybody's state, and for each newcomer."""
        self.situation = self.situation_now()
        status = self._announcer.due(self.situation, at, self.malformed, urgent=self._greet)
        if status is None:
            return
        self._greet = False
        sockets.send(self._sockets[1], status)
        try:
            self._announcer.write()
        except JournalError as error:
            self._fail(error)
