"""The thread that pulls the source, journals each chunk first, filters, cuts, and hands windows over."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import zmq

from acquisition.averages import Averages
from acquisition.delivery_account import CALIBRATION, PAUSED, Cut
from acquisition.foresight import Foresight
from acquisition.handoff import Batch, Facts, Handoff
from acquisition.onlookers import Onlookers
from acquisition.packing import Packer
from acquisition.pipeline import Pipeline
from acquisition.plan import Plan
from acquisition.quality import with_impedance
from acquisition.rebuild import Rebuilt
from acquisition.recorder import Recorder
from acquisition.silences import Silences
from acquisition.sorting import sort
from acquisition.switches import Switches
from acquisition.types import Chunk, Gap, Interruptible, Measuring, Output, Patient, Source, StreamInfo
from config.errors import EegseekError, SourceError
from wire.clock import now
from wire.packets import Draft, Preview, Quality, Rejected, State
from wire.states import RECOVERED_S

READ_S = 0.05
"""Longest wait for samples: so often a silent source is looked after."""
TELL_S = 0.25
QUALITY_S = 1.0
YIELD_S = 0.0003
"""Once a window is handed over: the thread that sends it needs the interpreter, and nothing else is urgent."""
_WORDS = {
    "stalled": "no samples for a while; windows wait for what follows",
    "lost": "the stream is lost and looked for",
    "recovered": "the stream is back after {silence_ms:.0f} ms without samples",
}
_STATES: tuple[State, ...] = ("connected", "stalled", "lost", "recovered")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """What a reader works on.

    Attributes
    ----------
    session, segment, plan
        Of the run.
    source
        Not yet open.
    kind
        Of the source, for people.
    wait_worker_s
        Live, the source is opened once a worker is ready, so that the first windows do not expire while workers
        load; after this long it is opened all the same, with a warning. 0 with policy ``block``: windows wait.
    former
        Gives the averages of former segments of this session.
    """

    session: str
    segment: int
    plan: Plan
    source: Source
    kind: str
    wait_worker_s: float
    former: Callable[[], Rebuilt]


class Reader:
    """Read a source to its end. The constructor only stores; `run` does the work, in a thread of its own.

    Parameters
    ----------
    job
        What to read, and how.
    recorder, handoff, switches
        Shared with the broker.
    """

    def __init__(self, job: Job, recorder: Recorder, handoff: Handoff, switches: Switches) -> None:
        self.job = job
        self.recorder = recorder
        self.handoff = handoff
        self.switches = switches
        self.state: State = "waiting"
        self.message = ""
        self.aside = {PAUSED: 0, CALIBRATION: 0}
        self.paused_parts = 0
        self.gaps = 0
        self.samples = 0
        self._pipeline: Pipeline | None = None
        self._packer: Packer | None = None
        self._facts: Facts | None = None
        self._aside: Averages | None = None
        self._why = PAUSED
        self._onlookers: Onlookers | None = None
        self._foresight: Foresight | None = None
        self._patient = job.source if isinstance(job.source, Patient) else None
        self._measuring: Measuring | None = None
        self._silences = Silences()
        self._told_s = self._quality_s = self._back_s = float("-inf")
        self._sampled_s = self._silence_s = 0.0
        self._before_s: float | None = None
        self._rate_hz = 0.0

    def run(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Read until the source ends, a stop is asked for, or it fails; then hand over what is left.

        Raises
        ------
        EegseekError
            The source, the journal or the plan failed; what was read until then is accounted for.
        """
        self.handoff.open(context)
        error: EegseekError | None = None
        try:
            try:
                self._read()
            except EegseekError as caught:
                error = caught
            self.job.source.close()
            error = self._finish(error)
        finally:
            self.job.source.close()
            self.handoff.close()
        if error is not None:
            raise error

    def _read(self) -> None:
        self._await_worker()
        if self.switches.stop:
            return
        try:
            pipeline = self._open()
        except SourceError as error:
            if not self.switches.stopping():
                raise
            _log.info("stopped while the source was opened: %s", error)
            return
        foresight = self._foresight = Foresight(pipeline)
        final = False
        while not final and not self.switches.stop:
            self._prepare(foresight)
            chunk = self.job.source.read(READ_S)
            self.recorder.chunk(chunk)
            resumed = self._resume(chunk)
            self.samples += chunk.samples.shape[1]
            foresight.add(chunk)
            self._pause(pipeline)
            outputs = pipeline.feed(chunk)
            changed = self._turn(chunk.state, got=chunk.samples.shape[1] > 0) or resumed
            changed |= self._remark(chunk)
            self._hand_over(outputs, changed=changed)
            if self.switches.previews and self._onlookers is not None:
                self._show(self._onlookers.look(chunk, now()))
            final = chunk.final

    def _prepare(self, foresight: Foresight) -> None:
        if self._patient is not None:
            least, draft = foresight.prepare(drafts=self.switches.drafts and self._aside is None)
            if draft is not None and self._packer is not None:
                self._hand_over((), draft=self._packer.draft(draft))
            self._patient.wait_for(least)

    def _await_worker(self) -> None:
        if self.switches.served or self.job.wait_worker_s <= 0:
            return
        self._tell("waiting", "waiting for a worker to be ready before reading starts")
        until = now() + self.job.wait_worker_s
        while not self.switches.served and not self.switches.stop:
            if now() > until:
                _log.warning(
                    "no worker is ready after %g s (run.start_s): reading starts without one, and windows expire",
                    self.job.wait_worker_s,
                )
                return
            time.sleep(0.01)

    def _open(self) -> Pipeline:
        job = self.job
        rebuilt = self._continue()
        self._tell("waiting", f"opening the {job.kind} source")
        if isinstance(job.source, Interruptible):
            job.source.interrupt_when(self.switches.stopping)
        info = job.source.open()
        self._measuring = job.source if isinstance(job.source, Measuring) else None
        for note in info.notes:
            _log.warning("%s: %s", info.name, note)
        pipeline = Pipeline(info, job.plan, rebuilt.averages)
        self.recorder.open(info)
        self._packer = Packer(
            job.session,
            job.segment,
            pipeline.channels,
            job.plan.window.rate_hz,
            info.simulated,
            info.replayed,
            len(job.plan.window.parts_s),
        )
        self._facts = _facts(info, pipeline)
        self._onlookers = Onlookers(pipeline, job.session, job.segment)
        self._pipeline = pipeline
        self._tell("connected", _words(info, rebuilt))
        self._before_s, self._rate_hz = rebuilt.last_s, info.rate_hz
        return pipeline

    def _continue(self) -> Rebuilt:
        began = now()
        rebuilt = self.job.former()
        if rebuilt.segments:
            _log.warning(
                "averages of %d stimuli continued from %d windows in %d former segments, in %.1f s",
                len(rebuilt.averages),
                rebuilt.windows,
                rebuilt.segments,
                now() - began,
            )
        return rebuilt

    def _pause(self, pipeline: Pipeline) -> None:
        """While paused, windows are averaged apart: what nobody decodes must not be in a later average."""
        paused = self.switches.paused or self.switches.calibrating
        if paused and self._aside is None:
            self._why = CALIBRATION if self.switches.calibrating else PAUSED
            self._aside, pipeline.averages = pipeline.averages, Averages(self.job.plan.max_stimuli)
        elif not paused and self._aside is not None:
            pipeline.averages, self._aside = self._aside, None

    def _resume(self, chunk: Chunk) -> bool:
        """At the first samples: write down how long the session was without any; whether it goes on from before."""
        if self._before_s is None or not chunk.stamps.size:
            return False
        first_s, before_s = float(chunk.stamps[0]), self._before_s
        self._before_s = None
        missing = (first_s - before_s) * self._rate_hz - 1.0
        if missing <= 0:
            return False
        self.gaps += 1
        self.message = f"the session goes on after {1e3 * (first_s - before_s):.0f} ms without samples"
        self.recorder.gap(Gap(0, missing, first_s, missing / self._rate_hz))
        self.recorder.note(self.message)
        _log.warning("%s (segment %d)", self.message, self.job.segment)
        return True

    def _turn(self, state: str, *, got: bool) -> bool:
        """Follow the source's own state; whether it changed. ``recovered`` holds for a while, for people to see."""
        at = now()
        if got:
            self._silence_s, self._sampled_s = at - (self._sampled_s or at), at
        fresh = self.state == "recovered" and at - self._back_s < RECOVERED_S
        if state == self.state or (state == "connected" and fresh):
            return False
        if state == "recovered":
            self._back_s = at
        if state in _WORDS:
            self.message = _WORDS[state].format(silence_ms=1000 * self._silence_s)
        self.state = next(known for known in _STATES if known == state)
        return True

    def _remark(self, chunk: Chunk) -> bool:
        """Pass on what the source had to do; whether there was anything."""
        self._silences.hear(chunk)
        if not chunk.remark:
            return False
        self.message = chunk.remark
        self.recorder.note(chunk.remark)
        _log.warning("%s", chunk.remark)
        return True

    def _finish(self, error: EegseekError | None) -> EegseekError | None:
        """Everything that is still pending gets its end, and the broker its last batch."""
        if error is not None:
            self.state, self.message = "lost", str(error)
        else:
            self.message = "reading has ended; outstanding answers are waited for"
        outputs = [] if self._pipeline is None else self._pipeline.finish()
        try:
            self._hand_over(outputs, ended=True)
        except EegseekError as caught:
            return error or caught
        return error

    def _tell(self, state: State, message: str) -> None:
        self.state, self.message = state, message
        self._hand_over([], changed=True)

    def _hand_over(
        self, outputs: Iterable[Output], *, changed: bool = False, ended: bool = False, draft: Draft | None = None
    ) -> None:
        at = now()
        why = "" if self._aside is None else self._why
        packed = sort(outputs, self._packer, at, why=why, taps=self.switches.taps)
        if why:
            self.aside[why] += packed.aside
            self.paused_parts += packed.aside_parts
        if self._foresight is not None:
            for one in packed.expected:
                self._foresight.expect(one)
        due = self._foresight.due() if self._foresight is not None else []
        quality = self._quality(at)
        self._count_gaps(packed.gaps)
        news = packed or due or quality or changed or ended or draft
        if not news and at - self._told_s < TELL_S:
            return
        self._told_s = at
        facts, self._facts = self._facts, None
        try:
            self._record(packed.rejected, packed.gaps)
        finally:  # the account closes even where the journal does not
            self.handoff.put(
                Batch(
                    windows=tuple(packed.windows),
                    drafts=() if draft is None else (draft,),
                    rejected=tuple(packed.rejected),
                    due=tuple(due),
                    quality=quality,
                    taps=tuple(packed.taps),
                    cut=self._cut(),
                    state=self.state,
                    message=self.message,
                    facts=facts,
                    ended=ended,
                ),
                self.switches.stopping,
            )
        if packed.windows and self._patient is not None:
            time.sleep(YIELD_S)

    def _show(self, previews: tuple[Preview, ...]) -> None:
        """Hand over what is only looked at, behind the windows of the same chunk."""
        if previews:
            batch = Batch(previews=previews, cut=self._cut(), state=self.state, message=self.message)
            self.handoff.put(batch, self.switches.stopping)

    def _record(self, rejected: list[Rejected], gaps: list[Gap]) -> None:
        for gap in gaps:
            self.recorder.gap(gap)
        for packet in rejected:
            self.recorder.packet(packet)

    def _count_gaps(self, gaps: list[Gap]) -> None:
        for gap in gaps:
            self.gaps += 1
            self.message = self._silences.tell(gap)
            _log.warning("%s (before sample %d)", self.message, gap.index)

    def _quality(self, at: float) -> Quality | None:
        if self._pipeline is None or at - self._quality_s < QUALITY_S:
            return None
        self._quality_s = at
        made, source = self._pipeline.quality(at), self._measuring
        return made if made is None or source is None else with_impedance(made, source.impedance())

    def _cut(self) -> Cut:
        if self._pipeline is None:
            return Cut()
        account = self._pipeline.account
        return Cut(
            counters=account.counters(),
            rejected_by=dict(account.rejected_by),
            paused=self.aside[PAUSED],
            calibration=self.aside[CALIBRATION],
            paused_parts=self.paused_parts,
            extra={"samples": self.samples, "gaps": self.gaps, "evicted": self._pipeline.averages.evicted},
        )


def _facts(info: StreamInfo, pipeline: Pipeline) -> Facts:
    gauges = {"rate_hz": info.rate_hz, "settling_s": pipeline.settling_s, "group_delay_s": pipeline.group_delay_s}
    gauges["marker_delay_s"] = pipeline.plan.markers.delay_s
    return Facts(source=f"{info.kind} '{info.name}'", simulated=info.simulated, gauges=gauges)


def _words(info: StreamInfo, rebuilt: Rebuilt) -> str:
    words = [f"reading {len(info.channels)} channels at {info.rate_hz:g} Hz", *info.notes]
    if rebuilt.windows:
        words.append(f"averages continued from {rebuilt.windows} windows of former segments")
    return "; ".join(words)
