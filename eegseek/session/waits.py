"""What a session waits for with a limit: a check that is measured, and a decoder that begins to answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from config.guide import note_check
from eegseek.session.ear import Ear
from eegseek.session.events import Checked, Event
from eegseek.session.events import Serving as Serves
from eegseek.session.link import Link
from eegseek.session.measure import Measure
from eegseek.session.place import Workplace
from eegseek.session.serving import Serving
from eegseek.session.terminal import Terminal
from wire.clock import now

SERVE_S = 120.0
MEASURE_S = 15.0
"""A check that has no samples for so long ends without a finding."""


class Waits:
    """The constructor only stores.

    Parameters
    ----------
    work, terminal, link, ear
        Of the session.
    """

    def __init__(self, work: Workplace, terminal: Terminal, link: Link, ear: Ear) -> None:
        self.work, self.terminal, self.link, self.ear = work, terminal, link, ear
        self._measure: Measure | None = None
        self._serving: Serving | None = None

    def measure(self, kind: Literal["blink", "eyes"]) -> None:
        """Begin a check."""
        self.link.previews(True)
        self._measure = Measure(kind, now())

    def serve(self) -> None:
        """Begin to wait for answers."""
        self._serving = Serving(now() + SERVE_S, wants_start=self.work.calibrates)

    def nothing(self) -> None:
        """Wait for nothing any more."""
        if self._measure is not None:
            self.link.previews(False)
        self._measure = self._serving = None

    @property
    def words(self) -> str:
        """What is to be done at this moment."""
        return self._measure.words(self.ear.samples.last_s) if self._measure is not None else ""

    def look(self) -> Iterator[Event]:
        """What has come."""
        if self._measure is not None:
            yield from self._measured(self._measure)
        if self._serving is not None:
            yield from self._served(self._serving)

    def _measured(self, measure: Measure) -> Iterator[Event]:
        at_s = self.ear.samples.last_s
        if at_s < measure.begin_s - 1:
            if now() - measure.begin_s > MEASURE_S:
                yield self._checked(passed=False, told="No samples came, so that nothing could be measured.")
            return
        self.terminal.line(measure.words(at_s))
        if measure.over(at_s):
            seen = measure.seen(self.ear.samples)
            if self.work.simulated:
                seen = seen.model_copy(
                    update={"words": f"{seen.words} (SIMULATED: nobody blinks, and no brain is there.)"}
                )
            note_check(self.work.folder, seen)
            yield self._checked(passed=seen.passed, told=seen.words)

    def _checked(self, *, passed: bool, told: str) -> Event:
        self.nothing()
        self.terminal.ring()
        return Checked(passed, told)

    def _served(self, serving: Serving) -> Iterator[Event]:
        reply = self.ear.replies.pop(serving.asked, None)
        if reply is not None:
            serving = serving.told(reply.ok, reply.message)
        wait = serving.now(bundle=self.work.bundle, workers=self.ear.workers, flows=self.ear.flows, at_s=now())
        if wait == "start":
            serving = serving.ask(self.link.ask("start"), now())
        self._serving = serving
        if wait in ("done", "failed"):
            self._serving = None
            yield Serves("" if wait == "done" else serving.why)
        else:
            self.terminal.line("waiting for the decoder …" if wait == "bundle" else "the decoder's worker starts …")
