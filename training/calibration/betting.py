r"""A test against chance that may be looked at after every block: bets on the order of the labels, an e-process.

What is tested is that the EEG says nothing of the categories. Only one thing is assumed then: within a block the
categories were put in an order drawn uniformly from all orders of what the block holds (a seeded shuffle, no rule on
neighbours). The EEG may drift, have blinks and be correlated as it likes; trials may be rejected for what is in their
EEG; balance within a block is allowed for.

The labels of a block's kept trials, :math:`n_k` of category :math:`k`, then come as balls from an urn, without being
put back: the next is :math:`k` with probability :math:`r_k / \sum_j r_j`, where :math:`r` is what is left. A decoder
that was trained on earlier blocks bets :math:`q_k \propto r_k e^{\lambda z_k}`, where :math:`z_k` are its scores of the
trial, centred and scaled over the block without looking at labels. The stake is multiplied by
:math:`q_y / (r_y / \sum_j r_j)`, whose mean is one under the urn whatever :math:`z` and :math:`\lambda` are: so the
stake is a non-negative martingale, and by Ville's inequality it ever reaches :math:`1 / \alpha` in no more than a share
:math:`\alpha` of sessions [1]_. Equal stakes on each of ``SLOPES`` are begun with; their mean is a martingale, too.

References
----------
.. [1] Ramdas, Grünwald, Vovk and Shafer (2023), Game-theoretic statistics and safe anytime-valid inference,
   Statistical Science 38 (4).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
SLOPES = (0.3, 0.6, 1.2, 2.4)
"""Best for areas under the ROC curve of about 0.58, 0.66, 0.78 and 0.90."""


def standardised(scores: Array) -> Array:
    """Scores (n, categories) of a block, comparable between decoders; looks at no label.

    Each category is centred over the block, each trial over the categories; differences between two categories then
    have unit variance. Scores that never vary become zero, on which nothing is bet.
    """
    z = scores - scores.mean(axis=0)
    z = z - z.mean(axis=1, keepdims=True)
    k = z.shape[1]
    scale = float(np.sqrt(2 * k / (k - 1) * np.mean(z**2)))
    return np.asarray(z / scale) if scale > 1e-12 else np.zeros_like(z)


def log_factors(scores: Array, labels: Labels, slopes: tuple[float, ...] = SLOPES) -> Array:
    """Natural logarithm (n, slopes) of what each trial of a block, in order, multiplies the stakes by.

    Parameters
    ----------
    scores
        (n, categories), of trials kept, by a decoder that saw nothing of this block.
    labels
        (n,), category of each, 0 and up.
    slopes
        Of the bets.
    """
    z = standardised(scores)
    left = np.bincount(labels, minlength=z.shape[1]).astype(np.float64)
    tilted = np.asarray(slopes)[:, None, None] * z  # (slopes, n, categories)
    factors = np.empty((len(labels), len(slopes)))
    for trial, label in enumerate(labels):
        offered = tilted[:, trial]
        most = offered.max(axis=1)
        mean = np.log(np.exp(offered - most[:, None]) @ left / left.sum()) + most
        factors[trial] = offered[:, label] - mean
        left[label] -= 1
    return factors


@dataclass(frozen=True)
class Bets:
    """The stakes after some blocks.

    Attributes
    ----------
    log_stakes
        (slopes,) natural logarithm of each, from 0.
    path
        log10 of the mean stake after each trial.
    """

    log_stakes: Array = field(default_factory=lambda: np.zeros(len(SLOPES)))
    path: tuple[float, ...] = ()

    @property
    def log10_e(self) -> float:
        """Evidence against chance so far, log10; to be judged at the ends of blocks."""
        return self.path[-1] if self.path else 0.0

    def after(self, scores: Array, labels: Labels) -> Bets:
        """The stakes after one more block, see `log_factors`."""
        along = self.log_stakes + np.cumsum(log_factors(scores, labels), axis=0)
        most = along.max(axis=1, keepdims=True)
        mean = (most[:, 0] + np.log(np.exp(along - most).mean(axis=1))) / np.log(10)
        return Bets(along[-1] if len(along) else self.log_stakes, (*self.path, *map(float, mean)))
