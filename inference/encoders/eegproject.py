"""``eegproject``: a linear projection of the whole window with one residual step."""

from __future__ import annotations

import torch
from torch import nn


class Residual(nn.Module):
    """x + body(x)."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Same shape as ``x``."""
        y: torch.Tensor = x + self.body(x)
        return y


def projection(features: int, dim: int, dropout: float) -> nn.Sequential:
    """The projection head shared by `EEGProject` and NICE: linear, residual (GELU, linear, dropout), layer norm."""
    step = nn.Sequential(nn.GELU(), nn.Linear(dim, dim), nn.Dropout(dropout))
    return nn.Sequential(nn.Linear(features, dim), Residual(step), nn.LayerNorm(dim))


class EEGProject(nn.Module):
    """EEGProject of UBP [1]_: flatten, linear, residual (GELU, linear, dropout), layer norm.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window.
    dim
        Length of the embedding.
    dropout
        In the residual step.

    References
    ----------
    .. [1] Wu et al. (2025), Bridging the vision-brain gap with an uncertainty-aware blur prior, CVPR.
    """

    def __init__(self, n_channels: int, n_times: int, dim: int, *, dropout: float = 0.3) -> None:
        super().__init__()
        self.project = projection(n_channels * n_times, dim, dropout)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        y: torch.Tensor = self.project(windows.flatten(1))
        return y
