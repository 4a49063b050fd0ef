"""Fits the filter that says of each query whether its best item is likely right (see `inference.relevance`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import Relevance
from inference import relevance as live
from inference.score import DEPTH, calibration_error

Array = NDArray[np.float64]
FEWEST = 10
"""Right answers, and wrong ones, without which no filter is fitted."""
MOST = 4000
"""Answers of each gallery size that are used."""
FOLDS = 5


@dataclass(frozen=True)
class Fitted:
    """A filter, and what it says of answers to stimuli that it was not fitted on.

    Attributes
    ----------
    spec
        For the bundle, fitted on everything.
    confidence, correct
        (n,), P(correct) with the stimulus left out, and whether the answer was right: data for a reliability plot
        (`training.metrics.metrics_probability.reliability`).
    """

    spec: Relevance
    confidence: Array
    correct: NDArray[np.bool_]


def fit(
    by_size: Mapping[int, tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64]]], repeats: int, seed: int
) -> Fitted | None:
    """Logistic regression from the pattern of held-out answers' cosines to whether they are right.

    Parameters
    ----------
    by_size
        Gallery size to cosines (n, size), column (n,) of the true item, and stimulus (n,): answers to one stimulus are
        never on both sides of the inner splits.
    repeats
        Trials behind each answer.
    seed
        Of the answers that are left out where there are very many.

    Returns
    -------
    None where too few answers are right or wrong, or of too few stimuli, to learn from.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng((seed, repeats))
    parts = [_examples(*given, size, rng) for size, given in by_size.items()]
    pattern, correct, stimulus = (np.concatenate(part) for part in zip(*parts, strict=True))
    if min(correct.sum(), (~correct).sum()) < FEWEST or len(np.unique(stimulus)) < FOLDS:
        return None
    model = make_pipeline(StandardScaler(), LogisticRegression())
    try:
        inner = cross_val_predict(
            model, pattern, correct, groups=stimulus, cv=GroupKFold(FOLDS), method="predict_proba"
        )
    except ValueError:  # the right answers are all of one stimulus: a split without any cannot be learned from
        return None
    confidence = np.asarray(inner[:, 1], np.float64)
    model.fit(pattern, correct)
    scaler, logistic = model[0], model[1]
    weights = logistic.coef_[0] / scaler.scale_
    spec = Relevance(
        repeats=repeats,
        weights=tuple(weights.tolist()),
        intercept=float(logistic.intercept_[0] - weights @ scaler.mean_),
        log_loss=_log_loss(confidence, correct),
        calibration_error=calibration_error(confidence, correct),
        n_answers=len(correct),
        gallery_sizes=tuple(sorted(by_size)),
    )
    return Fitted(spec, confidence, correct)


def _examples(
    cosines: NDArray[Any],
    truth: NDArray[np.int64],
    stimulus: NDArray[np.int64],
    size: int,
    rng: np.random.Generator,
) -> tuple[Array, NDArray[np.bool_], NDArray[np.int64]]:
    """Patterns, whether the best item is right, and stimuli of at most ``MOST`` answers."""
    pick = rng.permutation(len(truth))[:MOST]
    some = cosines[pick]
    best = -np.sort(-some, axis=1)[:, :DEPTH]
    return live.features(best, size), some.argmax(axis=1) == truth[pick], stimulus[pick]


def _log_loss(confidence: Array, correct: NDArray[np.bool_]) -> float:
    p = np.clip(np.where(correct, confidence, 1 - confidence), 1e-12, 1)
    return float(-np.log(p).mean())
