"""From cosines to probabilities, by a temperature fitted on held-out stimuli. One rule for fitting and for live use.

The probability of an item is ``exp(cosine / T)`` over the sum for the whole gallery. Live, only the best ``DEPTH``
cosines are known; each of the others counts as much as the last known one, which is the most that it can be: so a
probability is never too high. Fitting applies the same rule to the same number of cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import Calibration
from config.errors import BundleError

Array = NDArray[np.float64]

DEPTH = 256
"""Cosines of a query that are known, at most."""
DEFAULT_TEMPERATURE = 0.07
"""Where a bundle holds no calibration: the temperature that contrastive training starts from (CLIP's). Answers scored
with it carry the flag ``UNCALIBRATED``."""
UNCALIBRATED = "uncalibrated"
BINS = 10
"""Equal-width bins of the calibration error."""
BOUNDS = (1e-3, 1e2)
"""Temperatures that are searched."""


def probabilities(cosines: NDArray[Any], gallery_size: int, temperature: float) -> Array:
    """Probabilities of the best items of each query.

    Parameters
    ----------
    cosines
        (m, k), the k largest of each query, best first.
    gallery_size
        Items in the gallery, k or more.
    temperature
        Of the softmax.

    Returns
    -------
    (m, k) float64; a row sums to 1 where k is the gallery's size, to less otherwise.
    """
    scaled = np.asarray(cosines, np.float64) / temperature
    return np.asarray(np.exp(scaled - _log_sum(scaled, gallery_size)[:, None]))


def temperature(
    calibration: Sequence[Calibration],
    repeats: int,
    gallery_size: int | None = None,
    window_end_s: float | None = None,
) -> tuple[float, bool]:
    """Temperature for an answer, and whether it was fitted.

    Parameters
    ----------
    calibration
        Of the encoder bundle.
    repeats
        Trials behind the answer.
    gallery_size
        Items searched; None: as many as the calibration was fitted with at most.
    window_end_s
        End of the window, seconds after the onset; None: the encoder's own.

    Returns
    -------
    The temperature fitted for that many repeats, or for the nearest lower count; the lowest there is where all are
    higher, and ``DEFAULT_TEMPERATURE`` where there is none. True in the first two cases only. Of several gallery sizes
    the temperature's logarithm is interpolated in that of the size, and held beyond the smallest and largest. Of
    several window ends the nearest counts.
    """
    fitted = _of_window(calibration, window_end_s)
    lower = [c.repeats for c in fitted if c.repeats <= repeats]
    if not fitted:
        return DEFAULT_TEMPERATURE, False
    count = max(lower) if lower else min(c.repeats for c in fitted)
    return _of_size([c for c in fitted if c.repeats == count], gallery_size), bool(lower)


def commit_above(
    calibration: Sequence[Calibration], repeats: int, gallery_size: int | None, window_end_s: float
) -> float | None:
    """Probability of the best item from which on an earlier window's answer is committed; None: never.

    Parameters
    ----------
    calibration
        Of the encoder bundle.
    repeats
        Trials behind the answer; the nearest lower count that was fitted counts.
    gallery_size
        Items searched; of the two nearest sizes that were fitted the stricter threshold counts. None: the largest.
    window_end_s
        End of the window, seconds after the onset; the nearest that was fitted counts.
    """
    fitted = [c for c in _of_window(calibration, window_end_s) if c.repeats <= repeats and c.window_end_s is not None]
    count = max((c.repeats for c in fitted), default=0)
    by_size = {c.gallery_size: c.commit_above for c in fitted if c.repeats == count}
    if not by_size:
        return None
    wanted = max(by_size) if gallery_size is None else min(max(gallery_size, min(by_size)), max(by_size))
    beside = {max(n for n in by_size if n <= wanted), min(n for n in by_size if n >= wanted)}
    thresholds = [by_size[n] for n in beside]
    known = [one for one in thresholds if one is not None]
    return max(known) if len(known) == len(thresholds) else None


def _of_window(calibration: Sequence[Calibration], end_s: float | None) -> list[Calibration]:
    """Those of the nearest window end; of the encoder's own where none is asked for, or none other is there."""
    ends = {c.window_end_s for c in calibration}
    known = [end for end in ends if end is not None]
    if end_s is None or not known:
        chosen = None if None in ends else max(known, default=None)
    else:
        chosen = min(known, key=lambda end: abs(end - end_s))
    return [c for c in calibration if c.window_end_s == chosen]


def _of_size(fitted: Sequence[Calibration], gallery_size: int | None) -> float:
    by_size = {c.gallery_size: c.temperature for c in fitted}
    sizes = sorted(by_size)
    if gallery_size is None or len(sizes) == 1:
        return by_size[sizes[-1]]
    if gallery_size in by_size:
        return by_size[gallery_size]
    logs = np.log([by_size[size] for size in sizes])
    return float(np.exp(np.interp(np.log(gallery_size), np.log(sizes), logs)))


def fit_temperature(
    cosines: NDArray[Any], truth_rows: NDArray[Any], repeats: int, window_end_s: float | None = None
) -> Calibration:
    """Temperature that minimises the log loss of held-out stimuli [1]_.

    Parameters
    ----------
    cosines
        (n, gallery), of each held-out answer with every item.
    truth_rows
        (n,), the row of the item that was shown.
    repeats
        Trials behind each of these answers.
    window_end_s
        End of their windows, where it is not the encoder's own.

    Raises
    ------
    BundleError
        Nothing is given, or the shapes do not agree.

    References
    ----------
    .. [1] Guo et al. (2017), On calibration of modern neural networks, ICML.
    """
    from scipy.optimize import minimize_scalar

    cosines, truth = np.asarray(cosines, np.float64), np.asarray(truth_rows, np.int64)
    _check(cosines, truth)
    size = cosines.shape[1]
    best = -np.sort(-cosines, axis=1)[:, :DEPTH]
    shown = cosines[np.arange(len(truth)), truth]

    def loss(log_temperature: float) -> float:
        return _log_loss(best, shown, size, float(np.exp(log_temperature)))

    found = minimize_scalar(loss, bounds=tuple(np.log(BOUNDS)), method="bounded", options={"xatol": 1e-4})
    fitted = float(np.exp(found.x))
    confidence = probabilities(best, size, fitted)[:, 0]
    return Calibration(
        repeats=repeats,
        temperature=fitted,
        log_loss=_log_loss(best, shown, size, fitted),
        calibration_error=calibration_error(confidence, cosines.argmax(axis=1) == truth),
        n_stimuli=len(np.unique(truth)),
        gallery_size=size,
        window_end_s=window_end_s,
    )


def calibration_error(confidence: Array, correct: NDArray[np.bool_]) -> float:
    """Expected calibration error of top-1 probabilities (n,) against whether they were right (n,).

    The mean over ``BINS`` equal-width bins of |accuracy - confidence|, weighted by how many answers a bin holds.
    """
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    total = np.bincount(bins, minlength=BINS)
    gap = np.bincount(bins, correct, BINS) - np.bincount(bins, confidence, BINS)
    return float(np.abs(gap).sum() / total.sum())


def _log_loss(best: Array, shown: Array, gallery_size: int, at: float) -> float:
    """Mean negative log probability of the shown items, nats."""
    return float(np.mean(_log_sum(best / at, gallery_size) - shown / at))


def _log_sum(scaled: Array, gallery_size: int) -> Array:
    """Logarithm (m,) of the denominators of (m, k) scaled cosines, best first."""
    top = scaled[:, :1]
    known = np.exp(scaled - top).sum(axis=1)
    unknown = (gallery_size - scaled.shape[1]) * np.exp(scaled[:, -1] - top[:, 0])
    return np.asarray(top[:, 0] + np.log(known + unknown))


def _check(cosines: Array, truth: NDArray[np.int64]) -> None:
    if cosines.ndim != 2 or not len(cosines) or truth.shape != (len(cosines),):
        raise BundleError(f"cosines {cosines.shape} and truth {truth.shape}; expected (n, gallery) and (n,), n above 0")
    if truth.min() < 0 or truth.max() >= cosines.shape[1]:
        raise BundleError(f"a truth row lies outside the gallery of {cosines.shape[1]} items")
    if not np.isfinite(cosines).all():
        raise BundleError("cosines that are not finite cannot be calibrated")
