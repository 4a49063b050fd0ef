"""Symmetric InfoNCE with a learned temperature, of whole vectors and of heads."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn import functional

from training.objectives.base import Batch, Objective, shared_cross_entropy

START = 0.07
"""Temperature at the start (CLIP's)."""
COLDEST = 0.01


class Temperature(nn.Module):
    """Learned inverse temperatures, each at most ``1 / COLDEST``.

    Parameters
    ----------
    count
        How many.
    """

    def __init__(self, count: int = 1) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.full((count,), math.log(1 / START)))

    def forward(self) -> torch.Tensor:
        """(count,) factors for cosines."""
        return self.log_scale.clamp(max=math.log(1 / COLDEST)).exp()


class InfoNCE(Objective):
    """Symmetric InfoNCE [1]_ between windows and the distinct items of a batch.

    References
    ----------
    .. [1] Radford et al. (2021), Learning transferable visual models from natural language supervision, ICML.
    """

    contrasts = True

    def __init__(self) -> None:
        super().__init__()
        self.temperature = Temperature()

    def forward(self, batch: Batch) -> torch.Tensor:
        """Loss of a batch, nats."""
        return shared_cross_entropy(self.logits(batch.vectors, batch.items), batch.index)

    def logits(self, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Cosines (n, m) over the learned temperature, which never falls below ``COLDEST``."""
        scaled: torch.Tensor = self.temperature() * functional.normalize(vectors, dim=1) @ items.T
        return scaled


class MultiHead(Objective):
    """InfoNCE of parts of the vectors (heads), each with its own temperature, and of the whole.

    A head compares directions only, so the whole counts as one head more: it holds the heads' lengths to one another as
    the search, which goes by the cosine of the whole, needs them.

    Parameters
    ----------
    heads
        Into how many nearly equal parts vectors and items are split.
    """

    contrasts = True

    def __init__(self, *, heads: int = 4) -> None:
        super().__init__()
        if heads < 2:
            raise ValueError(f"heads={heads} must be 2 or more")
        self.heads = heads
        self.temperature = Temperature(heads + 1)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Mean loss of the heads and the whole, nats."""
        scales = self.temperature()
        vectors = [batch.vectors, *batch.vectors.tensor_split(self.heads, dim=1)]
        items = [batch.items, *batch.items.tensor_split(self.heads, dim=1)]
        losses = [
            shared_cross_entropy(scale * functional.normalize(v, dim=1) @ functional.normalize(y, dim=1).T, batch.index)
            for scale, v, y in zip(scales, vectors, items, strict=True)
        ]
        return torch.stack(losses).mean()

    def logits(self, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Those of the whole."""
        scaled: torch.Tensor = self.temperature()[0] * functional.normalize(vectors, dim=1) @ items.T
        return scaled
