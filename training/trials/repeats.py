"""Averages over repeats: random subsets without replacement, so that a curve's points are not one lucky order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from training.trials.epochs import Trials

Index = NDArray[np.int64]
Windows = NDArray[np.float32]
COUNTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80)
"""Repeat counts that curves and calibrations are made for, as far as the data go."""
ANSWERS = 400
"""Averages wanted for a point, so that few stimuli are drawn from more often."""
CHUNK = 512
"""Averages made at once, so that memory stays bounded."""


@dataclass(frozen=True)
class Subsets:
    """Subsets of trials, all of one size.

    Attributes
    ----------
    members
        (m, repeats), indices of trials; those of one subset are of one stimulus and one subject.
    """

    members: Index

    def windows(self, trials: Trials) -> Windows:
        """Averages (m, channels, times) float32, µV."""
        means = [trials.windows[part].mean(axis=1) for part in self._parts()]
        return np.concatenate(means) if means else np.empty((0, *trials.windows.shape[1:]), np.float32)

    def encode(self, trials: Trials, encode: Callable[[Windows], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Embeddings (m, dim) of the averages."""
        return np.concatenate([encode(trials.windows[part].mean(axis=1)) for part in self._parts()])

    def _parts(self) -> list[Index]:
        return [self.members[k : k + CHUNK] for k in range(0, len(self.members), CHUNK)]


def groups(trials: Trials) -> list[Index]:
    """Trials of each stimulus of each subject: what may be averaged."""
    keys = np.stack([trials.subject, trials.rows], axis=1)
    order = np.lexsort(keys.T)
    edges = np.flatnonzero((np.diff(keys[order], axis=0) != 0).any(axis=1)) + 1
    return [np.sort(part) for part in np.split(order, edges)] if len(order) else []


def counts(trials: Trials, share: float = 0.5) -> list[int]:
    """Repeat counts that at least ``share`` of the stimuli, and two of them, can give."""
    sizes = np.array([len(group) for group in groups(trials)])
    return [c for c in COUNTS if (sizes >= c).sum() >= max(2, share * len(sizes))]


def rounds(stimuli: int, fewest: int) -> int:
    """Subsets to draw from each of so many stimuli: ``fewest``, or as many as make ``ANSWERS`` together."""
    return max(fewest, -(-ANSWERS // max(stimuli, 1)))


def draw(members: list[Index], repeats: int, rounds: int, rng: np.random.Generator) -> Subsets:
    """Random subsets of a size, without replacement within a subset.

    Parameters
    ----------
    members
        Trials of each stimulus (see `groups`); those with fewer than ``repeats`` give none.
    repeats
        Trials in a subset.
    rounds
        Subsets of each stimulus. For single trials every trial is taken once instead.
    rng
        Source of chance.
    """
    if repeats == 1:
        return Subsets(np.concatenate(members)[:, None])
    drawn = [rng.choice(m, repeats, replace=False) for m in members if len(m) >= repeats for _ in range(rounds)]
    return Subsets(np.stack(drawn) if drawn else np.empty((0, repeats), np.int64))


def averaged(trials: Trials) -> Trials:
    """One trial a stimulus and subject: the mean over all of its repeats. ``recording`` is that of the first."""
    members = groups(trials)
    windows = np.stack([trials.windows[m].mean(axis=0) for m in members])
    first = trials.take(np.array([m[0] for m in members], np.int64))
    return replace(first, windows=windows)
