"""Information in answers, bits, and its rate, bits a minute."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics.retrieval import Array, Rows


def wolpaw(accuracy: float, items: int) -> float:
    """Bits an answer by Wolpaw's formula [1]_; 0 at and below chance.

    It takes items as equally likely and errors as spread evenly over the wrong ones; real errors are not, so it is a
    convention for comparison rather than a measurement.

    Parameters
    ----------
    accuracy
        Share of right answers, 0 to 1.
    items
        Told apart, 2 or more.

    References
    ----------
    .. [1] Wolpaw et al. (2002), Brain-computer interfaces for communication and control, Clinical Neurophysiology 113.
    """
    if accuracy <= 1 / items:
        return 0.0
    bits = np.log2(items) + accuracy * np.log2(accuracy)
    if accuracy < 1:
        bits += (1 - accuracy) * np.log2((1 - accuracy) / (items - 1))
    return float(bits)


def information(probability_of_truth: NDArray[Any], items: int) -> float:
    """Bits an answer that calibrated probabilities carry about which item was shown.

    log2(items) plus the mean log2 of the probability (n,) that was given to the true item: a lower bound on the mutual
    information of equally likely items and answers [1]_, for held-out answers. Chance is 0; probabilities that are
    overconfident score below it.

    References
    ----------
    .. [1] Barber & Agakov (2003), The IM algorithm: a variational approach to information maximization, NeurIPS.
    """
    p = np.asarray(probability_of_truth, np.float64)
    with np.errstate(divide="ignore"):
        return float(np.log2(items) + np.log2(p).mean())


def confusion_information(truth: Rows, answer: Rows) -> float:
    """Bits of mutual information between what was shown (n,) and what was answered (n,), for few classes.

    From counts, with Miller's correction for the upward bias of few answers [1]_; chance is about 0 and may be below.

    References
    ----------
    .. [1] Miller (1955), Note on the bias of information estimates, Information theory in psychology.
    """
    _, rows = np.unique(truth, return_inverse=True)
    _, columns = np.unique(answer, return_inverse=True)
    joint = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(joint, (rows, columns), 1)
    cells = np.count_nonzero(joint) - joint.shape[0] - joint.shape[1] + 1
    plain = _entropy(joint.sum(axis=1)) + _entropy(joint.sum(axis=0)) - _entropy(joint.ravel())
    return plain - float(cells / (2 * len(truth) * np.log(2)))


def per_minute(bits: float, trials_per_minute: float) -> float:
    """Bits a minute of answers of so many bits, where ``trials_per_minute`` is how many answers a minute gives.

    An average over r repeats takes r presentations, so its rate is that of presentations over r.
    """
    return bits * trials_per_minute


def _entropy(counts: Array) -> float:
    p = counts[counts > 0] / counts.sum()
    return float(-(p * np.log2(p)).sum())
