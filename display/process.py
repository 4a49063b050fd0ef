"""The display process: sockets to state, state to screens."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from config.settings import ParticipantSource, Settings
from display.client import Client, Malformed
from display.dashboard.view import View
from display.lsl import Outlet
from display.plain import Plain
from display.report import report, write_report
from display.state import State
from display.terminal import Terminal, usable
from display.trace import Trace
from display.truth import Truth, read_truth
from wire import tuning
from wire.clock import now
from wire.codec import decode, encode
from wire.endpoints import endpoints_of
from wire.packets import Due, Packet, Reply, Result

REDRAW_S = 0.2
BEAT_S = 0.25
ASK_AGAIN_S = 0.2
HELD_S = 0.5
"""A display that did nothing for longer was held up itself: stopped, or without processor time."""
DRAIN_S = 5.0
"""After acquisition's last word, how long to ask for results that are missing here."""


@dataclass(frozen=True)
class Options:
    """What the command line adds to the settings.

    Attributes
    ----------
    headless
        No drawing and no line a result.
    trace
        File for every result shown, as JSON lines.
    name
        As acquisition lists this display.
    """

    headless: bool = False
    trace: Path | None = None
    name: str = ""


class Screen(Protocol):
    """Somewhere results are shown. Constructors only store."""

    def open(self) -> None:
        """Get ready."""
        ...

    def result(self, state: State, result: Result) -> None:
        """Show a result, once."""
        ...

    def tick(self, state: State, at_s: float) -> None:
        """Show everything else, at most five times a second."""
        ...

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Show the final numbers and let go."""
        ...


def screens(settings: Settings, options: Options, state: State) -> list[Screen]:
    """What a display's settings ask for; a live view stands last."""
    shown = settings.display
    found: list[Screen] = []
    if options.trace is not None:
        found.append(Trace(options.trace))
    if shown.lsl:
        found.append(Outlet(f"eegseek-results-{settings.session.name}", lan=shown.lan))
    if options.headless:
        found.append(Plain(quiet=True))
    elif shown.plain or not usable():
        found.append(Plain())
    else:
        found.append(Terminal(settings, state))
    return found


class Display:
    """A display. The constructor only stores; `run` connects, shows until the end, and reports.

    Parameters
    ----------
    state
        What it knows: empty at first.
    client
        Its connection.
    shown_on
        Where it shows it.
    lock
        Held while the state changes, where other threads read it.
    """

    def __init__(
        self,
        state: State,
        client: Client,
        shown_on: Sequence[Screen],
        lock: AbstractContextManager[object] | None = None,
    ):
        self.state = state
        self.client = client
        self.screens = shown_on
        self.lock = lock or nullcontext()
        self._stop = False
        self._ticked_s = self._beat_s = self._asked_s = float("-inf")
        self._awake_s = 0.0
        self._ended_s: float | None = None

    def stop(self, number: int = 0, frame: FrameType | None = None) -> None:
        """Leave soon; also a signal handler."""
        self._stop = True

    def run(self) -> None:
        """Show until acquisition has ended and nothing is missing, or `stop`."""
        self.state.joined_s = self._awake_s = now()
        for screen in self.screens:
            screen.open()
        self.client.open()
        while not self._stop and not self._finished():
            self._once()
        for screen in self.screens:  # what came last is shown, too
            screen.tick(self.state, now())

    def finish(self, numbers: dict[str, Any]) -> None:
        """Let go of everything, the final numbers shown."""
        self.client.close()
        for screen in self.screens:
            screen.close(self.state, numbers)

    def _once(self) -> None:
        for packet, fetched in self.client.arrivals(BEAT_S / 5):
            self._awake()
            with self.lock:
                self._take(packet, fetched)
        at_s = self._awake()
        if at_s - self._beat_s >= BEAT_S:
            self._beat_s = at_s
            name, why = self.state.own(at_s)
            self.client.beat(name, {"results": self.state.results, "malformed": self.state.malformed}, why)
        self._ask(at_s)
        if at_s - self._ticked_s >= REDRAW_S:
            self._ticked_s = at_s
            with self.lock:
                self.state.turns.watch(at_s)
            for screen in self.screens:
                screen.tick(self.state, at_s)

    def _awake(self) -> float:
        """Note that this process runs, and when; where it did not for long, acquisition is not blamed."""
        at_s = now()
        if at_s - self._awake_s > HELD_S:
            self.state.turns.excuse(at_s - self._awake_s)
        self._awake_s = at_s
        return at_s

    def _take(self, packet: Packet | Malformed, fetched: bool) -> None:
        if isinstance(packet, Malformed):
            self.state.malformed += 1
        elif isinstance(packet, Due):
            self._rehearse()
        elif isinstance(packet, Reply):
            if asked := self.client.replied(packet):
                self.state.served(asked.key, asked.answered, packet.next_sequence)
        elif result := self.state.fold(packet, now(), fetched=fetched):
            for screen in self.screens:
                screen.result(self.state, result)

    def _rehearse(self) -> None:
        """A result is about to come: read the latest once more, so that the caches are warm."""
        if self.state.latest is not None:
            decode(encode(self.state.latest))

    def _ask(self, at_s: float) -> None:
        """Ask for what is missing of the running segment; a former one's is no longer to be had."""
        key = self.state.current
        if key is None or at_s - self._asked_s < ASK_AGAIN_S:
            return
        segment = self.state.segment(key)
        if segment.incomplete:
            self._asked_s = at_s
            self.client.ask(key, segment.commits.next, segment.answered, at_s)

    def _finished(self) -> bool:
        state = self.state
        if not state.ended or state.current is None:
            self._ended_s = None
            return False
        if self._ended_s is None:
            self._ended_s = now()
        return not state.segment(state.current).incomplete or now() - self._ended_s > DRAIN_S


def show(settings: Settings, options: Options) -> int:
    """Run a display to its end and write its report; the exit code.

    Raises
    ------
    EegseekError
        Truth, gallery, run folder or report cannot be used.
    """
    ends = endpoints_of(settings.run)
    state = State(Truth())
    client = Client(ends, options.name or "display", os.getpid())
    shown_on = screens(settings, options, state)
    live = shown_on[-1] if isinstance(shown_on[-1], Terminal) else None
    display = Display(state, client, shown_on) if live is None else _watcher(state, client, live, shown_on[:-1])

    def run() -> None:
        tuning.settle(settings.run, live=settings.dispatch.policy == "drop_oldest")
        display.run()

    old = {number: signal.signal(number, display.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        state.truth = read_truth(settings)
        if live is None:
            run()
        else:
            live.host(run, display.stop)
    finally:
        numbers = report(state, now(), snr_db(settings))
        display.finish(numbers)
        for number, handler in old.items():
            signal.signal(number, handler)
    if settings.display.report:
        write_report(Path(settings.display.report), numbers)
    return 0


def _watcher(state: State, client: Client, view: View, others: Sequence[Screen]) -> Display:
    from display.dashboard.process import Watcher  # which is a display itself

    return Watcher(state, client, view, others)


def snr_db(settings: Settings) -> float | None:
    """Signal-to-noise ratio of a simulated participant that acquisition itself plays."""
    source = settings.source
    return source.snr_db if isinstance(source, ParticipantSource) and source.signal else None
