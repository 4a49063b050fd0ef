"""``mi_eegnet``: the first block of EEGNet, an Inception block of separable convolutions, one more of them."""

from __future__ import annotations

import torch
from torch import nn

from inference.encoders.stem import Stem, separable


class MIEEGNet(nn.Module):
    """MI-EEGNet [1]_: EEGNet's first block, four parallel paths over time, separable convolution, mean, linear.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window; 4 samples or more.
    dim
        Length of the embedding.
    filters
        Temporal filters, and features of each path.
    depth
        Spatial filters for each temporal one.
    kernel
        Samples of the temporal filters.
    kernels
        Of the two separable paths, after the first pooling; the other two paths are a pooling and a stride.
    last
        Of the last separable convolution.
    dropout
        After each block.

    References
    ----------
    .. [1] Riyad, Khalil and Adib (2021), MI-EEGNET: a novel convolutional neural network for motor imagery
       classification, Journal of Neuroscience Methods 353.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        *,
        filters: int = 64,
        depth: int = 4,
        kernel: int = 16,
        kernels: tuple[int, int] = (7, 9),
        last: int = 5,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if n_times < 4:
            raise ValueError(f"windows of {n_times} samples are too short, it needs 4 or more")
        width = filters * depth
        self.stem = Stem(n_channels, filters=filters, kernel=kernel, depth=depth, pool=2, dropout=dropout)
        pooled = nn.Sequential(nn.AvgPool1d(2), nn.Conv1d(width, filters, 1))
        paths = [_path(width, filters, size, dropout) for size in kernels]
        self.paths = nn.ModuleList([*paths, pooled, nn.Conv1d(width, filters, 1, stride=2)])
        joined = filters * len(self.paths)
        self.after = nn.Sequential(
            nn.BatchNorm1d(joined),
            nn.ELU(),
            separable(joined, joined, last),
            nn.BatchNorm1d(joined),
            nn.ELU(),
            nn.Dropout(dropout),
        )
        self.out = nn.Linear(joined, dim)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        x = self.stem(windows)
        x = x[..., : x.shape[-1] // 2 * 2]  # so that pooling and stride give the same length
        y: torch.Tensor = self.out(self.after(torch.cat([path(x) for path in self.paths], 1)).mean(2))
        return y


def _path(width: int, filters: int, kernel: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv1d(width, filters, 1),
        separable(filters, filters, kernel),
        nn.BatchNorm1d(filters),
        nn.ELU(),
        nn.Dropout(dropout),
        separable(filters, filters, kernel),
        nn.AvgPool1d(2),
    )
