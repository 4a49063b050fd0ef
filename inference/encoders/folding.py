"""Cheaper forms of layers: ELU, and batch norms that become part of the linear layer before them.

A batch norm after a linear layer need not see that layer's output: mean and variance of ``w x`` follow from the mean
and the covariance of x. Where the output is many times larger than x, this is where the time goes.
"""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm


def whole(x: torch.Tensor) -> torch.Tensor:
    """At least single precision, which sums of squares need."""
    return x if x.dtype == torch.float64 else x.float()


def elu(x: torch.Tensor) -> torch.Tensor:
    """ELU of a tensor that is not needed any more, without gradients.

    torch computes the negative half by ``expm1``, several times slower than ``exp``, from which this differs by 6e-8.
    """
    below = torch.clamp_max(x, 0).exp_().sub_(1)
    return torch.maximum(x, below, out=below)  # exp(x) - 1 is never below x


class Elu(nn.Module):
    """`elu` as a layer."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape as ``x``."""
        return elu(x)


def quick(net: nn.Module) -> nn.Module:
    """A network for inference with its ELUs computed by `elu`; the network itself where it has none."""
    if not any(_plain(module) for module in net.modules()):
        return net
    net = copy.deepcopy(net)
    for parent in list(net.modules()):
        for name, child in parent.named_children():
            if _plain(child):
                setattr(parent, name, Elu())
    return net


def _plain(module: nn.Module) -> bool:
    return type(module) is nn.ELU and module.alpha == 1.0


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
