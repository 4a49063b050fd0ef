"""Which answer a stimulus has come to, where it is answered before its window ends. Pure.

Parts of a window are answered provisionally. The first part, in the order of the parts and not of arrival, whose answer
the stop rule decides for is the stimulus's *committed* answer; where none is, the whole window's answer is. A committed
answer stays: what later parts or the whole window say is shown beside it. Single trial and average are committed each
by itself.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from display.accuracy import AVERAGE, Counts, Score, Trial, trial
from wire.packets import Result

Place = tuple[int, int, int]
"""Session (by its first result), segment, sequence: of a stimulus."""
OPEN = 2048
"""Stimuli whose answers may still be changed by what comes late; of older ones only sums are kept."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An answer that stands for its stimulus.

    Attributes
    ----------
    part, whole
        Which part of the window it is of, and whether that is all of it.
    end_s
        End of that part, seconds after the onset, where known.
    id, label
        Of its best item; empty where the answer is withheld.
    after_s
        When it was given, seconds after the onset; None where the clock of the samples says nothing.
    trial
        For the accuracy; None where the truth is unknown or the answer withheld.
    instead_of
        Label of the answer of a later part that stood until this one arrived.
    """

    part: int
    whole: bool
    end_s: float | None
    id: str
    label: str
    after_s: float | None
    trial: Trial | None
    instead_of: str = ""


@dataclass(frozen=True)
class Summary:
    """How early the answers of one version were, and how good.

    Attributes
    ----------
    stimuli
        Presentations with an answer that stands.
    early
        Of these, committed before the window had ended.
    mean_s
        Mean time from the onset to the answer that stands; None where unknown.
    whole_mean_s
        The same to the whole window's answer.
    compared, disagreed
        Early ones whose whole window was answered too, and those of them whose whole window says otherwise.
    committed, whole
        Accuracy of the answers that stand, and of the whole windows; of averages that of each stimulus's latest.
    """

    stimuli: int
    early: int
    mean_s: float | None
    whole_mean_s: float | None
    compared: int
    disagreed: int
    committed: Score | None
    whole: Score | None

    @property
    def coverage(self) -> float:
        """Share of presentations that were committed early."""
        return self.early / self.stimuli

    @property
    def words(self) -> str:
        """For people, in a line."""
        words = [f"{self.early} of {self.stimuli} committed early ({self.coverage:.1%})"]
        if self.mean_s is not None and self.whole_mean_s is not None:
            words.append(f"{self.mean_s:.3f} s after onset on average, whole windows {self.whole_mean_s:.3f} s")
        if self.compared:
            words.append(f"the full window said otherwise for {self.disagreed} of {self.compared}")
        return "; ".join(words)

    @property
    def table(self) -> dict[str, object]:
        """As written in a report."""
        names = ("stimuli", "early", "coverage", "mean_s", "whole_mean_s", "compared", "disagreed")
        return {
            **{name: getattr(self, name) for name in names},
            "committed": self.committed.table if self.committed else None,
            "whole": self.whole.table if self.whole else None,
        }


@dataclass(slots=True)
class _Two:
    """Of one stimulus and version: the answer that stands, and that of the whole window."""

    standing: Standing | None = None
    whole: Standing | None = None


@dataclass
class _Sums:
    """Of one version: what a summary is made of."""

    stimuli: int = 0
    early: int = 0
    compared: int = 0
    disagreed: int = 0
    times_s: list[float] = field(default_factory=lambda: [0.0, 0.0])
    timed: list[int] = field(default_factory=lambda: [0, 0])
    right: tuple[Counts, Counts] = field(default_factory=lambda: (Counts(), Counts()))

    def copy(self) -> _Sums:
        right = self.right[0].copy(), self.right[1].copy()
        return replace(self, times_s=list(self.times_s), timed=list(self.timed), right=right)

    def add(self, places: Iterable[_Two]) -> None:
        """Take in stimuli, in their order."""
        times: tuple[list[float], list[float]] = ([], [])
        for two in places:
            one, whole = two.standing, two.whole
            if one is None:
                continue
            self.stimuli += 1
            if not one.whole:
                self.early += 1
                if whole is not None and whole.id:
                    self.compared += 1
                    self.disagreed += one.id != whole.id
            for found, into, right in zip((one, whole), times, self.right, strict=True):
                if found is not None and found.after_s is not None:
                    into.append(found.after_s)
                if found is not None and found.trial is not None:
                    right.add(found.trial)
        for k, found_s in enumerate(times):
            self.times_s[k] += math.fsum(found_s)
            self.timed[k] += len(found_s)

    def mean_s(self, k: int) -> float | None:
        return self.times_s[k] / self.timed[k] if self.timed[k] else None

    def score(self, k: int, version: int, resamples: int) -> Score | None:
        counts = self.right[k]
        return counts.latest(resamples) if version == AVERAGE else counts.score(resamples)


class Anytime:
    """Standing answers of every stimulus that has parts. Empty where windows are only answered whole."""

    def __init__(self) -> None:
        self._sessions: dict[str, int] = {}
        self._open: dict[Place, dict[int, _Two]] = {}
        self._oldest: list[Place] = []
        self._closed: Place = (-1, -1, -1)
        self._sums: dict[int, _Sums] = {}

    def copy(self) -> Anytime:
        """As it is now, for another thread."""
        made = Anytime()
        made._sessions, made._oldest, made._closed = dict(self._sessions), list(self._oldest), self._closed
        made._open = {
            place: {version: replace(two) for version, two in versions.items()}
            for place, versions in self._open.items()
        }
        made._sums = {version: sums.copy() for version, sums in self._sums.items()}
        return made

    def add(self, result: Result, true_id: str | None) -> None:
        """Take in the answers of a part or a whole window, in any order.

        What comes for a stimulus that is older than `OPEN` others changes nothing any more.

        Parameters
        ----------
        true_id
            What was really shown; None where unknown.
        """
        if result.final and result.part == 0:
            return
        self._sessions.setdefault(result.session, len(self._sessions))
        for version in range(result.versions):
            if result.final or result.answers[version].decided:
                self._take(self._place(result), version, _standing(result, version, true_id))

    def of(self, result: Result, version: int) -> Standing | None:
        """The answer that stands for a result's stimulus; None where there is none yet, or windows have no parts."""
        two = self._open.get(self._place(result), {}).get(version)
        return None if two is None else two.standing

    def told(self, result: Result, version: int) -> dict[str, object] | None:
        """The answer that stands for a result's stimulus, for machines; None where there is none yet."""
        one = self.of(result, version) or (_standing(result, version, None) if result.final else None)
        if one is None:
            return None
        return {"part": one.part, "final": one.whole, "end_s": one.end_s, "id": one.id, "label": one.label}

    def summary(self, version: int, resamples: int = 2000) -> Summary | None:
        """How early and how good; None where no answer stands."""
        sums = self._sums[version].copy() if version in self._sums else _Sums()
        sums.add(versions[version] for _, versions in sorted(self._open.items()) if version in versions)
        if not sums.stimuli:
            return None
        return Summary(
            stimuli=sums.stimuli,
            early=sums.early,
            mean_s=sums.mean_s(0),
            whole_mean_s=sums.mean_s(1),
            compared=sums.compared,
            disagreed=sums.disagreed,
            committed=sums.score(0, version, resamples),
            whole=sums.score(1, version, resamples),
        )

    def _place(self, result: Result) -> Place:
        return self._sessions.get(result.session, -1), result.segment, result.sequence

    def _take(self, place: Place, version: int, one: Standing) -> None:
        versions = self._open.get(place)
        if versions is None:
            if place <= self._closed:
                return
            versions = self._open[place] = {}
            heapq.heappush(self._oldest, place)
        two = versions.setdefault(version, _Two())
        if one.whole and two.whole is None:
            two.whole = one
        held = two.standing
        if held is None:
            two.standing = one
        elif one.part < held.part:  # it came late, and goes before all the same
            two.standing = replace(one, instead_of=held.label if held.id != one.id else "")
        if len(self._open) > OPEN:
            self._close()

    def _close(self) -> None:
        self._closed = heapq.heappop(self._oldest)
        for version, two in self._open.pop(self._closed).items():
            self._sums.setdefault(version, _Sums()).add((two,))


def _standing(result: Result, version: int, true_id: str | None) -> Standing:
    answer, stamps = result.answers[version], result.stamps
    best = answer.hits[0] if answer.hits and not answer.withheld else None
    due, arrived, committed = stamps.sample_due, stamps.sample_in, stamps.committed
    timed = due is not None and arrived is not None and committed is not None and due <= arrived
    return Standing(
        part=result.part,
        whole=result.final,
        end_s=result.end_s,
        id=best.id if best else "",
        label=best.label if best else "",
        after_s=committed - result.onset_s if timed and committed is not None else None,
        trial=None if true_id is None else trial(result.stimulus, answer, true_id),
    )
