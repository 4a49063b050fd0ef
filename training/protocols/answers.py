"""Answers of an encoder to averages over repeats, and the ranks of items among their rivals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, Windows
from training.confidence.scoring import Units
from training.trials import repeats
from training.trials.epochs import Trials

Encode = Callable[[Windows], Vectors]
"""Windows (n, channels, times) in µV to unit vectors (n, dim)."""
ROUNDS = 4
"""Random subsets of each stimulus at each repeat count, at least."""
CHUNK = 256
"""Answers compared at once, so that memory stays bounded."""


@dataclass(frozen=True)
class Answers:
    """Embeddings of averages.

    Attributes
    ----------
    vectors
        (m, dim) float32, unit norm.
    rows
        (m,) int64, gallery row of what was shown.
    units
        Subject, stimulus and run (m,) of each; averages over runs belong to no run, and all have run 0.
    repeats
        Trials in an average; 0: as many as each stimulus has.
    """

    vectors: Vectors
    rows: NDArray[np.int64]
    units: Units
    repeats: int

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, index: NDArray[Any]) -> Answers:
        """Some of them."""
        units = {name: unit[index] for name, unit in self.units.items()}
        return Answers(self.vectors[index], self.rows[index], units, self.repeats)


def answers(
    encode: Encode, trials: Trials, count: int, *, rounds: int = ROUNDS, most: int | None = None, seed: int = 0
) -> Answers:
    """Answers to averages of ``count`` trials of a stimulus of a subject, drawn at random without replacement.

    Parameters
    ----------
    encode
        The decoder.
    trials
        Single trials.
    count
        Trials averaged; 1 takes every trial once, 0 averages all that each stimulus of each subject has.
    rounds
        Subsets of each stimulus, at least; one where all trials of each are taken.
    most
        Answers, at most; a random part is kept.
    seed
        Of the subsets.
    """
    members = repeats.groups(trials)
    if count == 0:
        subsets = [np.sort(m) for m in members]
        vectors = np.concatenate([encode(w) for w in _means(trials, subsets)])
        return _of(vectors, trials, np.array([m[0] for m in subsets], np.int64), 0)
    spare = any(len(m) > count for m in members)
    drawn = repeats.draw(
        members, count, repeats.rounds(len(members), rounds) if spare else 1, np.random.default_rng((seed, count))
    )
    if most is not None and len(drawn.members) > most:
        drawn = repeats.Subsets(np.random.default_rng(seed).permutation(drawn.members)[:most])
    return _of(drawn.encode(trials, encode), trials, drawn.members[:, 0], count)


def _means(trials: Trials, subsets: Sequence[NDArray[np.int64]]) -> list[Windows]:
    means = [trials.windows[m].mean(axis=0) for m in subsets]
    return [np.stack(means[k : k + CHUNK]) for k in range(0, len(means), CHUNK)]


def _of(vectors: Vectors, trials: Trials, first: NDArray[np.int64], count: int) -> Answers:
    """Answers, each known by its first trial."""
    runs = trials.recording[first] if count == 1 else np.zeros(len(first), np.int64)
    units: Units = {"subjects": trials.subject[first], "stimuli": trials.rows[first], "runs": runs}
    return Answers(vectors, trials.rows[first], units, count)


@dataclass(frozen=True)
class Retrieval:
    """How well each answer finds each of the things that were shown.

    Attributes
    ----------
    ranks
        (m, s) float32, rank of every shown thing among the rivals, 1 is best; equal cosines share their mean rank.
        All of them, not only the true one's, so that labels can be permuted.
    truth
        (m,) int64, column of the true one.
    size
        How many things were searched.
    units
        See `Answers`.
    """

    ranks: NDArray[np.float32]
    truth: NDArray[np.int64]
    size: int
    units: Units

    @property
    def true_ranks(self) -> NDArray[np.float64]:
        """(m,)."""
        return np.asarray(self.ranks[np.arange(len(self.truth)), self.truth], np.float64)


def retrieve(
    vectors: Vectors, truth: NDArray[np.int64], shown: Vectors, units: Units, others: Vectors | None = None
) -> Retrieval:
    """Ranks of all shown things, for each answer.

    Parameters
    ----------
    vectors
        (m, dim) of the answers.
    truth
        (m,), row of ``shown``.
    shown
        (s, dim), what was shown, unit norm.
    units
        Of the answers.
    others
        (k, dim), further rivals that were not shown.
    """
    from scipy.stats import rankdata

    ranks = np.empty((len(vectors), len(shown)), np.float32)
    for start in range(0, len(vectors), CHUNK):
        part = slice(start, start + CHUNK)
        cosines = vectors[part] @ shown.T
        ranks[part] = rankdata(-cosines, axis=1)
        if others is not None and len(others):
            ranks[part] += _above(cosines, np.sort(vectors[part] @ others.T, axis=1))
    return Retrieval(ranks, truth, len(shown) + (0 if others is None else len(others)), units)


def join(parts: Sequence[Retrieval]) -> Retrieval:
    """Several searches for the same things, each by its own decoder, as one."""
    return Retrieval(
        np.concatenate([part.ranks for part in parts]),
        np.concatenate([part.truth for part in parts]),
        parts[0].size,
        join_units([part.units for part in parts]),
    )


def join_units(parts: Sequence[Units]) -> Units:
    """Units of several sets of answers, one after the other."""
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _above(cosines: NDArray[Any], rivals: NDArray[Any]) -> NDArray[np.float32]:
    """Of rivals (m, k), sorted, how many beat each cosine (m, s); equal ones count half."""
    found = np.empty(cosines.shape, np.float32)
    for row, (mine, theirs) in enumerate(zip(cosines, rivals, strict=True)):
        left, right = np.searchsorted(theirs, mine, "left"), np.searchsorted(theirs, mine, "right")
        found[row] = len(theirs) - (left + right) / 2
    return found
