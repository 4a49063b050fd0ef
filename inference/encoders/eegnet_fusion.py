"""``eegnet_fusion``: EEGNets of several time scales side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from inference.encoders.stem import Stem, separable

POOLS = (4, 8)


class EEGNetFusion(nn.Module):
    """EEGNet Fusion [1]_: branches of EEGNet with kernels of different length, their features joined, linear.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window; 32 samples or more.
    dim
        Length of the embedding.
    filters, kernels, separables
        Of each branch: temporal filters, their length, and that of the separable convolution, in samples; the paper's
        are for 160 Hz.
    depth
        Spatial filters for each temporal one.
    dropout
        After each block.

    References
    ----------
    .. [1] Roots, Muhammad and Muhammad (2020), Fusion convolutional neural network for cross-subject EEG motor imagery
       classification, Computers 9 (3), 72.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        *,
        filters: Sequence[int] = (8, 16, 32),
        kernels: Sequence[int] = (64, 96, 128),
        separables: Sequence[int] = (8, 16, 32),
        depth: int = 2,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        steps = n_times // POOLS[0] // POOLS[1]
        if not len(filters) == len(kernels) == len(separables) > 0:
            raise ValueError("filters, kernels and separables must name as many branches, one or more")
        if steps < 1:
            raise ValueError(f"windows of {n_times} samples are too short, it needs {POOLS[0] * POOLS[1]} or more")
        branches = []
        for f, kernel, small in zip(filters, kernels, separables, strict=True):
            stem = Stem(n_channels, filters=f, kernel=kernel, depth=depth, pool=POOLS[0], dropout=dropout)
            width = f * depth
            after = [nn.BatchNorm1d(width), nn.ELU(), nn.AvgPool1d(POOLS[1]), nn.Dropout(dropout), nn.Flatten()]
            branches.append(nn.Sequential(stem, separable(width, width, small), *after))
        self.branches = nn.ModuleList(branches)
        self.out = nn.Linear(sum(filters) * depth * steps, dim)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        y: torch.Tensor = self.out(torch.cat([branch(windows) for branch in self.branches], 1))
        return y
