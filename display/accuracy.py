"""How often the answers are right, beside chance, with an interval that resamples stimuli and never trials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wire.packets import Answer

SINGLE, AVERAGE = 0, 1
"""Versions of a window: the trial by itself, and the running average over the repeats of its stimulus."""
DEPTH = 5
MOST_REPEATS = 100
"""Answers with more trials behind them are counted together with these."""
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


class Counts:
    """Answers counted by stimulus and by the trials behind them.

    Hours of a session need hardly more memory than minutes: what is kept grows with the stimuli and the repeats that
    are told apart (three bytes each), not with the answers.
    """

    def __init__(self) -> None:
        self._places: dict[str, int] = {}
        # by repeats: (answers, right at 1, right at 5) of each stimulus
        self._levels: dict[int, NDArray[np.unsignedinteger[Any]]] = {}
        self._latest = bytearray()

    def __len__(self) -> int:
        """Answers counted."""
        return sum(int(level[0].sum(dtype=np.int64)) for level in self._levels.values())

    def add(self, one: Trial) -> None:
        """Count an answer; the last one of a stimulus is its latest."""
        right = np.array((1, one.rank == 0, one.rank is not None and one.rank < DEPTH), np.uint8)
        place = self._places.setdefault(one.stimulus, len(self._places))
        if place == len(self._latest):
            self._latest.append(0)
        self._latest[place] = int(right[1]) << 1 | int(right[2])
        repeats = min(one.repeats, MOST_REPEATS)
        level = self._levels.get(repeats)
        if level is None:
            level = self._levels[repeats] = np.zeros((3, place + 1), np.uint8)
        if place >= level.shape[1]:
            level = self._levels[repeats] = np.pad(level, ((0, 0), (0, place + 1 - level.shape[1] + place // 8)))
        if level[0, place] == np.iinfo(level.dtype).max:
            level = self._levels[repeats] = level.astype(np.uint32)
        level[:, place] += right

    def copy(self) -> Counts:
        """As it is now."""
        made = Counts()
        made._places, made._latest = dict(self._places), bytearray(self._latest)
        made._levels = {repeats: level.copy() for repeats, level in self._levels.items()}
        return made

    def score(self, resamples: int = 2000) -> Score | None:
        """Of all answers; None where there are none."""
        sums = np.zeros((len(self._places), 3))
        for level in self._levels.values():
            found = level[:, : len(sums)]
            sums[: found.shape[1]] += found.T
        return _score(sums, resamples)

    def latest(self, resamples: int = 2000) -> Score | None:
        """Of each stimulus's latest answer; None where there are none."""
        held = np.frombuffer(bytes(self._latest), np.uint8)
        return _score(np.column_stack((np.ones(len(held)), held >> 1, held & 1)), resamples)

    def by_repeats(self, resamples: int = 2000) -> dict[int, Score]:
        """Of answers with so many trials behind them; `MOST_REPEATS` stands for as many and more."""
        found = {repeats: _score(level.T.astype(float), resamples) for repeats, level in sorted(self._levels.items())}
        return {repeats: value for repeats, value in found.items() if value is not None}


def score(trials: Iterable[Trial], resamples: int = 2000) -> Score | None:
    """Score of some answers; None where there are none.

    The interval is the percentile bootstrap (Efron 1979) with whole stimuli drawn with replacement: repeats of one
    picture are not independent. Seeded, so the same answers give the same interval.
    """
    counts = Counts()
    for one in trials:
        counts.add(one)
    return counts.score(resamples)


def _score(sums: NDArray[np.float64], resamples: int) -> Score | None:
    """From answers, right at 1 and right at 5 of each stimulus, (stimuli, 3)."""
    sums = sums[sums[:, 0] > 0]
    if not len(sums):
        return None
    n, top1, top5 = sums.sum(axis=0)
    return Score(float(top1 / n), float(top5 / n), int(n), len(sums), *_intervals(sums, resamples))


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
    counts
        Per version (`SINGLE`, `AVERAGE`).
    withheld
        Per version.
    depth
        Hits that an answer holds, at most 5: "top 5" of a shorter answer is the top of what it holds.
    """

    counts: dict[int, Counts] = field(default_factory=dict)
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
            self.counts.setdefault(version, Counts()).add(one)

    def copy(self) -> Accuracy:
        """As it is now, for another thread."""
        counts = {version: one.copy() for version, one in self.counts.items()}
        return Accuracy(counts, dict(self.withheld), self.depth)

    @property
    def n(self) -> int:
        """Answers counted, of all versions."""
        return sum(map(len, self.counts.values()))

    def single(self, resamples: int = 2000) -> Score | None:
        """Score of the single trials."""
        found = self.counts.get(SINGLE)
        return None if found is None else found.score(resamples)

    def latest(self, resamples: int = 2000) -> Score | None:
        """Score of each stimulus's latest averaged answer (latest single trial where nothing is averaged)."""
        found = self._averaged
        return None if found is None else found.latest(resamples)

    def by_repeats(self, resamples: int = 2000) -> dict[int, Score]:
        """Score of the averaged answers by the trials behind them (single trials, where nothing is averaged)."""
        found = self._averaged
        return {} if found is None else found.by_repeats(resamples)

    @property
    def _averaged(self) -> Counts | None:
        return self.counts.get(AVERAGE) or self.counts.get(SINGLE)
