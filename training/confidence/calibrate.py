"""Held-out answers: a temperature for each repeat count and gallery size, a relevance filter, and novelty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import Calibration
from inference.encoders.base import Vectors
from inference.novelty import Fitted
from inference.score import fit_temperature
from training.confidence import novelty, relevance
from training.trials import repeats
from training.trials.epochs import Trials

Encode = Callable[[NDArray[np.float32]], Vectors]
ROUNDS = 8
"""Random subsets of each stimulus, for repeat counts above one; more where there are few stimuli."""
FEWEST_WRONG = 5
"""A temperature is fitted only where so many held-out answers are wrong: without errors the likeliest temperature is
nought, and every live answer would claim to be certain."""
SMALLEST_GALLERY = 10
"""Items, down to which temperatures are fitted for fewer rivals than there are."""
SHRINK = 4
"""Each further gallery size is so many times smaller."""
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
    known
        Trials that it learned from, some of them (see `sample`), for the novelty of windows; None: not kept.
    vectors
        (gallery, dim) as this encoder searches them, where it has a space of its own; None: the gallery's.
    """

    encode: Encode
    trials: Trials
    items: NDArray[np.int64]
    known: Trials | None = None
    vectors: Vectors | None = None


@dataclass(frozen=True)
class Answers:
    """Cosines (n, m) of held-out answers, the column (n,) of the true item, and the fold (n,) each comes from."""

    cosines: NDArray[np.float32]
    truth: NDArray[np.int64]
    fold: NDArray[np.int64]


def evened(folds: Sequence[HeldOut], seed: int) -> list[HeldOut]:
    """The same folds with equally many items to tell apart: larger ones lose some, with their trials."""
    least = min((len(held.items) for held in folds), default=0)
    rng = np.random.default_rng(seed)
    kept = []
    for held in folds:
        items = np.sort(rng.permutation(held.items)[:least])
        inside = np.flatnonzero(np.isin(held.trials.rows, items))
        same = len(items) == len(held.items)
        kept.append(held if same else replace(held, items=items, trials=held.trials.take(inside)))
    return kept


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
        searched = vectors if held.vectors is None else held.vectors
        cosines.append(subsets.encode(held.trials, held.encode) @ searched[held.items].T)
        truth.append(np.searchsorted(held.items, held.trials.rows[subsets.members[:, 0]]))
        fold.append(np.full(len(subsets.members), number))
    return Answers(np.concatenate(cosines), np.concatenate(truth), np.concatenate(fold))


def rivals(given: Answers, size: int, seed: int) -> Answers:
    """The same answers with so many items to tell apart: the true one, in column 0, and others drawn for each."""
    rng = np.random.default_rng((seed, size))
    cosines = np.empty((len(given.truth), size), np.float32)
    for k in range(0, len(cosines), repeats.CHUNK):
        part = slice(k, k + repeats.CHUNK)
        truth = given.truth[part, None]
        key = rng.random(given.cosines[part].shape, np.float32)
        np.put_along_axis(key, truth, 2.0, axis=1)
        others = np.argpartition(key, size - 2, axis=1)[:, : size - 1]
        cosines[part] = np.take_along_axis(given.cosines[part], np.concatenate([truth, others], axis=1), axis=1)
    return Answers(cosines, np.zeros_like(given.truth), given.fold)


def sizes(items: int) -> list[int]:
    """Gallery sizes that are fitted where so many items can be told apart, the largest first."""
    found = [items]
    while found[-1] // SHRINK >= SMALLEST_GALLERY:
        found.append(found[-1] // SHRINK)
    return found


def calibrate(
    folds: Sequence[HeldOut], vectors: Vectors, seed: int, window_end_s: float | None = None
) -> tuple[Calibration, ...]:
    """A temperature for every repeat count that the held-out stimuli can give, while enough answers are wrong.

    For higher counts a live answer takes the temperature of the nearest lower one: less certain than it might be.
    The first ones are for all items; then follow those for fewer rivals.

    Parameters
    ----------
    folds
        Held-out trials, each with the encoder that has not seen them.
    vectors
        (items, dim) of the gallery, unit norm.
    seed
        Of the random subsets.
    window_end_s
        End of the windows, where it is not the encoder's own.
    """
    return _fit(folds, vectors, seed, window_end_s, filters=False)[0]


@dataclass(frozen=True)
class AfterTraining:
    """What held-out answers give to a bundle.

    Attributes
    ----------
    fields
        Of `config.bundles.EncoderSpec`: ``calibration`` and ``relevance``.
    novelty
        Fields and arrays of its novelty, or None.
    filters
        The relevance filters with their answers to left-out stimuli, for reliability plots.
    """

    fields: dict[str, Any]
    novelty: Fitted | None
    filters: tuple[relevance.Fitted, ...]


def sample(index: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """As many of the trials at ``index``, in order, as novelty keeps: for ``HeldOut.known`` and ``final``."""
    return np.sort(np.random.default_rng(seed).permutation(index)[: novelty.BANK])


def after_training(
    folds: Sequence[HeldOut], vectors: Vectors, seed: int, final: tuple[Encode, Trials] | None = None
) -> AfterTraining:
    """Temperatures, relevance filters and novelty.

    Parameters
    ----------
    folds
        As for `calibrate`; novelty is fitted where all of them hold what they ``known``.
    vectors
        (items, dim) of the gallery, unit norm.
    seed
        Of random subsets.
    final
        The encoder of the bundle and (some of) the trials that it learned from; None: those of the only fold.
    """
    if not folds:
        return AfterTraining({}, None, ())
    calibration, filters = _fit(folds, vectors, seed, None, filters=True)
    fields = {"calibration": calibration, "relevance": tuple(one.spec for one in filters)}
    sides = [novelty.Side(f.encode, f.known.windows, f.trials.windows) for f in folds if f.known is not None]
    whole = len(sides) == len(folds) and (final is not None or len(folds) == 1)
    strange = novelty.fit(sides, final and (final[0], final[1].windows), seed) if whole else None
    return AfterTraining(fields, strange, filters)


def _fit(
    folds: Sequence[HeldOut], vectors: Vectors, seed: int, window_end_s: float | None, *, filters: bool
) -> tuple[tuple[Calibration, ...], tuple[relevance.Fitted, ...]]:
    """Temperatures, those for all items first, and a filter for each repeat count."""
    common = set.intersection(*(set(repeats.counts(held.trials)) for held in folds))
    whole: list[Calibration] = []
    smaller: list[Calibration] = []
    found: list[relevance.Fitted] = []
    for count in sorted(common):
        given = answers(folds, vectors, count, seed)
        if whole and _wrong(given) < FEWEST_WRONG:
            break
        by_size = {size: rivals(given, size, seed) for size in sizes(given.cosines.shape[1])[1:]}
        whole.append(fit_temperature(given.cosines, given.truth, count, window_end_s))
        smaller += [
            fit_temperature(one.cosines, one.truth, count, window_end_s)
            for one in by_size.values()
            if _wrong(one) >= FEWEST_WRONG
        ]
        if filters:
            both = {given.cosines.shape[1]: given, **by_size}
            stimuli = _stimuli(folds, given)
            one = relevance.fit({n: (a.cosines, a.truth, stimuli) for n, a in both.items()}, count, seed)
            found += [one] if one else []
    return (*whole, *smaller), tuple(found)


def _wrong(given: Answers) -> int:
    return int(np.count_nonzero(given.cosines.argmax(axis=1) != given.truth))


def _stimuli(folds: Sequence[HeldOut], given: Answers) -> NDArray[np.int64]:
    """Gallery row (n,) of the true item of each answer."""
    rows = np.stack([held.items for held in folds])
    return np.asarray(rows[given.fold, given.truth], np.int64)
