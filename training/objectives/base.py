"""What every objective takes and gives, and what several of them share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from inference.encoders.generative import Generated


@dataclass(frozen=True)
class Batch:
    """What an objective is computed from.

    Attributes
    ----------
    windows
        (n, channels, times), as the encoder saw them.
    vectors
        (n, dim), what the encoder gave, any norm.
    items
        (m, dim), the distinct targets of the batch, unit norm.
    index
        (n,) int64, which of the items belongs to each vector.
    generated
        What a generative encoder gave.
    """

    windows: torch.Tensor
    vectors: torch.Tensor
    items: torch.Tensor
    index: torch.Tensor
    generated: Generated | None = None

    @property
    def targets(self) -> torch.Tensor:
        """(n, dim): the item of each vector."""
        return self.items[self.index]


class Objective(nn.Module):
    """A loss of a batch; it may have parameters of its own, which are learned with the network's.

    Attributes
    ----------
    aligns
        Whether it brings vectors to their items. One that does not (it sees windows alone, or distances alone) needs
        another beside it.
    contrasts
        Whether it holds other items away, so that targets may be learned too without all becoming one.
    generates
        Whether it needs a generative encoder.
    """

    aligns = True
    contrasts = False
    generates = False

    def forward(self, batch: Batch) -> torch.Tensor:
        """Loss, a scalar."""
        raise NotImplementedError

    def logits(self, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor | None:
        """Logits (n, m) of vectors over items, for objectives with a temperature; None for others."""
        return None


def shared_cross_entropy(logits: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Symmetric cross entropy between windows and the distinct items of a batch.

    Each window is to find its item among the items, and each item its windows among the windows: where it has several
    (repeats, or few categories) they share its target equally, instead of counting as wrong.

    Parameters
    ----------
    logits
        (n, m).
    index
        (n,), each of the m items at least once.
    """
    found = functional.cross_entropy(logits, index)
    own = functional.log_softmax(logits, dim=0).gather(1, index[:, None])[:, 0]
    counts = torch.bincount(index, minlength=logits.shape[1])
    back = -(own / counts[index]).sum() / logits.shape[1]
    return (found + back) / 2


def correlation(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Pearson's correlation (n, m) of each row of ``a`` (n, dim) with each of ``b`` (m, dim)."""
    a, b = a - a.mean(1, keepdim=True), b - b.mean(1, keepdim=True)
    return functional.normalize(a, dim=1) @ functional.normalize(b, dim=1).T
