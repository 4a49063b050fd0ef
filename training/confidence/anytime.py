"""Answers before the window ends: their temperatures, and from which probability on one is committed.

Each earlier end of the window has temperatures of its own, for every repeat count and gallery size, fitted on the same
held-out answers as those of the whole window (`training.confidence.calibrate`). From these answers comes the stop rule
too: at an end, in the order of the ends, an answer is committed where the calibrated probability of its best item
reaches a threshold. What is asked of a threshold:

- it is at least ``LEAST_SURE``: to commit is to claim, and what is more likely wrong than right is no claim;
- the answers committed by it are right as often as the whole window's answers to the very same trials, but for
  ``TOLERANCE``, and held-out data show it: the lower bound of the difference, one-sided at ``LEVEL``, is above
  ``-TOLERANCE``.

The difference is between paired proportions (early right and late wrong, against early wrong and late right), whose
bound is the adjusted Wald one [1]_: one pair of either kind is added, so that a handful of answers without a mistake
proves nothing (with the numbers here at least 76 are needed). Answers of one stimulus are alike, so each stimulus
counts as one, by the shares of its committed answers; where there are few stimuli, as in two categories, their trials
count, and averages for as many as can be made of these without sharing any.

Many thresholds are tried on the same data, and the best of many looks better than it is. So they are tried in a fixed
order that no label has a part in, from the surest answers on by equal shares of all, and the first failure ends it
[2]_: then the chance that a committed answer falls short by more than the tolerance is bounded for the threshold that
is kept as for a single one. That holds for an end, repeat count and gallery size each, not for all of them together.
Trials that are committed at an end are no evidence at a later one, where live they would not be asked again. Where no
threshold passes it is None: such an end never commits. The temperature comes from the same answers; it is one number.
The bound speaks of trials like those held out: a day or person unlike these may fall short by more, which is what
``eegseek evaluate --anytime`` on recordings of their own is for.

References
----------
.. [1] Bonett & Price (2012), Adjusted Wald confidence interval for a difference of binomial proportions based on
   paired data, Journal of Educational and Behavioral Statistics 37 (4).
.. [2] Angelopoulos et al. (2021), Learn then test: calibrating predictive algorithms to achieve risk control,
   arXiv:2110.01052 (fixed-sequence testing).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import Calibration
from config.chain import WindowSettings
from inference.encoders.base import Vectors
from inference.score import DEPTH, commit_above, fit_temperature, probabilities, temperature
from training.confidence import calibrate, scoring
from training.confidence.calibrate import Answers, HeldOut
from training.trials import repeats
from training.trials.ends import until
from training.trials.split import FEW_ITEMS

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

TOLERANCE = 0.03
"""Share of committed answers that may be wrong where the whole window's would have been right, less the converse."""
LEVEL_Z = 1.6448536269514722
"""Of the one-sided bound: 95 %."""
LEAST_SURE = 0.5
STEPS = 40
"""Thresholds that are tried, each committing so much more of all answers."""


def calibrate_parts(
    folds: Sequence[HeldOut], vectors: Vectors, window: WindowSettings, seed: int
) -> tuple[Calibration, ...]:
    """Temperatures and thresholds of every earlier end of a window, those of the first end first.

    Parameters
    ----------
    folds
        Held-out trials, whole windows, each with an encoder that takes the earlier ends too.
    vectors
        (items, dim) of the gallery, unit norm.
    window
        With its parts.
    seed
        Of the random subsets: the same ones at every end.
    """
    if not folds:
        return ()
    counts = sorted(set.intersection(*(set(repeats.counts(held.trials)) for held in folds)))
    found: list[list[Calibration]] = [[] for _ in window.parts_s]
    for count in counts:
        whole = _Whole(calibrate.answers(folds, vectors, count, seed), folds, count, seed)
        for k, (end_s, times) in enumerate(zip(window.parts_s, window.part_times, strict=True)):
            early = [replace(held, trials=until(held.trials, times)) for held in folds]
            given = calibrate.answers(early, vectors, count, seed)
            found[k] += whole.early(given, end_s, found[k])
    return tuple(one for end in found for one in end)


class _Whole:
    """Whether the whole window's answers to averages of so many trials are right, at each gallery size."""

    def __init__(self, given: Answers, folds: Sequence[HeldOut], count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self.sizes = calibrate.sizes(given.cosines.shape[1])
        self.right = {size: _right(self._rivals(given, size)) for size in self.sizes}
        self.open = {size: np.ones(len(given.truth), np.bool_) for size in self.sizes}
        self.unit, self.weight = _units(given, folds, count)

    def _rivals(self, given: Answers, size: int) -> Answers:
        return given if size == given.cosines.shape[1] else calibrate.rivals(given, size, self.seed)

    def early(self, given: Answers, end_s: float, former: Sequence[Calibration]) -> list[Calibration]:
        """Calibrations of the same answers at an end; ``former`` are those of lower repeat counts."""
        found: list[Calibration] = []
        for size in self.sizes:
            one = self._rivals(given, size)
            right, cosines = _right(one), -np.sort(-one.cosines, axis=1)[:, :DEPTH]
            left, threshold = self.open[size], None
            if np.count_nonzero(~right) >= calibrate.FEWEST_WRONG or not (former or found):
                fitted = fit_temperature(one.cosines, one.truth, self.count, end_s)
                sure = probabilities(cosines, size, fitted.temperature)[:, 0]
                later = self.right[size][left]
                threshold = lowest(sure[left], right[left], later, self.unit[left], self.weight[left])
                found.append(fitted.model_copy(update={"commit_above": threshold}))
            else:  # as live: by the nearest lower count
                known = (*former, *found)
                sure = probabilities(cosines, size, temperature(known, self.count, size, end_s)[0])[:, 0]
                threshold = commit_above(known, self.count, size, end_s)
            if threshold is not None:
                self.open[size] = left & (sure < threshold)
        return found


def scores(folds: Sequence[HeldOut], vectors: Vectors, window: WindowSettings, seed: int) -> dict[str, Any]:
    """Scores of held-out single trials at each earlier end, by its seconds, for the bundle."""
    found = {}
    for end_s, times in zip(window.parts_s, window.part_times, strict=True):
        early = [replace(held, trials=until(held.trials, times)) for held in folds]
        found[f"{end_s:g}"] = scoring.held_out(early, vectors, seed)["single_trial"]
    return found


def lowest(
    sure: Array, right: Bools, right_later: Bools, unit: NDArray[np.int64], weight: Array | None = None
) -> float | None:
    """The lowest threshold that the held-out answers bear out; None: there is none.

    Parameters
    ----------
    sure
        (n,) calibrated probability of each early answer's best item.
    right, right_later
        (n,) whether the early answer, and that of the whole window, is right.
    unit
        (n,) of what each answer is; those of one unit count as one together.
    weight
        (n,) for how much an answer counts that is alone in its unit, at most 1; None: 1.
    """
    weight = np.ones(len(sure)) if weight is None else weight
    order = np.argsort(-sure, kind="stable")
    kept = None
    for step in range(1, STEPS + 1):
        last = max(round(step * len(order) / STEPS), 1) - 1 if len(order) else -1
        if last < 0 or sure[order[last]] < LEAST_SURE:
            break
        chosen = sure >= sure[order[last]]
        lost, won, n = _paired(right[chosen], right_later[chosen], unit[chosen], weight[chosen])
        if n < fewest():
            continue  # too few to say anything, whatever they say
        if lower_bound(lost, won, n) <= -TOLERANCE:
            break
        kept = float(sure[order[last]])
    return kept


def fewest() -> int:
    """Independent answers without any difference that show the tolerance to be kept."""
    return int(np.floor(LEVEL_Z * np.sqrt(2) / TOLERANCE - 2)) + 1


def lower_bound(lost: float, won: float, n: float) -> float:
    """Lower bound of the difference in the share of right answers: ``won`` of n less ``lost`` of n."""
    less, more = (lost + 1) / (n + 2), (won + 1) / (n + 2)
    spread = np.sqrt(max(less + more - (more - less) ** 2, 0.0) / (n + 2))
    return float(more - less - LEVEL_Z * spread)


def _paired(right: Bools, later: Bools, unit: NDArray[np.int64], weight: Array) -> tuple[float, float, float]:
    """Independent answers that are early wrong and late right, the converse, and in all."""
    _, place, size = np.unique(unit, return_inverse=True, return_counts=True)
    share = weight / size[place]
    return float(share[~right & later].sum()), float(share[right & ~later].sum()), float(share.sum())


def _units(given: Answers, folds: Sequence[HeldOut], count: int) -> tuple[NDArray[np.int64], Array]:
    """Unit and weight (n,) of each answer: its stimulus in a fold or, where these are few, itself (see the module)."""
    items = max(len(held.items) for held in folds)
    stimulus = given.fold * items + given.truth
    if items >= FEW_ITEMS:
        return stimulus, np.ones(len(stimulus))
    apart = np.zeros(len(folds) * items)
    for number, held in enumerate(folds):
        shown = np.bincount(np.searchsorted(held.items, held.trials.rows), minlength=items)
        apart[number * items : (number + 1) * items] = shown // count
    drawn = np.bincount(stimulus, minlength=len(apart))
    return np.arange(len(stimulus)), np.minimum(apart / np.maximum(drawn, 1), 1.0)[stimulus]


def _right(given: Answers) -> Bools:
    return np.asarray(given.cosines.argmax(axis=1) == given.truth, np.bool_)
