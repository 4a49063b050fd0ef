"""How often the answers are right, beside chance, with an interval that resamples stimuli and never trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wire.packets import Answer

SINGLE, AVERAGE = 0, 1
"""Versions of a window: the trial by itself, and the running average over the repeats of its stimulus."""
DEPTH = 5
MIN_STIMULI = 5
"""With fewer, resampling stimuli says nothing, and no interval is given."""
Interval = tuple[float, float]


@dataclass(frozen=True)
class Trial:
    """One answer to a stimulus whose truth is known.

    Attributes
    ----------
    stimulus
        Marker label: the unit that is resampled.
    repeats
        Trials behind the answer.
    rank
        Place of the true item among the hits, from 0; None where it is not among them.
    """

    stimulus: str
    repeats: int
    rank: int | None


def trial(stimulus: str, answer: Answer, true_id: str) -> Trial | None:
    """How an answer did; None where it is withheld."""
    if answer.withheld:
        return None
    return Trial(stimulus, answer.repeats, next((k for k, hit in enumerate(answer.hits) if hit.id == true_id), None))


@dataclass(frozen=True)
class Score:
    """Top-1 and top-5 of some answers.

    Attributes
    ----------
    top1, top5
        Shares of answers whose first (first five) hits hold the true item.
    n, stimuli
        Answers, and distinct stimuli among them.
    top1_interval, top5_interval
        95 % bootstrap intervals over stimuli; None with fewer than `MIN_STIMULI`.
    """

    top1: float
    top5: float
    n: int
    stimuli: int
    top1_interval: Interval | None
    top5_interval: Interval | None

    @property
    def table(self) -> dict[str, object]:
        """As written in a report."""
        return {
            "top1": self.top1,
            "top5": self.top5,
            "n": self.n,
            "stimuli": self.stimuli,
            "interval": self.top1_interval,
            "top5_interval": self.top5_interval,
        }


def score(trials: Sequence[Trial], resamples: int = 2000) -> Score | None:
    """Score of some answers; None where there are none.

    The interval is the percentile bootstrap (Efron 1979) with whole stimuli drawn with replacement: repeats of one
    picture are not independent. Seeded, so the same answers give the same interval.
    """
    if not trials:
        return None
    names = {name: k for k, name in enumerate(dict.fromkeys(trial.stimulus for trial in trials))}
    # per stimulus: answers, right at 1, right at 5
    sums = np.zeros((len(names), 3))
    for trial in trials:
        ranked = trial.rank is not None
        sums[names[trial.stimulus]] += (1, ranked and trial.rank == 0, ranked and (trial.rank or 0) < DEPTH)
    n, top1, top5 = sums.sum(axis=0)
    intervals = _intervals(sums, resamples)
    return Score(float(top1 / n), float(top5 / n), int(n), len(names), *intervals)


def _intervals(sums: NDArray[np.float64], resamples: int) -> tuple[Interval | None, Interval | None]:
    """Intervals of both shares from (stimuli, 3) sums."""
    n = len(sums)
    if n < MIN_STIMULI or resamples < 1:
        return None, None
    generator = np.random.default_rng(0)
    drawn = np.empty((resamples, 3))
    for k in range(resamples):
        drawn[k] = sums[generator.integers(0, n, n)].sum(axis=0)
    low, high = np.percentile(drawn[:, 1:] / drawn[:, :1], (2.5, 97.5), axis=0)
    return (float(low[0]), float(high[0])), (float(low[1]), float(high[1]))


def chance(n_items: int | None, depth: int) -> float | None:
    """What guessing reaches within the first ``depth`` hits; None where the gallery's size is unknown."""
    return None if n_items is None else min(depth, n_items) / n_items


@dataclass
class Accuracy:
    """Answers with a known truth, by version. Withheld answers are counted apart: they are no answers.

    Attributes
    ----------
    trials
        Per version (`SINGLE`, `AVERAGE`), in order of arrival.
    withheld
        Per version.
    depth
        Hits that an answer holds, at most 5: "top 5" of a shorter answer is the top of what it holds.
    """

    trials: dict[int, list[Trial]] = field(default_factory=dict)
    withheld: dict[int, int] = field(default_factory=dict)
    depth: int = DEPTH

    def add(self, stimulus: str, answers: Iterable[Answer], true_id: str) -> None:
        """Count the answers of one result."""
        for version, answer in enumerate(answers):
            one = trial(stimulus, answer, true_id)
            if one is None:
                self.withheld[version] = self.withheld.get(version, 0) + 1
                continue
            self.depth = min(self.depth, len(answer.hits))
            self.trials.setdefault(version, []).append(one)

    @property
    def n(self) -> int:
        """Answers counted, of all versions."""
        return sum(len(trials) for trials in self.trials.values())

    def single(self, resamples: int = 2000) -> Score | None:
        """Score of the single trials."""
        return score(self.trials.get(SINGLE, []), resamples)

    def latest(self, resamples: int = 2000) -> Score | None:
        """Score of each stimulus's latest averaged answer (latest single trial where nothing is averaged)."""
        trials = self.trials.get(AVERAGE) or self.trials.get(SINGLE, [])
        return score(list({trial.stimulus: trial for trial in trials}.values()), resamples)

    def by_repeats(self, resamples: int = 2000) -> dict[int, Score]:
        """Score of the averaged answers by the trials behind them (single trials, where nothing is averaged)."""
        trials = self.trials.get(AVERAGE) or self.trials.get(SINGLE, [])
        groups: dict[int, list[Trial]] = {}
        for trial in trials:
            groups.setdefault(trial.repeats, []).append(trial)
        found = {repeats: score(group, resamples) for repeats, group in sorted(groups.items())}
        return {repeats: value for repeats, value in found.items() if value is not None}
