"""Where everything lies among the samples of a segment: the clock without jitter, gaps, and onsets. As the live run.

The same regression and the same placing of markers as in `acquisition.pipeline`, without the signal. What has not been
decided is held for a minute at most, so memory does not grow with the recording.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from acquisition.account import Account
from acquisition.dejitter import Dejitter, Verdict
from acquisition.pipeline import STEPPED_BACK_S
from acquisition.ring import Ring
from acquisition.types import Event, Gap, StreamInfo
from acquisition.windows import Intake, Pending, Place, locate
from config.settings import MarkerSettings

HELD_S = 60.0
"""Stamps are held, and samples of a marker waited for, so long."""
BLOCK_S = 0.5


@dataclass(frozen=True)
class Placed:
    """A marker on the samples.

    Attributes
    ----------
    kind
        ``stimulus``, ``duplicate`` (of a stimulus) or ``marker`` (no stimulus).
    label, stamp
        As the source gave them.
    onset_s
        Stamp plus the settings' delay, acquisition's clock.
    sequence
        Running number of a stimulus in its segment.
    number
        Running number of the nearest sample in its segment; None where the recording has none there.
    shift_s
        Onset minus the time of that sample; of one without, minus that of sample 0 of the segment.
    """

    kind: str
    label: str
    stamp: float
    onset_s: float
    sequence: int | None
    number: int | None
    shift_s: float


class Axis:
    """The time axis of a segment, fed in order; what became known is taken with `take`.

    Parameters
    ----------
    info
        The stream.
    markers
        Which markers are stimuli.
    first
        Running number of the first sample that will be fed.
    """

    def __init__(self, info: StreamInfo, markers: MarkerSettings, first: int = 0) -> None:
        self.info = info
        self.first = first
        self._rate = info.rate_hz
        self._dejitter = None if info.exact_rows else Dejitter(info.rate_hz, info.has_counter)
        self._account = Account()
        self._intake = Intake(markers, info.rate_hz, self._account)
        self._held = math.ceil(HELD_S * self._rate)
        self._block = max(1, math.ceil(BLOCK_S * self._rate))
        self._ring = Ring(0, 0, self._held + 2 * self._block)
        self._pending: list[tuple[str, Event, Pending]] = []
        self._settled = 0
        self._origin = math.nan
        self._placed: list[Placed] = []
        self._gaps: list[Gap] = []
        self._clock: list[NDArray[np.float64]] = []

    @property
    def settled(self) -> int:
        """Running number up to which nothing changes any more."""
        return self.first + self._settled

    def take(self) -> tuple[list[Placed], list[Gap], NDArray[np.float64]]:
        """Markers placed, gaps found, and stamps without jitter of the next samples, since the last call."""
        placed, gaps, clock = self._placed, self._gaps, self._clock
        self._placed, self._gaps, self._clock = [], [], []
        return placed, gaps, np.concatenate(clock) if clock else np.empty(0)

    def feed(
        self, stamps: NDArray[np.float64], counter: NDArray[np.int64] | None = None, events: Sequence[Event] = ()
    ) -> None:
        """Take the next samples' stamps, and the markers that came with them.

        Parameters
        ----------
        stamps, counter
            (times,) each, as in a chunk.
        events
            Markers.
        """
        for event in events:
            self._admit(event, stamps.size)
        if stamps.size and not self._ring.end:
            self._origin = float(stamps[0])
            if not math.isfinite(self._origin):  # no clock can be told from these
                self._dejitter = None
        for begin in range(0, stamps.size, self._block):
            part = slice(begin, begin + self._block)
            self._advance(stamps[part], None if counter is None else counter[part])
            self._place()
        if not stamps.size and events:
            self._place()

    def finish(self) -> None:
        """The segment has ended: what is open is settled as well as it can be."""
        verdict = None if self._dejitter is None else self._dejitter.finish()
        if verdict is not None:
            self._apply(verdict)
        self._place(last=True)

    def _admit(self, event: Event, times: int) -> None:
        known = self._account.duplicates
        if self.first and event.row is not None:
            event = replace(event, row=event.row - self.first)
        one = self._intake.admit(event)
        if one is not None:
            kind = "stimulus"
        else:
            kind = "duplicate" if self._account.duplicates > known else "marker"
            one = Pending(-1, event.label, event.stamp, event.row)
        one.since, one.heard = self._ring.end, self._ring.end + times
        self._pending.append((kind, event, one))

    def _advance(self, stamps: NDArray[np.float64], counter: NDArray[np.int64] | None) -> None:
        verdicts: tuple[Verdict, ...] = ()
        if self._dejitter is not None:
            corrected = self._dejitter.feed(stamps, counter)
            stamps, verdicts = corrected.stamps, corrected.verdicts
        none = np.empty((0, stamps.size), dtype=np.float32)
        self._ring.append(none, none.astype(np.float64), stamps, False, False, 0.0)
        for verdict in verdicts:
            self._apply(verdict)

    def _apply(self, verdict: Verdict) -> None:
        if verdict.stamps.size:
            self._ring.restamp(verdict.begin, verdict.stamps, verdict.unsure)
        if verdict.kind == "gap":
            if verdict.begin > self._ring.runs[-1]:
                self._ring.runs.append(verdict.begin)
            missing_s = verdict.missing / self._rate
            stamp = self._ring.stamp(verdict.begin)
            self._gaps.append(Gap(self.first + verdict.begin, verdict.missing, stamp, missing_s))

    def _place(self, last: bool = False) -> None:
        end = self._ring.end
        opened = None if self._dejitter is None or last else self._dejitter.opened
        limit = end if opened is None else opened
        if limit > self._settled:
            self._clock.append(self._ring.stamps(self._settled, limit).copy())
            self._settled = limit
        left = []
        # where the clock may have been set back, as live
        in_doubt = self._dejitter is not None and not last and self._dejitter.stepped_back_s > STEPPED_BACK_S
        for kind, event, one in self._pending:
            known = limit and not (in_doubt and one.heard > limit)
            place = locate(self._ring, one, limit, self._rate) if known else None
            held = place is None or place.sample >= limit
            if held and not last and end - one.since < self._held:
                left.append((kind, event, one))
            else:
                self._placed.append(self._found(kind, event, one, place))
        self._pending = left

    def _found(self, kind: str, event: Event, one: Pending, place: Place | None) -> Placed:
        sequence = one.sequence if kind == "stimulus" and not self.first else None
        if place is not None and 0 <= place.sample < self._ring.end:
            # in a gap there are no samples: the onset stands on the first one after it
            shift_s = -place.offset_s if abs(place.offset_s) <= 1.0 / self._rate else 0.0
            return Placed(kind, event.label, event.stamp, one.onset_s, sequence, self.first + place.sample, shift_s)
        behind = one.position / self._rate if one.position is not None else one.onset_s - self._origin
        behind += self.first / self._rate
        return Placed(kind, event.label, event.stamp, one.onset_s, sequence, None, behind)
