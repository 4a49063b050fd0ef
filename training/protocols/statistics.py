"""From values of single answers to scores: each with chance, an interval over whole units, and a test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.confidence.scoring import FEWEST, Units
from training.metrics import bootstrap, retrieval, significance
from training.protocols.answers import Retrieval, join_units
from training.protocols.schema import Metric

Array = NDArray[np.float64]
PERMUTATIONS = 1000
FEWEST_PERMUTED = 6
"""Stimuli or classes whose orders are too few to test with."""
MOST_PERMUTED = 20_000_000
"""Answers times permutations."""


def mean_metric(
    values: NDArray[Any],
    units: Units,
    unit: str | None,
    chance: float | None,
    *,
    permute: Callable[[NDArray[np.int64]], float] | None = None,
    n_permuted: int = 0,
    seed: int = 0,
) -> Metric:
    """Mean of a value of each answer.

    Parameters
    ----------
    values
        (m,), not NaN.
    units
        Of the answers.
    unit
        What the interval resamples; None: no interval.
    chance
        Analytic; None: the mean of the permutations.
    permute, n_permuted
        The statistic when ``n_permuted`` stimuli or classes have changed places, for a test and, perhaps, chance. Not
        used where there are subjects enough to test across.
    seed
        Of the resampling.
    """
    values = np.asarray(values, np.float64)
    value = float(values.mean())
    low, high = interval(values, units[unit], seed) if unit else (None, None)
    tested = _tested(values, units, chance, permute, n_permuted, seed)
    analytic = chance is not None
    return Metric(
        value=value,
        chance=chance if analytic or tested is None else tested.chance,
        chance_by="analytic" if analytic else "permutation" if tested else "",
        low=low,
        high=high,
        n=len(values),
        unit=unit or "",
        p=tested.p if tested else None,
        test=tested.method if tested else "",
    )


def interval(values: Array, units: NDArray[Any], seed: int = 0) -> tuple[float | None, float | None]:
    """95 % interval of the mean of values (m,), whole units resampled; the sums of each unit are all that it takes."""
    _, place = np.unique(units, return_inverse=True)
    sums, counts = np.bincount(place, values), np.bincount(place)
    found = bootstrap.interval(lambda i: float(sums[i].sum() / counts[i].sum()), np.arange(len(sums)), seed=seed)
    return found or (None, None)


def _tested(
    values: Array,
    units: Units,
    chance: float | None,
    permute: Callable[[NDArray[np.int64]], float] | None,
    n_permuted: int,
    seed: int,
) -> significance.Tested | None:
    subjects = np.unique(units["subjects"])
    if chance is not None and len(subjects) >= FEWEST["subjects"]:
        means = np.array([values[units["subjects"] == one].mean() for one in subjects])
        return significance.across_subjects(means, chance, seed=seed)
    if permute is None or n_permuted < FEWEST_PERMUTED:
        return None
    return significance.permuted(permute, n_permuted, draws=PERMUTATIONS, seed=seed)


def retrieval_metrics(found: Retrieval, n_way: int, unit: str | None, *, seed: int = 0) -> dict[str, Metric]:
    """Top-1, top-5, mean reciprocal rank and median rank.

    Parameters
    ----------
    found
        Ranks among ``found.size`` things.
    n_way
        Things told apart; where fewer than were searched, each score is the expectation over all subsets that hold the
        true one (exact, not drawn).
    unit, seed
        Of the interval.
    """
    guess, tables = retrieval.chance(n_way), of_rank(found.size, n_way)
    halves = np.rint(2 * found.ranks).astype(np.int64) - 2
    rows = np.arange(len(found.truth))
    whole = len(np.unique(found.truth)) > 1 and len(rows) * PERMUTATIONS <= MOST_PERMUTED
    scores = {}
    for name, table in tables.items():
        if name == "top5" and n_way <= 5:
            continue  # always right
        values = table[halves]

        def permute(order: NDArray[np.int64], values: Array = values) -> float:
            return float(values[rows, order[found.truth]].mean())

        if name == "median_rank":
            scores[name] = _median(values[rows, found.truth], found.units, unit, guess[name], seed)
            continue
        scores[name] = mean_metric(
            values[rows, found.truth],
            found.units,
            unit,
            guess[name],
            permute=permute if whole else None,
            n_permuted=found.ranks.shape[1],
            seed=seed,
        )
    return scores


def pooled_metrics(found: Sequence[Retrieval], unit: str | None, *, seed: int = 0) -> tuple[int, dict[str, Metric]]:
    """Scores over several searches, such as folds, at the number of rivals of the smallest; and that number."""
    n_way = min(part.size for part in found)
    units = join_units([part.units for part in found])
    guess = retrieval.chance(n_way)
    scores: dict[str, Metric] = {}
    for name in of_rank(n_way, n_way):
        if name == "top5" and n_way <= 5:
            continue
        values = np.concatenate(
            [of_rank(part.size, n_way)[name][np.rint(2 * part.true_ranks).astype(np.int64) - 2] for part in found]
        )
        if name == "median_rank":
            scores[name] = _median(values, units, unit, guess[name], seed)
        else:
            scores[name] = mean_metric(values, units, unit, guess[name], seed=seed)
    return n_way, scores


def _median(ranks: Array, units: Units, unit: str | None, chance: float, seed: int) -> Metric:
    found = bootstrap.interval(lambda i: float(np.median(ranks[i])), units[unit], seed=seed) if unit else None
    low, high = found or (None, None)
    return Metric(
        value=float(np.median(ranks)),
        chance=chance,
        chance_by="analytic",
        low=low,
        high=high,
        n=len(ranks),
        unit=unit or "",
    )


def of_rank(size: int, n_way: int) -> dict[str, Array]:
    """Expected scores, by rank among ``size`` things, when ``n_way`` of these are told apart.

    The true thing keeps its place; its ``n_way - 1`` rivals are any of the others, alike likely, so how many of them
    beat it is hypergeometric. A rank between two whole ones, of equal cosines, counts as the worse one.

    Returns
    -------
    Each (2 size - 1,), at ranks 1, 1.5, 2, … ``size``.
    """
    from scipy.stats import hypergeom

    rank = np.ceil(np.arange(2, 2 * size + 1) / 2).astype(np.int64)
    exact = np.arange(2, 2 * size + 1) / 2
    if n_way >= size:
        return {
            "top1": np.asarray(rank <= 1, np.float64),
            "top5": np.asarray(rank <= 5, np.float64),
            "mrr": 1.0 / exact,
            "median_rank": exact,
        }
    whole = np.arange(1, size + 1)
    beaten = hypergeom(size - 1, whole - 1, n_way - 1)
    better = np.arange(n_way)
    mrr = np.array([beaten.pmf(b) for b in better]).T @ (1.0 / (1 + better))
    by_rank = {
        "top1": beaten.cdf(0),
        "top5": beaten.cdf(4),
        "mrr": mrr,
        "median_rank": 1 + (whole - 1) * (n_way - 1) / (size - 1),
    }
    return {name: np.asarray(values, np.float64)[rank - 1] for name, values in by_rank.items()}
