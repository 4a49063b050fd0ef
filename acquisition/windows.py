"""From markers to samples: which markers are stimuli, and on which sample each of them stands. No signal here."""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from dataclasses import dataclass

import numpy as np

from acquisition.account import Account
from acquisition.resample import nearest
from acquisition.ring import Ring
from acquisition.types import Event
from config.settings import MarkerSettings

REMEMBERED = 256
"""Latest stimulus markers among which a duplicate is looked for."""


@dataclass(frozen=True)
class Place:
    """Where an onset lies among the samples.

    Attributes
    ----------
    sample
        Nearest sample; an onset half way between two belongs to the later one.
    offset_s
        Time of that sample relative to the onset.
    known
        The sample that had to come before this could be told.
    reach
        First and last sample between which no gap may lie for it to hold.
    twice
        The clock was set back, and another sample held has that stamp, too.
    by_row
        The marker stands on a row: no stamp had to be believed.
    """

    sample: int
    offset_s: float
    known: int
    reach: tuple[int, int]
    twice: bool = False
    by_row: bool = False


@dataclass
class Pending:
    """A stimulus whose window has not been decided.

    Attributes
    ----------
    onset_s
        Marker stamp plus the settings' delay.
    position
        Fractional sample, where the marker stands on a row.
    place
        None until the samples around the onset have come and their stamps are beyond doubt.
    part
        The planned end that is awaited; the last of them is that of the whole window.
    since
        Samples that had come when its marker did.
    heard
        ... with those of the chunk that its marker came with.
    drafted
        Its first samples have been given out.
    """

    sequence: int
    stimulus: str
    onset_s: float
    position: float | None
    place: Place | None = None
    part: int = 0
    since: int = 0
    heard: int = 0
    drafted: bool = False


class Intake:
    """Tells stimuli from notes and duplicates, and numbers them in order of arrival.

    Parameters
    ----------
    settings
        The stimulus rule and the constant delay.
    rate_hz
        Of the source.
    account
        Where everything is counted.
    """

    def __init__(self, settings: MarkerSettings, rate_hz: float, account: Account) -> None:
        self.settings = settings
        self.rate_hz = rate_hz
        self.account = account
        self._rule = re.compile(settings.stimulus)
        self._recent: deque[tuple[str, float]] = deque()
        self._labels: Counter[str] = Counter()
        self._next = 0

    def admit(self, event: Event) -> Pending | None:
        """A new stimulus, or None for a note or for a duplicate (same label, onset within half a sample)."""
        if self._rule.fullmatch(event.label) is None:
            self.account.notes += 1
            return None
        if event.label in self._labels and self._repeats(event):
            self.account.duplicates += 1
            return None
        self._remember(event)
        sequence, self._next = self._next, self._next + 1
        self.account.admit()
        delay = self.settings.delay_s
        row = None if event.row is None else event.row + delay * self.rate_hz
        return Pending(sequence, event.label, event.stamp + delay, row)

    def _repeats(self, event: Event) -> bool:
        return any(event.label == label and self._same(event.stamp, stamp) for label, stamp in self._recent)

    def _remember(self, event: Event) -> None:
        self._recent.append((event.label, event.stamp))
        self._labels[event.label] += 1
        if len(self._recent) > REMEMBERED:
            old, _ = self._recent.popleft()
            self._labels[old] -= 1
            if not self._labels[old]:
                del self._labels[old]

    def _same(self, stamp: float, other: float) -> bool:
        # a microsecond of grace: stamps of hours have rounded last digits
        return abs(stamp - other) <= 0.5 / self.rate_hz + 1e-6


def locate(ring: Ring, pending: Pending, limit: int, rate_hz: float) -> Place | None:
    """Where an onset lies among the samples before index ``limit``; None where its samples have yet to come.

    An onset before the samples held is placed where its sample would be, so that the caller sees that it is gone.
    """
    if pending.position is not None:
        sample = nearest(pending.position)
        first = math.floor(min(pending.position, sample))
        return Place(sample, (sample - pending.position) / rate_hz, 0, (first, sample), by_row=True)
    onset, start = pending.onset_s, ring.start
    if limit <= start or not math.isfinite(onset):
        return None
    runs = [max(run, start) for run in ring.runs if run < limit]
    ends = [*runs[1:], limit]
    around = [
        (begin, end)
        for begin, end in zip(reversed(runs), reversed(ends), strict=True)
        if ring.stamp(begin) - 0.5 / rate_hz <= onset <= ring.stamp(end - 1)
    ]
    if around:
        return _within(ring, onset, *around[0], twice=len(around) > 1)
    for begin in reversed(runs[1:]):
        if ring.stamp(begin - 1) < onset < ring.stamp(begin):
            return Place(begin, ring.stamp(begin) - onset, begin, (begin - 1, begin))
    if onset > ring.stamp(limit - 1):
        return None
    sample = start + nearest((onset - ring.stamp(start)) * rate_hz)
    return Place(sample, 0.0, 0, (sample, sample))


def _within(ring: Ring, onset: float, begin: int, end: int, twice: bool) -> Place:
    """Place of an onset within a run, by its two neighbours."""
    stamps = ring.stamps(begin, end)
    after = int(np.searchsorted(stamps, onset, side="left"))  # the first stamp at or after the onset
    if after == 0:
        return Place(begin, float(stamps[0]) - onset, begin, (begin, begin), twice)
    before, late = float(stamps[after - 1]), float(stamps[after])
    chosen = after if onset - before >= late - onset else after - 1
    sample = begin + chosen
    return Place(sample, float(stamps[chosen]) - onset, begin + after, (sample, sample), twice)
