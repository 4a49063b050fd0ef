"""Held-out answers: their scores, and a temperature for each repeat count."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.bundles import Calibration
from inference.encoders.base import Vectors
from inference.score import fit_temperature
from training import repeats
from training.epochs import Trials

Encode = Callable[[NDArray[np.float32]], Vectors]
ROUNDS = 8
"""Random subsets of each stimulus, for repeat counts above one; more where there are few stimuli."""
FEWEST_WRONG = 5
"""A temperature is fitted only where so many held-out answers are wrong: without errors the likeliest temperature is
nought, and every live answer would claim to be certain."""
MOST_COSINES = 20_000_000
"""Answers times items, so that memory stays bounded."""


@dataclass(frozen=True)
class HeldOut:
    """Trials that an encoder has not seen, and what it has to tell apart.

    Attributes
    ----------
    encode
        Windows in µV to unit vectors.
    trials
        Held out.
    items
        (m,) gallery rows searched: the held-out items where items were held out, else the whole gallery.
    """

    encode: Encode
    trials: Trials
    items: NDArray[np.int64]


@dataclass(frozen=True)
class Answers:
    """Cosines (n, m) of held-out answers, the column (n,) of the true item, and the fold (n,) each comes from."""

    cosines: NDArray[np.float32]
    truth: NDArray[np.int64]
    fold: NDArray[np.int64]


def answers(folds: Sequence[HeldOut], vectors: Vectors, count: int, seed: int) -> Answers:
    """Held-out answers to averages of ``count`` trials; single trials are taken once each.

    All folds must search equally many items.
    """
    rng = np.random.default_rng((seed, count))
    cosines, truth, fold = [], [], []
    for number, held in enumerate(folds):
        most = MOST_COSINES // (len(folds) * len(held.items))
        members = repeats.groups(held.trials)
        rounds = repeats.rounds(len(members) * len(folds), ROUNDS)
        subsets = repeats.draw(members, count, rounds, rng)
        if len(subsets.members) > most:
            subsets = repeats.Subsets(rng.permutation(subsets.members)[:most])
        if not len(subsets.members):
            continue
        cosines.append(subsets.encode(held.trials, held.encode) @ vectors[held.items].T)
        truth.append(np.searchsorted(held.items, held.trials.rows[subsets.members[:, 0]]))
        fold.append(np.full(len(subsets.members), number))
    return Answers(np.concatenate(cosines), np.concatenate(truth), np.concatenate(fold))


def calibrate(folds: Sequence[HeldOut], vectors: Vectors, seed: int) -> tuple[Calibration, ...]:
    """A temperature for every repeat count that the held-out stimuli can give, while enough answers are wrong.

    For higher counts a live answer takes the temperature of the nearest lower one: less certain than it might be.

    Parameters
    ----------
    folds
        Held-out trials, each with the encoder that has not seen them.
    vectors
        (items, dim) of the gallery, unit norm.
    seed
        Of the random subsets.
    """
    common = set.intersection(*(set(repeats.counts(held.trials)) for held in folds))
    fitted: list[Calibration] = []
    for count in sorted(common):
        given = answers(folds, vectors, count, seed)
        wrong = np.count_nonzero(given.cosines.argmax(axis=1) != given.truth)
        if fitted and wrong < FEWEST_WRONG:
            break
        fitted.append(fit_temperature(given.cosines, given.truth, count))
    return tuple(fitted)
