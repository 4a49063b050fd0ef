"""Accuracies made comparable across numbers of classes, and what transfer adds to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.metrics.retrieval import Rows


def over_chance(accuracy: float, chance: float) -> float:
    """Share of the way from chance (0) to perfect (1) that an accuracy has gone; below 0 where it is under chance.

    This is Cohen's kappa [1]_ for evenly shown classes: two classes at 75 % and two hundred at 50.25 % are alike.

    References
    ----------
    .. [1] Cohen (1960), A coefficient of agreement for nominal scales, Educational and Psychological Measurement 20.
    """
    return (accuracy - chance) / (1 - chance)


def kappa(truth: Rows, answer: Rows) -> float:
    """Cohen's kappa of what was shown (n,) and answered (n,): chance (0) by how often each class was shown and said.

    NaN where there is one class only.
    """
    classes, both = np.unique(np.concatenate([truth, answer]), return_inverse=True)
    shown, said = both[: len(truth)], both[len(truth) :]
    chance = float(np.bincount(shown, minlength=len(classes)) @ np.bincount(said, minlength=len(classes)))
    chance /= len(truth) ** 2
    return over_chance(float(np.mean(shown == said)), chance) if chance < 1 else float("nan")


@dataclass(frozen=True)
class Transfer:
    """What was gained by training on other data too.

    Attributes
    ----------
    before, after
        Share of the way from chance to perfect, without and with transfer.
    gain
        Their difference: comparable between tasks of different class counts; 0 is no effect.
    errors_removed
        Share of the errors made without transfer that it removes; negative where it adds some.
    """

    before: float
    after: float
    gain: float
    errors_removed: float


def transfer(without: float, with_: float, chance: float) -> Transfer:
    """Effect of transfer from two accuracies of one task."""
    before, after = over_chance(without, chance), over_chance(with_, chance)
    removed = (with_ - without) / (1 - without) if without < 1 else 0.0
    return Transfer(before, after, after - before, removed)
