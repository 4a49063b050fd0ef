"""What the dashboard's pages share: the state that the display's thread folds, and ways to hear and to ask."""

from __future__ import annotations

import asyncio
import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from config.errors import SessionError
from config.settings import Settings
from display.dashboard.scoring import Scoring
from display.latency import TOTAL, durations
from display.state import State
from wire.packets import Command, Packet, Reply, Result
from wire.streams import ON_DEMAND, TOPIC_OF

RECENT, HISTORY = 60, 600
"""Results kept whole, and results whose latency is kept."""
ANSWER_S = 4.0
"""A session that is there replies to a command within this."""
FRAME_S = 0.04
"""Pages are told of results at once, and then no more often than this."""
Kind = TypeVar("Kind", bound=Packet)
Forget = Callable[[], None]


class View:
    """Shared by all pages of all viewers; a screen of the display (`display.process.Screen`).

    Two threads use it. The display's thread folds packets into ``state`` and calls what `listen` was given. The
    server's thread builds pages; it reads ``state`` and ``recent`` under ``lock``, briefly, and copies what it keeps.

    Parameters
    ----------
    settings
        Of the session.
    folder
        The session's folder.
    state
        Folded by the display's thread.

    Attributes
    ----------
    lock
        Held while packets are folded.
    recent
        The latest results shown, oldest first.
    history
        (shown, acquisition's clock, s; latency, ms) of the latest results shown.
    scoring
        Accuracy and latency, computed once for all viewers.
    loop
        The server's; None until it runs.
    """

    def __init__(self, settings: Settings, folder: Path, state: State) -> None:
        self.settings = settings
        self.folder = folder
        self.state = state
        self.lock = threading.RLock()
        self.recent: deque[Result] = deque(maxlen=RECENT)
        self.history: deque[tuple[float, float]] = deque(maxlen=HISTORY)
        self.scoring = Scoring()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._listeners: dict[type[Packet], list[Callable[[Any], None]]] = {}
        self._followers: list[Callable[[], None]] = []
        self._orders: SimpleQueue[tuple[Command, Future[Reply]]] = SimpleQueue()
        self._count = itertools.count(1)
        self._told_s = float("-inf")
        self._telling = False

    # --- for pages, in the server's thread

    def listen(self, kind: type[Kind], callback: Callable[[Kind], None]) -> Forget:
        """Hear every packet of a kind, in the display's thread; a `Result` comes as it was received, unstamped.

        `Tap` and `Preview` are asked for while somebody listens. The lock is held meanwhile, so be quick; what touches
        the page goes through `call`.

        Returns
        -------
        Callable
            Ends it; harmless when called twice. Pages call it when their viewer leaves
            (``ui.context.client.on_delete``).
        """
        with self.lock:
            self._listeners.setdefault(kind, []).append(callback)

        def forget() -> None:
            with self.lock:
                if callback in self._listeners[kind]:
                    self._listeners[kind].remove(callback)

        return forget

    def follow(self, callback: Callable[[], None]) -> Forget:
        """Be called in the server's thread right after a result was folded, at most 25 times a second.

        Returns
        -------
        Callable
            Ends it; harmless when called twice.
        """
        self._followers.append(callback)

        def forget() -> None:
            if callback in self._followers:
                self._followers.remove(callback)

        return forget

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Run something in the server's thread, soon; from any thread. Nothing happens once the server has gone."""
        loop = self.loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(function, *arguments)

    def command_id(self) -> str:
        """A new id for a command: a repeated one would only bring the first reply again."""
        return f"dashboard-{os.getpid()}-{time.monotonic_ns():x}-{next(self._count)}"

    async def send(self, command: Command) -> Reply:
        """The session's reply to a command; ``ok`` is false where it refuses, ``message`` says why.

        Raises
        ------
        SessionError
            Nobody answers.
        """
        order: Future[Reply] = Future()
        self._orders.put((command, order))
        try:
            return await asyncio.wait_for(asyncio.wrap_future(order), ANSWER_S)
        except TimeoutError as error:
            raise SessionError(
                f"the session did not answer '{command.command}' within {ANSWER_S:g} s; is it still running?"
            ) from error

    # --- for the display's thread

    def heard(self, packet: Packet) -> None:
        """Give a packet to who listens to its kind."""
        with self.lock:
            listeners = tuple(self._listeners.get(type(packet), ()))
        for listener in listeners:
            listener(packet)

    @property
    def wanted(self) -> frozenset[type[Packet]]:
        """Packets on demand that somebody listens to."""
        with self.lock:
            return frozenset(
                kind for kind, listeners in self._listeners.items() if listeners and TOPIC_OF[kind] in ON_DEMAND
            )

    def orders(self) -> Iterator[tuple[Command, Future[Reply]]]:
        """Commands that wait to be sent, each with where its reply goes."""
        while True:
            try:
                yield self._orders.get_nowait()
            except Empty:
                return

    def open(self) -> None:
        """Nothing to get ready."""

    def result(self, state: State, result: Result) -> None:
        """Keep a result, and have the pages told."""
        took = durations(result.stamps).get(TOTAL)
        with self.lock:
            self.recent.append(result)
            if took is not None and result.stamps.shown is not None and not self._past(result):
                self.history.append((result.stamps.shown, took))
        self.call(self._tell)

    def tick(self, state: State, at_s: float) -> None:
        """Pages look for themselves."""

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Have the pages told of the last ones."""
        self.call(self._tell)

    def _past(self, result: Result) -> bool:
        """Whether it was committed before this display came: its way here says nothing of latency."""
        committed = result.stamps.committed
        return committed is not None and committed < self.state.joined_s

    # --- in the server's thread

    def _tell(self) -> None:
        if self._telling or self.loop is None:
            return
        self._telling = True
        self.loop.call_later(max(0.0, self._told_s + FRAME_S - time.monotonic()), self._tell_now)

    def _tell_now(self) -> None:
        self._telling, self._told_s = False, time.monotonic()
        for follower in tuple(self._followers):
            follower()
