"""A row about answers as probabilities: how good they are, how much they tell, and how near a wrong answer is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import score
from training.metrics import bootstrap, metrics_class, metrics_information, metrics_transfer
from training.metrics import metrics_probability as probability
from training.protocols.schema import Metric, Row

Index = NDArray[np.int64]
DRAWS = 300
NEAR = 10
"""Nearest items of the true one, with which the best answers are compared."""
MOST_CLASSES = 20
"""For which confusions are counted."""
FEWEST_OF_CLASS = 5
"""Answers for each class, on average, below which information is not estimated from counts."""
PERMUTATIONS = 200


@dataclass(frozen=True)
class Given:
    """Answers.

    Attributes
    ----------
    cosines
        (n, items), with the items that were shown.
    truth
        (n,), column of the true item.
    repeats
        Trials behind each.
    temperature
        Of the softmax.
    apart
        Answers that have no trial in common; None: all. Averages of mostly the same trials are one answer many times,
        which means allow and counts do not.
    """

    cosines: NDArray[np.float32]
    truth: Index
    repeats: int
    temperature: float
    apart: Index | None = None


def probability_row(base: Row, given: Given, vectors: NDArray[Any], classes: Sequence[str], *, seed: int = 0) -> Row:
    """Brier score, calibration, accuracy over coverage, bits, and neighbours; classes where these are few.

    Parameters
    ----------
    base
        A row whose conditions hold here too.
    given
        Answers among the items shown.
    vectors, classes
        (items, dim) and class of each of these items.
    seed
        Of the resampling, which takes whole stimuli.
    """
    made = _of_items(given, vectors, seed) | _of_classes(given, classes, seed)
    return base.model_copy(
        update={
            "protocol": "answers as probabilities",
            "what": "how good the probabilities of the items are, bits an answer, and how near a wrong answer is",
            "repeats": given.repeats,
            "n_way": given.cosines.shape[1],
            "gallery": "shown images",
            "metrics": made,
            "notes": (f"temperature {given.temperature:.3g}; neighbours: the {NEAR} items nearest to the true one",),
        }
    )


def _of_items(given: Given, vectors: NDArray[Any], seed: int) -> dict[str, Metric]:
    n, items = given.cosines.shape
    # all items are known here, so nothing is bounded
    order = np.argsort(-given.cosines, axis=1)
    best = score.probabilities(np.take_along_axis(given.cosines, order, axis=1), items, given.temperature)
    p = np.empty_like(best)
    np.put_along_axis(p, order, best, axis=1)
    sure, right = best[:, 0], order[:, 0] == given.truth
    of_truth = p[np.arange(n), given.truth]
    near = metrics_class.neighbours(vectors, given.truth, min(NEAR, items - 1))
    jaccard = metrics_class.jaccard(given.cosines, near, NEAR)
    accuracy = float(right.mean())

    def metric(statistic: Callable[[Index], float], chance: float, by: str = "analytic") -> Metric:
        return _metric(statistic, chance, by, given.truth, seed)

    return {
        "brier": metric(lambda i: probability.brier(p[i], given.truth[i]), probability.brier_chance(items)),
        "ece": metric(
            lambda i: score.calibration_error(sure[i], right[i]),
            probability.calibration_floor(sure, seed=seed),
            "permutation",
        ),
        "coverage_area": metric(lambda i: probability.accuracy_against_coverage(sure[i], right[i]).area, accuracy),
        "bits_an_answer": metric(lambda i: metrics_information.information(of_truth[i], items), 0.0),
        "neighbour_jaccard10": metric(
            lambda i: float(jaccard[i].mean()), metrics_class.mean_chance(near, NEAR)["jaccard"]
        ),
    }


def _of_classes(given: Given, classes: Sequence[str], seed: int) -> dict[str, Metric]:
    names, code = np.unique(np.asarray(classes), return_inverse=True)
    if not 2 <= len(names) <= MOST_CLASSES:
        return {}
    shown, said = code[given.truth], code[given.cosines.argmax(axis=1)]
    relevant = metrics_class.same_class(list(classes), given.truth)
    apart = np.arange(len(shown)) if given.apart is None else given.apart
    kappa = _metric(lambda i: metrics_transfer.kappa(shown[i], said[i]), 0.0, "analytic", given.truth, seed)
    found = {"class_kappa": kappa} | _class_bits(shown[apart], said[apart], given.truth[apart], seed)
    if len(names) < len(classes) and len(classes) > 5:
        hit = metrics_class.top_any(given.cosines, relevant, 5)
        chance = metrics_class.mean_chance(relevant, 5)["top_any"]
        found["class_top5_any"] = _metric(lambda i: float(hit[i].mean()), chance, "analytic", given.truth, seed)
    return found


def _class_bits(shown: Index, said: Index, stimuli: Index, seed: int) -> dict[str, Metric]:
    """Bits an answer about the class; none where answers are too few for the counts of a confusion matrix.

    What bias Miller's correction leaves is in the chance, which is of permuted answers. The interval is of the
    jackknife: a bootstrap over stimuli would leave out classes, and with fewer of these there are fewer bits to tell.
    """
    if len(shown) < FEWEST_OF_CLASS * len(np.unique(shown)):
        return {}
    bits = metrics_information.confusion_information
    rng = np.random.default_rng(seed)
    chance = float(np.mean([bits(shown, rng.permutation(said)) for _ in range(PERMUTATIONS)]))
    members = [np.flatnonzero(stimuli == one) for one in np.unique(stimuli)]

    def of(kept: Index) -> float:
        index = np.concatenate([members[k] for k in kept])
        return bits(shown[index], said[index])

    bounds = bootstrap.jackknife(of, len(members), seed=seed)
    low, high = bounds or (None, None)
    metric = Metric(
        value=bits(shown, said),
        chance=chance,
        chance_by="permutation",
        low=low,
        high=high,
        n=len(shown),
        unit="stimuli" if bounds else "",
    )
    return {"class_bits": metric}


def _metric(statistic: Callable[[Index], float], chance: float, by: str, stimuli: Index, seed: int) -> Metric:
    bounds = bootstrap.interval(statistic, stimuli, draws=DRAWS, seed=seed)
    low, high = bounds or (None, None)
    value = statistic(np.arange(len(stimuli)))
    return Metric.model_validate(
        {
            "value": value if np.isfinite(value) else None,
            "chance": chance,
            "chance_by": by,
            "low": low,
            "high": high,
            "n": len(stimuli),
            "unit": "stimuli" if bounds else "",
        }
    )
