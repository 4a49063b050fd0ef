"""Objectives about distances between pairs: what is alike in the gallery is to be alike in the vectors."""

from __future__ import annotations

import torch
from torch.nn import functional

from training.objectives.base import Batch, Objective, correlation


class Siamese(Objective):
    """Squared error between predicted and observed correlation distance of pairs.

    Observed is the distance (1 - Pearson's r) between two items of the gallery; predicted that between the vectors of
    two windows, as a Siamese network gives it, and between the vector of one window and the item of the other, without
    which nothing would tie the vectors to the gallery's axes.
    """

    def forward(self, batch: Batch) -> torch.Tensor:
        """Mean squared error over pairs; a window is no pair with itself."""
        observed = correlation(batch.items, batch.items)[batch.index]
        across = (correlation(batch.vectors, batch.items) - observed).square().mean()
        n = len(batch.vectors)
        if n < 2:
            return across
        errors = (correlation(batch.vectors, batch.vectors) - observed[:, batch.index]).square()
        within = (errors.sum() - errors.diagonal().sum()) / (n * (n - 1))
        return (across + within) / 2


class RSA(Objective):
    """1 - r between the dissimilarity matrices of vectors and items (representational similarity analysis [1]_).

    Dissimilarity is 1 - Pearson's r, the two matrices' upper triangles are compared by Pearson's r again (ranks have no
    gradient). Vectors of one item are averaged first. It knows distances only, so it needs another objective beside it.

    References
    ----------
    .. [1] Kriegeskorte et al. (2008), Representational similarity analysis, Frontiers in Systems Neuroscience 2 (4).
    """

    aligns = False

    def forward(self, batch: Batch) -> torch.Tensor:
        """Loss between 0 and 2; 0 where a batch has fewer than three items."""
        m = len(batch.items)
        if m < 3:
            return batch.vectors.sum() * 0
        unit = functional.normalize(batch.vectors, dim=1)
        means = unit.new_zeros(m, unit.shape[1]).index_add(0, batch.index, unit)
        rows, columns = torch.triu_indices(m, m, 1, device=unit.device)
        predicted = correlation(means, means)[rows, columns]
        observed = correlation(batch.items, batch.items)[rows, columns]
        return 1 - correlation(predicted[None], observed[None])[0, 0]
