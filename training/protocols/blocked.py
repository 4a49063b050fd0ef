"""Designs whose labels time gives away, which are refused: a decoder of slow drifts would score well on them [1]_.

References
----------
.. [1] Li et al. (2021), The perils and pitfalls of block design for EEG classification experiments, IEEE TPAMI 43.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.gallery import Gallery
from training.trials.epochs import Trials

Index = NDArray[np.int64]
SHUFFLES = 500
LIKELY = 0.01
"""A design counts as blocked below this p ..."""
GAIN = 0.1
"""... where time gives away this much more than shuffled labels: a share of trials, so that chance does not matter."""


@dataclass(frozen=True)
class Blocked:
    """How far time gives labels away.

    Attributes
    ----------
    level
        ``item`` or ``class``.
    share
        Of trials whose neighbour in time (in the same recording) has their label.
    chance
        Mean of that with labels shuffled.
    p
        Of the share, by permutation.
    """

    level: str
    share: float
    chance: float
    p: float

    @property
    def found(self) -> bool:
        """Whether labels can be told from time."""
        return self.p < LIKELY and self.share - self.chance > GAIN

    def sentence(self) -> str:
        """What it means."""
        return (
            f"{100 * self.share:.0f} % of trials have the {self.level} of their neighbour in time (shuffled: "
            f"{100 * self.chance:.0f} %), so labels can be told from slow drifts alone (a blocked design)"
        )


def blocked(trials: Trials, labels: NDArray[Any], level: str, *, seed: int = 0) -> Blocked | None:
    """Predict each trial's label from the nearest other trial of its recording in time, and permute to judge.

    Parameters
    ----------
    trials
        With their onsets.
    labels
        (n,), of the trials: items, or their classes.
    level
        What the labels are, for people.

    Returns
    -------
    None where onsets are not known.
    """
    _, code = np.unique(labels, return_inverse=True)
    pairs = _neighbours(trials)
    if not len(pairs) or code.max() < 1:
        return None
    seen = float(np.mean(code[pairs[:, 0]] == code[pairs[:, 1]]))
    rng = np.random.default_rng(seed)
    null = np.array([_same(rng.permutation(code), pairs) for _ in range(SHUFFLES)])
    return Blocked(level, seen, float(null.mean()), float((1 + np.sum(null >= seen - 1e-12)) / (1 + SHUFFLES)))


def check_time(
    trials: Trials, gallery: Gallery, *, allow_blocked: bool = False, seed: int = 0
) -> tuple[bool, tuple[str, ...]]:
    """Refuse recordings whose labels, items or classes, are predictable from time.

    Labels are shuffled over all recordings, so a design with one class a recording is found as well.

    Returns
    -------
    Whether labels are (only where that is allowed), and notes.

    Raises
    ------
    RecordingError
        Says how predictable, and what to do.
    """
    names = np.array([item.label for item in gallery.items], object)[trials.rows]
    levels: Sequence[tuple[str, NDArray[Any]]] = [("item", trials.rows), ("class", names.astype(str))]
    found = [blocked(trials, labels, level, seed=seed) for level, labels in levels]
    if not len(_neighbours(trials)):
        return False, ("the epochs do not say when they were recorded: a blocked design cannot be ruled out",)
    bad = [one for one in found if one and one.found]
    if not bad:
        return False, ()
    if not allow_blocked:
        raise RecordingError(
            f"{bad[0].sentence()}; record in random order, or say --allow-blocked, which marks every row"
        )
    return True, tuple(f"{one.sentence()}: the scores may be drift" for one in bad)


def _neighbours(trials: Trials) -> Index:
    """Pairs (k, 2) of each trial and the one nearest in time in its recording; none where onsets are not known."""
    pairs: list[Index] = []
    if not len(trials.onsets_s):
        return np.empty((0, 2), np.int64)
    for run in np.unique(trials.recording):
        members = np.flatnonzero(trials.recording == run)
        members = members[np.argsort(trials.onsets_s[members], kind="stable")]
        gaps = np.diff(trials.onsets_s[members])
        if len(members) < 2 or not (gaps > 0).any():
            continue
        before, after = np.r_[np.inf, gaps], np.r_[gaps, np.inf]
        near = np.arange(len(members)) + np.where(after <= before, 1, -1)
        pairs.append(np.stack([members, members[near]], axis=1))
    return np.concatenate(pairs) if pairs else np.empty((0, 2), np.int64)


def _same(code: Index, pairs: Index) -> float:
    return float(np.mean(code[pairs[:, 0]] == code[pairs[:, 1]]))
