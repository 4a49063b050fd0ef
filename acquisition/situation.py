"""The state of a run in one word and one sentence, and the status that tells it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace

from acquisition.delivery_account import Cut, rejected_by, totals
from acquisition.dispatch import Dispatcher
from acquisition.handoff import Batch, Facts
from wire.packets import PeerState, State, Status

CALIBRATING = "calibrating: windows go to training, none is answered"


@dataclass(frozen=True)
class Situation:
    """What is known of the signal side, and how far the run is.

    Attributes
    ----------
    state, message
        Of the source.
    ailments
        What is amiss though the run works, in words; see `acquisition.ailments`.
    cut, facts
        Its account, and what it is.
    paused
        On request.
    calibrating
        There is no encoder yet.
    ended
        Words of the end, empty before.
    """

    session: str
    segment: int
    state: State = "waiting"
    message: str = "starting"
    cut: Cut = field(default_factory=Cut)
    facts: Facts = field(default_factory=Facts)
    paused: bool = False
    calibrating: bool = False
    ended: str = ""
    ailments: tuple[str, ...] = ()

    def after(self, batch: Batch) -> Situation:
        """With a batch taken in."""
        facts = self.facts if batch.facts is None else batch.facts
        return replace(self, state=batch.state, message=batch.message, cut=batch.cut, facts=facts)

    def words(self, dispatcher: Dispatcher) -> tuple[State, str]:
        """State and sentence: what matters most comes first."""
        if self.ended:
            return "stopped", self.ended
        if self.state not in ("connected", "recovered"):
            return self.state, self.message
        if self.calibrating:
            return "paused", CALIBRATING
        if self.paused:
            return "paused", "stimuli are rejected until start"
        if not dispatcher.workers.usable():
            return "degraded", f"no worker is ready, windows wait; {self._foreign(dispatcher) or self.message}"
        if foreign := self._foreign(dispatcher):
            return "degraded", foreign
        if self.ailments:
            return "degraded", "; ".join(self.ailments)
        return self.state, self.message

    def counters(self, dispatcher: Dispatcher) -> dict[str, int]:
        """All counters of the run."""
        return totals(self.cut, dispatcher.counts, dispatcher.in_flight, dispatcher.part_counts)

    def status(
        self, dispatcher: Dispatcher, now: float, extra: dict[str, int], displays: tuple[PeerState, ...]
    ) -> Status:
        """The status to publish; the last one where the run has ended."""
        state, message = self.words(dispatcher)
        return Status(
            role="acquisition",
            name="acquisition",
            pid=os.getpid(),
            session=self.session,
            segment=self.segment,
            state=state,
            message=message,
            time_s=now,
            simulated=self.facts.simulated,
            source=self.facts.source,
            counters={**self.counters(dispatcher), **extra},
            rejected_by=rejected_by(self.cut),
            gauges={**self.facts.gauges, "queue": float(dispatcher.queued)},
            peers=(self._source(), *dispatcher.workers.peers(now), *displays),
            last=bool(self.ended),
        )

    def _source(self) -> PeerState:
        """The source as a peer: its own state, whatever else is the matter."""
        state, message = self.state, self.message
        if self.ended and state != "lost":
            state, message = "stopped", ""
        return PeerState(role="source", name="source", pid=0, state=state, message=message, age_s=0.0)

    @staticmethod
    def _foreign(dispatcher: Dispatcher) -> str:
        foreign = dispatcher.workers.foreign()
        if not foreign:
            return ""
        ready = foreign[0].ready
        ours = ", ".join(sorted(dispatcher.workers.encoders))
        return f"worker '{ready.worker}' has encoder {ready.encoder}, this run is cut for {ours}: it gets no windows"
