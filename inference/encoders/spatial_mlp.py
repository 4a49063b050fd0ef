"""``spatial_mlp``: non-negative spatial filters, then a small network over time."""

from __future__ import annotations

import torch
from torch import nn


class SpatialMLP(nn.Module):
    """Non-negative spatial convolution, batch norm, an MLP over the time axis shared by the filters, linear.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window.
    dim
        Length of the embedding.
    filters
        Spatial filters.
    hidden
        Width of both hidden layers.
    dropout
        After each hidden layer.
    """

    def __init__(
        self, n_channels: int, n_times: int, dim: int, *, filters: int = 25, hidden: int = 200, dropout: float = 0.3
    ) -> None:
        super().__init__()
        self.spatial = nn.Parameter(torch.empty(filters, n_channels))
        # half-normal once its sign is dropped: filters differ from the start, and their output keeps the input's scale
        nn.init.normal_(self.spatial, std=n_channels**-0.5)
        self.norm = nn.BatchNorm1d(filters)
        self.over_time = nn.Sequential(
            nn.Linear(n_times, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
        )
        self.out = nn.Linear(filters * hidden, dim)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        filtered = self.norm(torch.matmul(self.spatial.abs(), windows))
        y: torch.Tensor = self.out(self.over_time(filtered).flatten(1))
        return y
