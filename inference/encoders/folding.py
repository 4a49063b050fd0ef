"""Batch norms that become part of the linear layer before them: in evaluation, and in training with exact statistics.

A batch norm after a linear layer need not see that layer's output: mean and variance of ``w x`` follow from the mean
and the covariance of x. Where the output is many times larger than x, this is where the time goes.
"""

from __future__ import annotations

import torch
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm


def whole(x: torch.Tensor) -> torch.Tensor:
    """At least single precision, which sums of squares need."""
    return x if x.dtype == torch.float64 else x.float()


def affine(norm: BatchNorm) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift (filters,) of a batch norm in evaluation mode."""
    mean, var = norm.running_mean, norm.running_var
    if mean is None or var is None:
        raise ValueError("a batch norm without running statistics cannot be folded")
    scale = norm.weight / torch.sqrt(var + norm.eps)
    return scale, norm.bias - mean * scale


def affine_of_batch(
    norm: BatchNorm, mean: torch.Tensor, var: torch.Tensor, count: int, offset: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Scale and shift (filters,) of a batch norm in training mode; its running statistics move on.

    Parameters
    ----------
    norm
        The layer.
    mean, var
        (filters,) of what would have gone in; the variance is over ``count`` values, not corrected for bias.
    count
        Values of a filter in the batch.
    offset
        (filters,) that was taken off before; the running mean is with it, the shift is for values without.
    """
    var = var.clamp_min(0)  # rounding
    scale = norm.weight / torch.sqrt(var + norm.eps)
    _track(norm, (mean if offset is None else mean + offset).detach(), var.detach() * (count / max(count - 1, 1)))
    return scale, norm.bias - mean * scale


@torch.no_grad()
def _track(norm: BatchNorm, mean: torch.Tensor, var: torch.Tensor) -> None:
    """Running statistics, as the batch norm itself would keep them."""
    if norm.running_mean is None or norm.running_var is None or norm.num_batches_tracked is None:
        raise ValueError("a batch norm that is folded must keep running statistics")
    norm.num_batches_tracked += 1
    momentum = norm.momentum if norm.momentum is not None else 1 / int(norm.num_batches_tracked)
    norm.running_mean.lerp_(mean, momentum)
    norm.running_var.lerp_(var, momentum)
