"""Maximum mean discrepancy: vectors and items are to be one distribution."""

from __future__ import annotations

import torch
from torch.nn import functional

from training.objectives.base import Batch, Objective

SAMPLED = 256
"""Rows of each side from which the median distance is taken."""


class MMD(Objective):
    """Squared maximum mean discrepancy [1]_ between vectors (at unit norm) and their items.

    Gaussian kernel, its bandwidth the median distance between rows of both sides. It compares distributions only, so it
    needs another objective beside it.

    References
    ----------
    .. [1] Gretton et al. (2012), A kernel two-sample test, JMLR 13.
    """

    aligns = False

    def forward(self, batch: Batch) -> torch.Tensor:
        """Loss, 0 or more (the biased estimate)."""
        vectors, targets = functional.normalize(batch.vectors, dim=1), batch.targets
        width = _median(torch.cat([vectors[:SAMPLED], targets[:SAMPLED]]).detach())
        both = _kernel(vectors, vectors, width).mean() + _kernel(targets, targets, width).mean()
        return (both - 2 * _kernel(vectors, targets, width).mean()).clamp_min(0)


def _squared(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Squared distances (n, m)."""
    return (a.square().sum(1, keepdim=True) + b.square().sum(1) - 2 * a @ b.T).clamp_min(0)


def _kernel(a: torch.Tensor, b: torch.Tensor, width: torch.Tensor) -> torch.Tensor:
    return torch.exp(-_squared(a, b) / (2 * width))


def _median(rows: torch.Tensor) -> torch.Tensor:
    """Median squared distance between two different rows."""
    i, j = torch.triu_indices(len(rows), len(rows), 1, device=rows.device)
    return _squared(rows, rows)[i, j].median().clamp_min(1e-6)
