"""Categories: can answers be told to be about an animal, say, whatever animal it is."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.gallery import Gallery
from training.metrics import bootstrap, retrieval, significance
from training.protocols.answers import Answers
from training.protocols.conditions import Conditions
from training.protocols.open_set import MOST
from training.protocols.schema import Metric, Row

PROTOCOL = "category AUC"
FEWEST = 2
"""Items shown of a category, and outside of it."""
DRAWS = 200
FEW = 12
"""Categories up to which each has an interval of its own."""
Array = NDArray[np.float64]


def category_auc(
    given: Answers, gallery: Gallery, members: Mapping[str, NDArray[np.bool_]], base: Conditions, *, seed: int = 0
) -> Row:
    """Mean, over categories, of the area under the ROC curve.

    The score of a category is the cosine with the mean of its items less that with the mean of the others; the item
    that was shown is left out of both means, so that only what it shares with others counts.

    Parameters
    ----------
    given
        Answers.
    members
        Membership (items,) of each category (see `classes.categories`).
    seed
        Of the resampling.

    Raises
    ------
    RecordingError
        No category has enough items among those shown.
    """
    if len(given) > MOST:
        given = given.take(np.sort(np.random.default_rng(seed).permutation(len(given))[:MOST]))
    items, place = np.unique(given.rows, return_inverse=True)
    kept = {
        name: member[items]
        for name, member in members.items()
        if min(member[items].sum(), (~member[items]).sum()) >= FEWEST
    }
    if not kept:
        raise RecordingError(
            f"no category has {FEWEST} items among those shown, and {FEWEST} outside of it; give other categories"
        )
    scores = np.stack([_scores(given, gallery, members[name]) for name in kept])
    member = np.stack(list(kept.values()))

    def mean(index: NDArray[np.int64], order: NDArray[np.int64] | None = None) -> float:
        of_items = member if order is None else member[:, order]
        areas = [retrieval.auc(s[index], m[place[index]]) for s, m in zip(scores, of_items, strict=True)]
        return float(np.nanmean(areas)) if np.isfinite(areas).any() else float("nan")

    everything = np.arange(len(place))
    tested = significance.permuted(lambda order: mean(everything, order), len(items), draws=DRAWS, seed=seed)
    low, high = bootstrap.interval(mean, place, draws=DRAWS, seed=seed) or (None, None)
    found = {
        "category_auc": Metric(
            value=tested.value,
            chance=0.5,
            chance_by="analytic",
            low=low,
            high=high,
            n=len(place),
            unit="stimuli" if low is not None else "",
            p=tested.p,
            test=tested.method,
        )
    }
    for name, s, m in zip(kept, scores, member, strict=True):
        found[f"auc of {name}"] = _one(s, m, place, seed, len(kept) <= FEW)
    what = f"{len(kept)} categories, each from all else; the picture itself is left out of its category"
    return base.row(PROTOCOL, what, n_way=2, gallery="class centres", repeats=given.repeats, metrics=found)


def _one(scores: Array, member: NDArray[np.bool_], place: NDArray[np.int64], seed: int, bounded: bool) -> Metric:
    bounds = None
    if bounded:
        bounds = bootstrap.interval(lambda i: retrieval.auc(scores[i], member[place[i]]), place, draws=DRAWS, seed=seed)
    low, high = bounds or (None, None)
    return Metric(
        value=retrieval.auc(scores, member[place]),
        chance=0.5,
        chance_by="analytic",
        low=low,
        high=high,
        n=len(place),
        unit="stimuli" if bounds else "",
    )


def _scores(given: Answers, gallery: Gallery, member: NDArray[np.bool_]) -> Array:
    """Cosine with the mean of a category's items, the shown one left out, less that with the mean of the others."""
    sums = [gallery.vectors[member == side].sum(axis=0, dtype=np.float64) for side in (True, False)]
    counts = [int((member == side).sum()) for side in (True, False)]
    own = np.asarray((given.vectors * gallery.vectors[given.rows]).sum(axis=1), np.float64)
    inside = member[given.rows]
    means = []
    for total, count, mine in zip(sums, counts, (inside, ~inside), strict=True):
        means.append((given.vectors @ total - np.where(mine, own, 0.0)) / np.maximum(count - mine, 1))
    return np.asarray(means[0] - means[1], np.float64)
