"""Rows about the representation itself: how far it agrees with the model's, how simple and how low-level it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import unit_norm
from training.metrics import bootstrap, cka, diversity, kernel_analysis, lowlevel, rsa
from training.protocols.schema import Metric, Row

Rows = NDArray[np.int64]
DEPTH = 10
"""Results whose diversity is measured."""
MOST_STIMULI = 400


@dataclass(frozen=True)
class Means:
    """Embeddings of EEG, a mean for each stimulus of each subject.

    Attributes
    ----------
    vectors
        (n, dim), unit norm.
    rows
        (n,), gallery row that was shown.
    subject
        (n,), number of the subject.
    """

    vectors: NDArray[np.float32]
    rows: Rows
    subject: Rows

    def common(self, seed: int = 0) -> Rows:
        """Gallery rows that every subject saw, at most ``MOST_STIMULI`` of them."""
        each = [set(self.rows[self.subject == one].tolist()) for one in np.unique(self.subject)]
        rows = np.array(sorted(set.intersection(*each)), np.int64)
        return np.sort(np.random.default_rng(seed).permutation(rows)[:MOST_STIMULI])

    def of(self, subject: int, rows: Rows) -> NDArray[np.float32]:
        """Vectors (len(rows), dim) of a subject."""
        own = np.flatnonzero(self.subject == subject)
        place = {int(self.rows[k]): k for k in own}
        return self.vectors[[place[int(row)] for row in rows]]

    def mean(self, rows: Rows) -> NDArray[np.float32]:
        """Mean over subjects (len(rows), dim), unit norm."""
        subjects = np.unique(self.subject)
        return unit_norm(np.mean([self.of(int(one), rows) for one in subjects], axis=0))


def representation(
    base: Row, means: Means, vectors: NDArray[Any], classes: Sequence[str] = (), *, seed: int = 0
) -> Row | None:
    """RSA with its noise ceiling, CKA, kernel analysis, and diversity of results.

    Parameters
    ----------
    base
        A row whose conditions hold here too.
    means
        Embeddings of EEG.
    vectors
        (items, dim) of the gallery, unit norm.
    classes
        Of each item, for kernel analysis; empty, or all different: the targets are the items' embeddings.
    seed
        Of resampling and permutations.

    Returns
    -------
    None with fewer than eight stimuli that every subject saw.
    """
    rows = means.common(seed)
    if len(rows) < kernel_analysis.FEWEST:
        return None
    model, brain = np.asarray(vectors, np.float64)[rows], means.mean(rows)
    found = {
        **_rsa(model, [means.of(int(one), rows) for one in np.unique(means.subject)], seed),
        "cka": _cka(model, brain, seed),
        "kernel_analysis_area": _kernel(brain, _targets(model, classes, rows), seed),
        "vendi_of_results": _vendi(brain, model, seed),
    }
    return base.model_copy(
        update={
            "protocol": "representation",
            "what": f"how the embeddings of EEG of {len(rows)} stimuli, averaged over all repeats, lie to one another",
            "repeats": 0,
            "n_way": len(rows),
            "gallery": "shown images",
            "metrics": found,
            "notes": ("RSA and CKA compare with the gallery's embeddings; vendi counts kinds among the best ten",),
        }
    )


def low_level(base: Row, means: Means, vectors: NDArray[Any], low: NDArray[Any], *, seed: int = 0) -> Row:
    """The control for luminance, contrast, colour and spatial frequency.

    Parameters
    ----------
    base, means, vectors, seed
        As for `representation`.
    low
        (stimuli, features), `training.metrics.lowlevel.features` of the pictures of those of ``means.common(seed)``.

    Raises
    ------
    RecordingError
        There are too few stimuli for so many features.
    """
    rows = means.common(seed)
    found = lowlevel.control(means.mean(rows), np.arange(len(rows)), vectors[rows], low, seed=seed)
    n = len(rows)

    def of(value: float, chance: float) -> Metric:
        return Metric(value=value, chance=chance, chance_by="analytic", n=n)

    return base.model_copy(
        update={
            "protocol": "low-level control",
            "what": "does luminance, contrast, colour or spatial frequency explain the score?",
            "repeats": 0,
            "n_way": n,
            "gallery": "shown images",
            "metrics": {
                "mrr": of(found.full, found.chance),
                "mrr_from_low_level_alone": of(found.alone, found.chance),
                "mrr_without_low_level": of(found.after, found.chance),
                "mrr_without_shuffled_low_level": of(found.after_shuffled, found.chance),
                "share_left": Metric(value=found.left if np.isfinite(found.left) else None, n=n),
            },
            "notes": (f"low-level features predict {max(found.explained, 0):.0%} of the embeddings' variance",),
        }
    )


def _rsa(model: NDArray[Any], brains: Sequence[NDArray[Any]], seed: int) -> dict[str, Metric]:
    wanted, seen = _cosine_distances(model), [_cosine_distances(one) for one in brains]
    found = rsa.compare(wanted, seen, seed=seed)

    def again(index: Rows) -> float:
        grid = np.ix_(index, index)
        return rsa.spearman(wanted[grid], [one[grid] for one in seen])

    test = found.subjects if found.subjects and found.subjects.n >= 5 else found.permutation
    made = {"rsa": _metric(found.value, 0.0, again, len(model), seed, p=test.p, test=test.method)}
    if found.lower is not None and found.upper is not None:
        made["rsa_noise_ceiling_low"] = Metric(value=found.lower, chance=0.0, n=len(brains))
        made["rsa_noise_ceiling_high"] = Metric(value=found.upper, chance=0.0, n=len(brains))
    return made


def _cka(model: NDArray[Any], brain: NDArray[Any], seed: int) -> Metric:
    found = cka.compare(model, brain, seed=seed)
    return _metric(
        found.value,
        found.chance,
        lambda index: cka.linear(model[index], brain[index]),
        len(model),
        seed,
        p=found.p,
        test=found.method,
    )


def _kernel(brain: NDArray[Any], targets: NDArray[Any], seed: int) -> Metric:
    found = kernel_analysis.analyse(brain, targets, seed=seed)

    def again(index: Rows) -> float:
        return kernel_analysis.analyse(brain[index], targets[index], shuffles=0).area

    test = f"200 shuffles of {len(brain)} stimuli"
    return _metric(found.area, found.chance, again, len(brain), seed, p=found.p, test=test, groups=10)


def _vendi(brain: NDArray[Any], model: NDArray[Any], seed: int) -> Metric:
    best = np.argsort(-(brain @ model.T), axis=1)[:, :DEPTH]
    scores = diversity.of_results(model, best)
    found = bootstrap.interval(lambda index: float(scores[index].mean()), np.arange(len(scores)), seed=seed)
    low, high = found or (None, None)
    chance = diversity.chance(model, DEPTH, seed=seed)
    return Metric(
        value=float(scores.mean()),
        chance=chance,
        chance_by="permutation",
        low=low,
        high=high,
        n=len(scores),
        unit="stimuli" if found else "",
    )


def _metric(
    value: float,
    chance: float,
    again: Callable[[Rows], float],
    n: int,
    seed: int,
    *,
    p: float,
    test: str,
    groups: int = 40,
) -> Metric:
    """With the jackknife's interval over stimuli."""
    low, high = bootstrap.jackknife(again, n, groups=groups, seed=seed) or (None, None)
    return Metric(
        value=value if np.isfinite(value) else None,
        chance=chance,
        chance_by="permutation",
        low=low,
        high=high,
        n=n,
        unit="stimuli" if low is not None else "",
        p=p,
        test=test,
    )


def _targets(model: NDArray[Any], classes: Sequence[str], rows: Rows) -> NDArray[np.float64]:
    names = [classes[row] for row in rows] if classes else []
    if 2 <= len(set(names)) < len(names) / 2:
        return kernel_analysis.one_hot(names)
    return np.asarray(model, np.float64)


def _cosine_distances(vectors: NDArray[Any]) -> NDArray[np.float64]:
    v = np.asarray(vectors, np.float64)
    return np.asarray(1 - v @ v.T)
