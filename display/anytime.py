"""Which answer a stimulus has come to, where it is answered before its window ends. Pure.

Parts of a window are answered provisionally. The first part, in the order of the parts and not of arrival, whose answer
the stop rule decides for is the stimulus's *committed* answer; where none is, the whole window's answer is. A committed
answer stays: what later parts or the whole window say is shown beside it. Single trial and average are committed each
by itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from statistics import fmean

from display.accuracy import AVERAGE, Score, Trial, score, trial
from wire.packets import Result

Place = tuple[str, int, int, int]
"""Session, segment, sequence, version."""


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


class Anytime:
    """Standing answers of every stimulus that has parts. Empty where windows are only answered whole."""

    def __init__(self) -> None:
        self._standing: dict[Place, Standing] = {}
        self._whole: dict[Place, Standing] = {}

    def copy(self) -> Anytime:
        """As it is now, for another thread."""
        made = Anytime()
        made._standing, made._whole = dict(self._standing), dict(self._whole)
        return made

    def add(self, result: Result, true_id: str | None) -> None:
        """Take in the answers of a part or a whole window, in any order.

        Parameters
        ----------
        true_id
            What was really shown; None where unknown.
        """
        if result.final and result.part == 0:
            return
        for version in range(result.versions):
            if result.final or result.answers[version].decided:
                self._take((*result.key[:3], version), _standing(result, version, true_id), whole=result.final)

    def of(self, result: Result, version: int) -> Standing | None:
        """The answer that stands for a result's stimulus; None where there is none yet, or windows have no parts."""
        return self._standing.get((*result.key[:3], version))

    def told(self, result: Result, version: int) -> dict[str, object] | None:
        """The answer that stands for a result's stimulus, for machines; None where there is none yet."""
        one = self.of(result, version) or (_standing(result, version, None) if result.final else None)
        if one is None:
            return None
        return {"part": one.part, "final": one.whole, "end_s": one.end_s, "id": one.id, "label": one.label}

    def summary(self, version: int, resamples: int = 2000) -> Summary | None:
        """How early and how good; None where no answer stands."""
        standing = {place: one for place, one in self._standing.items() if place[3] == version}
        if not standing:
            return None
        whole = {place: one for place, one in self._whole.items() if place[3] == version}
        early = {place: one for place, one in standing.items() if not one.whole}
        compared = [(one, whole[place]) for place, one in early.items() if place in whole and whole[place].id]
        return Summary(
            stimuli=len(standing),
            early=len(early),
            mean_s=_mean_s(standing.values()),
            whole_mean_s=_mean_s(whole.values()),
            compared=len(compared),
            disagreed=sum(one.id != other.id for one, other in compared),
            committed=_score(standing, version, resamples),
            whole=_score(whole, version, resamples),
        )

    def _take(self, place: Place, one: Standing, *, whole: bool) -> None:
        if whole:
            self._whole.setdefault(place, one)
        held = self._standing.get(place)
        if held is None:
            self._standing[place] = one
        elif one.part < held.part:  # it came late, and goes before all the same
            self._standing[place] = replace(one, instead_of=held.label if held.id != one.id else "")


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


def _score(standing: dict[Place, Standing], version: int, resamples: int) -> Score | None:
    trials = [one.trial for _, one in sorted(standing.items(), key=lambda item: item[0]) if one.trial is not None]
    if version == AVERAGE:
        trials = list({one.stimulus: one for one in trials}.values())
    return score(trials, resamples)


def _mean_s(standing: Iterable[Standing]) -> float | None:
    times = [one.after_s for one in standing if one.after_s is not None]
    return fmean(times) if times else None
