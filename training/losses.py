"""Symmetric InfoNCE with a learned temperature, for batches in which an item may stand more than once."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

START = 0.07
"""Temperature at the start (CLIP's)."""
COLDEST = 0.01


class InfoNCE(nn.Module):
    """Symmetric InfoNCE [1]_ between windows and the distinct items of a batch.

    Each window is to find its item among the items of the batch, and each item its windows among the windows: where it
    has several (repeats, or few categories) they share its target equally, instead of counting as wrong.

    References
    ----------
    .. [1] Radford et al. (2021), Learning transferable visual models from natural language supervision, ICML.
    """

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / START)))

    def forward(self, vectors: torch.Tensor, items: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        """Loss of a batch.

        Parameters
        ----------
        vectors
            (n, dim), what the encoder gave, any norm.
        items
            (m, dim), distinct items, unit norm.
        index
            (n,), which of the items belongs to each vector.
        """
        logits = self.logits(vectors, items)
        found = functional.cross_entropy(logits, index)
        belongs = functional.one_hot(index, len(items)).T.to(logits.dtype)
        back = -(functional.log_softmax(logits.T, dim=1) * belongs).sum(1) / belongs.sum(1)
        loss: torch.Tensor = (found + back.mean()) / 2
        return loss

    def logits(self, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Cosines (n, m) over the learned temperature, which never falls below ``COLDEST``."""
        scale = self.log_scale.clamp(max=math.log(1 / COLDEST)).exp()
        scaled: torch.Tensor = scale * functional.normalize(vectors, dim=1) @ items.T
        return scaled
