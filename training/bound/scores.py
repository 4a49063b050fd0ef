"""Top-1 and top-5 against repeats, with intervals over pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training.bound.observer import REPEATS
from training.bound.rivals import Scorer
from training.closed.linear_parts import CHUNK
from training.metrics import bootstrap, retrieval
from training.trials.epochs import Progress, Trials, silent
from training.trials.repeats import Subsets

DRAWS = 500
"""Resamplings of pictures for an interval."""


@dataclass(frozen=True)
class Answers:
    """Ranks of the right picture.

    Attributes
    ----------
    repeats
        Windows averaged for each answer.
    ranks
        (n,), 1 is best.
    pictures
        (n,) picture shown.
    """

    repeats: int
    ranks: NDArray[np.float64]
    pictures: NDArray[np.int64]

    def top(self, k: int) -> float:
        """Share of answers with the right picture among the best k."""
        return float((self.ranks <= k).mean())

    def interval(self, k: int, seed: int = 0) -> tuple[float, float]:
        """95 % of `top`, pictures resampled."""
        right = self.ranks <= k
        found = bootstrap.interval(lambda index: float(right[index].mean()), self.pictures, draws=DRAWS, seed=seed)
        return found or (float("nan"), float("nan"))


def disjoint(trials: Trials, repeats: int) -> Subsets:
    """All repeats of each picture, in order, in sets of so many; what is left over is not used."""
    order = np.argsort(trials.rows, kind="stable")
    each = np.split(order, np.flatnonzero(np.diff(trials.rows[order])) + 1)
    sets = [one[: len(one) // repeats * repeats].reshape(-1, repeats) for one in each]
    return Subsets(np.concatenate(sets))


def answer(
    trials: Trials, scorer: Scorer, repeats: Sequence[int] = REPEATS, progress: Progress = silent, what: str = "scoring"
) -> list[Answers]:
    """Answers to averages over each number of repeats that the trials hold.

    Parameters
    ----------
    trials
        Whose rows are those of the items scored.
    scorer
        Scores all items.
    repeats
        How many are averaged.
    progress, what
        Told what is scored.
    """
    most = int(np.bincount(trials.rows).max())
    counts = [n for n in repeats if n <= most]
    found = []
    for done, n in enumerate(counts):
        progress(what, done, len(counts))
        members = disjoint(trials, n).members
        ranks = []
        for k in range(0, len(members), CHUNK):
            part = Subsets(members[k : k + CHUNK])
            ranks.append(retrieval.ranks(scorer(part.windows(trials), n), trials.rows[part.members[:, 0]]))
        found.append(Answers(n, np.concatenate(ranks), trials.rows[members[:, 0]]))
    progress(what, len(counts), len(counts))
    return found


def together(sessions: Sequence[Sequence[Answers]]) -> list[Answers]:
    """Answers of several sessions, whose pictures count as the same where they are."""
    return [
        Answers(parts[0].repeats, np.concatenate([p.ranks for p in parts]), np.concatenate([p.pictures for p in parts]))
        for parts in zip(*sessions, strict=True)
    ]
