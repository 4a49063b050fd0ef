"""Chunks in, decided windows out: dejitter, chain, ring, markers, rejection, averages. Pure; the same live and offline.

Nothing that comes out depends on how the samples were chunked, but for ``sample_in``: a window is decided on its last
needed sample, or, where that sample lies in a suspect, on the sample that brings the verdict; windows decided within
one call come in that order, then by sequence. (A marker that arrives after its last sample is decided on arrival, which
chunks can only tell to their own length.)

A window may have parts: what is known of it at earlier ends, given out as soon as it has come. They wait for verdicts
as windows do, are cut and judged by the same rules over their own samples, and change nothing in what comes of the
whole window. A part that one sample decides together with a later one (a late marker, a verdict) is skipped.

A gap is confirmed up to a second after its place. Windows that touch the suspect wait; on confirmation the filters
start anew at the gap and run again over the raw samples that the ring still holds, as if it had been known at once.
"""

from __future__ import annotations

import math
from bisect import insort
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from acquisition.account import Account
from acquisition.averages import Averages
from acquisition.chain import Chain
from acquisition.dejitter import LONGEST, VERDICT_S, Dejitter, Verdict
from acquisition.judge import Judge
from acquisition.patience import Patience
from acquisition.plan import Plan
from acquisition.resample import draft_grid, make_grids
from acquisition.ring import Ring
from acquisition.types import Chunk, Early, Epoch, Expected, Gap, Missed, Output, Refused, StreamInfo
from acquisition.windows import Intake, Pending, Place, locate
from wire.packets import Quality

BLOCK_S = 0.5
"""Longer chunks are taken in pieces, so that the ring need not hold a chunk of any length."""
MOST_PENDING = 2048
"""Stimuli that may wait for their samples: those of a minute at 34 a second. More is a storm, and missed."""
CALM_S = 0.03
"""With no window due for so long there is time for what nobody waits for."""
STEPPED_BACK_S = 0.1
"""While the clock may have been set back by more, markers that come wait for the verdict: it may be on their stamps."""

Decided = tuple[int, int, Gap | Pending | tuple[Pending, int]]
"""(sample that decided it, sequence, what: a gap, a whole window, or one of its parts)."""


class Pipeline:
    """One stream's pipeline.

    Parameters
    ----------
    info
        What the source says of itself.
    plan
        What to cut and how.
    averages
        Running averages to continue; new ones where None.

    Attributes
    ----------
    account
        Where every stimulus went.
    averages
        Running averages by stimulus; may be replaced between calls.
    channels
        Names of the rows of the windows.
    settling_s
        After the start, and after a gap, windows are rejected for this long: the chain's settling time, and the time
        that the clock takes to anchor where stamps have jitter.
    group_delay_s
        Of the chain, in its pass band.
    draft_samples
        A window's first samples can be given out so many samples before its last.

    Raises
    ------
    SettingsError
        The stream cannot give what the plan asks for.
    """

    def __init__(self, info: StreamInfo, plan: Plan, averages: Averages | None = None) -> None:
        self.info = info
        self.plan = plan
        self._chain = Chain(plan.chain, info.rate_hz, info.channels, plan.rejection.railed_uv)
        plan.check(info)
        self._grids = make_grids(plan.window, info.rate_hz)
        self._grid = self._grids[-1]
        self._parts = len(self._grids) - 1
        self._draft = draft_grid(plan.window, self._grid)
        self.draft_samples = self._grid.hi - self._draft.hi
        self._dejitter = None if info.exact_rows else Dejitter(info.rate_hz, info.has_counter)
        self.account = Account()
        self.averages = Averages(plan.max_stimuli) if averages is None else averages
        self.channels = self._chain.channels
        self.settling_s = max(self._chain.settling_s, 0.0 if info.exact_rows else VERDICT_S)
        self.group_delay_s = self._chain.group_delay_s
        self._settling = math.ceil(self.settling_s * info.rate_hz)
        self._block = max(1, math.ceil(BLOCK_S * info.rate_hz))
        self._intake = Intake(plan.markers, info.rate_hz, self.account)
        self._patience = Patience(plan.markers.early_s, info.rate_hz)
        self._ring = Ring(len(self._chain.used), len(self.channels), self._ring_size())
        self._judge = Judge(self._ring, info, plan, self.channels, self._settling)
        self._pending: list[Pending] = []

    @property
    def ring(self) -> Ring:
        """The last seconds of the stream, for reading only."""
        return self._ring

    def feed(self, chunk: Chunk) -> list[Output]:
        """Take a chunk, empty or not, and return what it decided.

        Parameters
        ----------
        chunk
            As the source gave it. Its events are taken in before its samples.
        """
        outputs: list[Output] = []
        times = chunk.stamps.shape[0]
        self._patience.hear(chunk, self._ring.end)
        for event in chunk.events:
            admitted = self._intake.admit(event)
            if admitted is not None:
                admitted.heard = self._ring.end + times
                outputs += self._expect(admitted, chunk.arrived)
        decided = 0
        for begin in range(0, times, self._block):
            verdicts = self._advance(chunk, begin, min(begin + self._block, times))
            decided += len(verdicts)
            outputs += self._decide(verdicts)
        if not times and chunk.events:
            outputs += self._decide(())
        if chunk.events or decided:
            outputs += self._miss_the_far()
        if outputs:
            self.account.check(len(self._pending))
            self.account.parts.check(sum(self._parts - one.part for one in self._pending))
        elif (awaited := self.needed()) is None or awaited > CALM_S * self.info.rate_hz:
            self._judge.look(calm=True)
        return outputs

    def finish(self) -> list[Output]:
        """The stream has ended: decide what can be, the rest is missed."""
        verdict = None if self._dejitter is None else self._dejitter.finish()
        if verdict is not None:
            self._apply(verdict)
        outputs = self._decide(() if verdict is None else (verdict,))
        left, self._pending = self._pending, []
        outputs += [self._missed(one, "ended: the stream ended before its samples came") for one in left]
        self.account.check(0)
        self.account.parts.check(0)
        return outputs

    def needed(self) -> int | None:
        """Samples to come until the next window or part can be decided, 1 or more; None where nothing is awaited.

        An estimate while an onset's own samples have not come.
        """
        if not self._pending or not self._ring.end:
            return None
        if self._opened is not None:
            return 1  # any sample may bring the verdict
        return max(1, min(map(self._to_come, self._pending)))

    def draft(self) -> Epoch | None:
        """The first samples of a whole window that will soon be complete, each window once; None where there is none.

        Bit for bit the beginning of what will come, unless that is refused, or a gap or another repeat comes first.
        """
        if self._opened is not None:
            return None
        for one in self._pending:
            if one.drafted or one.part < self._parts or one.place is None or self._gone(one):
                continue
            begin, end = one.place.sample + self._grid.lo, one.place.sample + self._draft.hi + 1
            if begin >= 0 and end <= self._ring.end:
                one.drafted = True
                single = self._draft.cut(self._ring.filtered(begin, end))
                return self._epoch(one, one.place, end, single, *self.averages.peek(one.stimulus, single))
        return None

    def rehearse(self) -> None:
        """Look at the samples of the next window that are here, and cut and judge the last as if they were one.

        The latter for nothing but a warm cache.
        """
        awaited = min(self._pending, key=self._to_come, default=None)
        if awaited is not None and awaited.place is not None and not self._gone(awaited):
            first = awaited.place.sample + self._grid.lo
            if 0 <= first < self._ring.end:
                self._judge.prepare(first, self._ring.end)
        begin, end = self._ring.end - (self._grid.hi - self._grid.lo + 1), self._ring.end
        if begin >= self._ring.start:
            self._judge.why(Place(begin - self._grid.lo, 0.0, 0, (begin, begin)), begin, end)
            self._grid.cut(self._ring.filtered(begin, end))

    def quality(self, time_s: float) -> Quality | None:
        """Per-channel state over the last second; None before there is one.

        Parameters
        ----------
        time_s
            Stamp of the packet, acquisition's clock.
        """
        return self._judge.quality(time_s)

    def _ring_size(self) -> int:
        """Late markers, the whole window, the longest wait for a verdict, and a second for the quality."""
        rate, grid = self.info.rate_hz, self._grid
        seconds = self.plan.markers.late_s + LONGEST + 1.0
        return math.ceil(seconds * rate) + max(0, -grid.lo) + max(0, grid.hi) + 2 * self._block

    def _expect(self, one: Pending, arrived: float) -> list[Output]:
        """A new stimulus: expected, part by part, unless it comes too late."""
        one.since = self._ring.end
        self.account.parts.admit(self._parts)
        if not math.isfinite(one.onset_s):
            one.onset_s = arrived
            return [self._missed(one, "no_stamp: the marker's stamp is not a finite number")]
        if len(self._pending) >= MOST_PENDING:
            return [self._missed(one, f"storm: {MOST_PENDING} stimuli wait for their samples already")]
        late_s = self.plan.markers.late_s
        behind = -self._ahead(one) if self._opened is None and self._ring.end else 0.0
        if behind > late_s:
            return [self._missed(one, f"late: the marker came {behind:.2f} s after its samples, {late_s:g} is kept")]
        self._pending.append(one)
        return [Expected(one.sequence, one.onset_s + grid.hi / self.info.rate_hz) for grid in self._grids]

    def _to_come(self, one: Pending) -> int:
        last = self._grids[one.part].hi
        if one.place is not None:
            return one.place.sample + last + 1 - self._ring.end
        return math.floor(self._ahead(one) * self.info.rate_hz) + last

    def _ahead(self, one: Pending) -> float:
        """Seconds from the newest sample to an onset."""
        newest = self._ring.end - 1
        if one.position is not None:
            return (one.position - newest) / self.info.rate_hz
        return one.onset_s - self._ring.stamp(newest)

    def _advance(self, chunk: Chunk, begin: int, end: int) -> tuple[Verdict, ...]:
        """Bring samples [begin, end) of a chunk into the ring, and the clock's verdicts into effect."""
        stamps = chunk.stamps[begin:end]
        used = self._chain.select(chunk.samples[:, begin:end])
        filtered, bad = self._chain.filter(used)
        flags = False if bad is None else bad
        verdicts: tuple[Verdict, ...] = ()
        if self._dejitter is None:
            self._ring.append(used, filtered, stamps, flags, False, chunk.arrived)
        else:
            corrected = self._dejitter.feed(stamps, None if chunk.counter is None else chunk.counter[begin:end])
            self._ring.append(used, filtered, corrected.stamps, flags, corrected.unsure, chunk.arrived)
            verdicts = corrected.verdicts
        for verdict in verdicts:
            self._apply(verdict)
        self._judge.look(calm=False)
        return verdicts

    def _apply(self, verdict: Verdict) -> None:
        ring = self._ring
        if verdict.stamps.size:
            ring.restamp(verdict.begin, verdict.stamps, verdict.unsure)
        if verdict.kind == "gap":
            # a counted gap may be known before the clock's verdict on it, or on what came before it
            if verdict.begin not in ring.runs:
                insort(ring.runs, verdict.begin)
            later = [run for run in ring.runs if run >= verdict.begin]
            for begin, end in pairwise([*later, ring.end]):
                self._chain.reset()
                ring.refilter(begin, self._chain.filter(ring.raw(begin, end))[0])

    @property
    def _opened(self) -> int | None:
        return None if self._dejitter is None else self._dejitter.opened

    def _decide(self, verdicts: tuple[Verdict, ...]) -> list[Output]:
        """Outputs of all windows that can be decided now, and of the gaps found, in order."""
        if not self._pending and not verdicts:
            return []
        found: list[Decided] = []
        for verdict in verdicts:
            if verdict.kind == "gap":
                stamp, missing_s = self._ring.stamp(verdict.begin), verdict.missing / self.info.rate_hz
                found.append((verdict.decided, -1, Gap(verdict.begin, verdict.missing, stamp, missing_s)))
        left = []
        for one in self._pending:
            ready = self._ready(one, verdicts)
            if ready is not None and one.part < self._parts:
                ready = self._take_parts(one, ready, verdicts, found)
            if ready is None:
                left.append(one)
            else:
                found.append((ready, one.sequence, one))
        self._pending = left
        found.sort(key=lambda item: item[:2])
        outputs = [self._outcome(what) for _, _, what in found]
        return [output for output in outputs if output is not None]

    def _take_parts(self, one: Pending, ready: int, verdicts: tuple[Verdict, ...], found: list[Decided]) -> int | None:
        """Find the parts that have come, the first of them with sample ``ready``; what `_ready` says of the next."""
        while one.part < self._parts and not self._gone(one):
            part, one.part = one.part, one.part + 1
            after = self._ready(one, verdicts)
            at = max(ready, one.since - 1)
            if after is None or after > at:
                found.append((at, one.sequence, (one, part)))
            else:
                self.account.parts.skip()
            if after is None:
                return None
            ready = after
        return ready

    def _gone(self, one: Pending) -> bool:
        """Whether a window's first samples are no longer held, or never were."""
        return one.place is not None and one.place.sample + self._grid.lo < self._ring.start

    def _ready(self, one: Pending, verdicts: tuple[Verdict, ...]) -> int | None:
        """The sample that decided a window, or the part of it that is awaited; None while it is undecided."""
        opened, end = self._opened, self._ring.end
        limit = end if opened is None else opened
        if one.place is None:
            in_doubt = self._dejitter is not None and self._dejitter.stepped_back_s > STEPPED_BACK_S
            if in_doubt and one.heard > limit:
                return None
            one.place = locate(self._ring, one, limit, self.info.rate_hz)
            if one.place is None:
                return None
        if one.place.sample + self._grid.lo < self._ring.start:
            return end
        last = one.place.sample + self._grids[one.part].hi
        if last >= limit:
            return None
        ready = max(last, one.place.known)
        for verdict in verdicts:
            if verdict.opened <= ready < verdict.decided:
                ready = verdict.decided
        return ready

    def _miss_the_far(self) -> list[Output]:
        """Windows whose markers lie further ahead of the samples than allowed."""
        if self._opened is not None or not self._ring.end:
            return []
        early_s = self._patience.early_s
        outputs: list[Output] = []
        left = []
        for one in self._pending:
            ahead = self._ahead(one)
            if ahead <= early_s:
                left.append(one)
            else:
                reason = f"early: the marker came {ahead:.2f} s before its samples, {early_s:g} is allowed"
                outputs.append(self._missed(one, reason))
        self._pending = left
        return outputs

    def _outcome(self, what: Gap | Pending | tuple[Pending, int]) -> Output | None:
        match what:
            case Gap():
                return what
            case Pending():
                return self._whole(what)
        return self._part(*what)

    def _part(self, one: Pending, part: int) -> Early | None:
        """A part, unless a reason holds over the samples that it needs."""
        if one.place is None:
            raise RuntimeError("a part was decided before its onset was located")
        grid, begin = self._grids[part], one.place.sample + self._grid.lo
        end = one.place.sample + grid.hi + 1
        if self._judge.why(one.place, begin, end):
            self.account.parts.reject()
            return None
        single = grid.cut(self._ring.filtered(begin, end))
        self.account.parts.accept()
        return Early(part, self._epoch(one, one.place, end, single, *self.averages.peek(one.stimulus, single)))

    def _whole(self, one: Pending) -> Output:
        if one.place is None:
            raise RuntimeError("a window was decided before its onset was located")
        begin = one.place.sample + self._grid.lo
        if begin < 0:
            return self._missed(one, "before_stream: its samples lie before the first")
        if begin < self._ring.start:
            return self._missed(one, "late: its samples are no longer held")
        end = one.place.sample + self._grid.hi + 1
        why = self._judge.why(one.place, begin, end)
        if why:
            self.account.reject(why)
            return Refused(one.sequence, one.stimulus, one.onset_s, why)
        return self._accepted(one, one.place, begin, end)

    def _accepted(self, one: Pending, place: Place, begin: int, end: int) -> Epoch:
        single = self._grid.cut(self._ring.filtered(begin, end))
        mean, repeats = self.averages.add(one.stimulus, single)
        self.account.accept()
        return self._epoch(one, place, end, single, mean, repeats)

    def _epoch(
        self, one: Pending, place: Place, end: int, single: NDArray[np.float32], mean: NDArray[np.float32], repeats: int
    ) -> Epoch:
        ring = self._ring
        return Epoch(
            sequence=one.sequence,
            stimulus=one.stimulus,
            onset_s=one.onset_s,
            first_sample_offset_s=place.offset_s + self._grid.first_s,
            data=_frozen(np.stack([single, mean])),
            repeats=repeats,
            sample_due=ring.stamp(end - 1),
            sample_in=ring.arrived(end - 1),
            last_sample=end - 1,
        )

    def _missed(self, one: Pending, reason: str) -> Missed:
        self.account.miss()
        self.account.parts.miss(self._parts - one.part)
        return Missed(one.sequence, one.stimulus, one.onset_s, reason)


def _frozen(data: NDArray[np.float32]) -> NDArray[np.float32]:
    data.flags.writeable = False
    return data
