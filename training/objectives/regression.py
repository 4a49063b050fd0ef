"""Regression onto the items."""

from __future__ import annotations

import torch
from torch.nn import functional

from training.objectives.base import Batch, Objective


class MSE(Objective):
    """Squared Euclidean distance between a vector, as long as it is, and its item."""

    def forward(self, batch: Batch) -> torch.Tensor:
        """Mean over windows of the sum over dimensions."""
        return (batch.vectors - batch.targets).square().sum(1).mean()


class Cosine(Objective):
    """1 - cosine between a vector and its item."""

    def forward(self, batch: Batch) -> torch.Tensor:
        """Mean over windows, between 0 and 2."""
        return (1 - functional.cosine_similarity(batch.vectors, batch.targets, dim=1)).mean()
