"""Sigmoid loss: every pair of a window and an item is a question of its own."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from training.objectives.base import Batch, Objective
from training.objectives.infonce import COLDEST

SCALE, BIAS = 10.0, -10.0
"""At the start, as published."""


class SigLIP(Objective):
    """Pairwise sigmoid loss [1]_ with a learned scale and bias, summed over items and averaged over windows.

    References
    ----------
    .. [1] Zhai et al. (2023), Sigmoid loss for language image pre-training, ICCV.
    """

    contrasts = True

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(SCALE)))
        self.bias = nn.Parameter(torch.tensor(BIAS))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Loss of a batch, nats."""
        logits = self.logits(batch.vectors, batch.items) + self.bias
        # log sigmoid(-z) = log sigmoid(z) - z: all pairs as strangers, then the right ones put right
        own = logits.gather(1, batch.index[:, None])
        return (functional.softplus(logits).sum() - own.sum()) / len(logits)

    def logits(self, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Scaled cosines (n, m), without the bias, which says nothing about which item it is."""
        scale = self.log_scale.clamp(max=math.log(1 / COLDEST)).exp()
        scaled: torch.Tensor = scale * functional.normalize(vectors, dim=1) @ items.T
        return scaled
