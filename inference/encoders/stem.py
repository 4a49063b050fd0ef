"""The first block of EEGNet and its kin: temporal filters, spatial filters for each, and the separable convolution."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from inference.encoders.folding import affine, affine_of_batch, whole


class Stem(nn.Module):
    """Temporal convolution, batch norm, depthwise spatial convolution, batch norm, ELU, pooling, dropout [1]_.

    As the published layers, without the constraint on the norm of the spatial filters (weight decay has its place). It
    is computed in an order that costs a tenth: the spatial filters first, with the first batch norm in the kernels, as
    both are linear.

    Parameters
    ----------
    n_channels
        Of a window.
    filters, kernel
        Temporal filters, and their length in samples.
    depth
        Spatial filters for each temporal one.
    pool
        Samples averaged.
    dropout
        At the end.

    References
    ----------
    .. [1] Lawhern et al. (2018), EEGNet: a compact convolutional neural network for EEG-based brain-computer
       interfaces, Journal of Neural Engineering 15 (5).
    """

    def __init__(self, n_channels: int, *, filters: int, kernel: int, depth: int, pool: int, dropout: float) -> None:
        super().__init__()
        self.temporal = nn.Conv1d(1, filters, kernel, bias=False)
        self.norm1 = nn.BatchNorm1d(filters)
        self.spatial = nn.Conv1d(n_channels, filters * depth, 1, bias=False)
        self.norm2 = nn.BatchNorm1d(filters * depth)
        self.after = nn.Sequential(nn.ELU(), nn.AvgPool1d(pool), nn.Dropout(dropout))
        self.depth, self.padding = depth, same(kernel)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Features (n, filters x depth, times // pool) of windows (n, channels, times)."""
        kernel, spatial = self.temporal.weight[:, 0], self.spatial.weight[:, :, 0]
        scale, shift = self._first_norm(windows, kernel)
        each = (kernel * scale[:, None]).repeat_interleave(self.depth, 0)[:, None]
        mixed = functional.pad(torch.matmul(spatial, windows), self.padding)
        # the shift passes through the spatial filters, which may not sum to zero
        offset = shift.repeat_interleave(self.depth) * spatial.sum(1)
        y: torch.Tensor = self.after(self.norm2(functional.conv1d(mixed, each, offset, groups=len(each))))
        return y

    def _first_norm(self, windows: torch.Tensor, kernel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift (filters,) that the first batch norm has after the temporal convolution."""
        if not self.norm1.training:
            return affine(self.norm1)
        with torch.autocast(windows.device.type, enabled=False):
            mean, second = moments(functional.pad(whole(windows), self.padding), kernel.shape[1])
            middle = kernel @ mean
            var = ((kernel @ second) * kernel).sum(1) - middle**2
            return affine_of_batch(self.norm1, middle, var, windows.numel())


def moments(padded: torch.Tensor, kernel: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean (kernel,) and second moment (kernel, kernel) of all patches of so many samples of signals (n, c, t).

    The second moment is that of neighbours at each distance, from one power spectrum, but for what its rows miss and
    gain at the ends: so it costs one Fourier transform of the signals, whatever the kernel.
    """
    rows = padded.flatten(0, 1)
    length = rows.shape[1] - kernel + 1  # patches of a row
    count = len(rows) * length
    mean = rows.sum(0).unfold(0, length, 1).sum(1) / count
    size = 1 << (rows.shape[1] + kernel - 2).bit_length()  # so long that nothing wraps around
    spectrum = torch.fft.rfft(rows, size)
    lags = torch.fft.irfft((spectrum.real.square() + spectrum.imag.square()).sum(0), size)
    head, tail = rows[:, : kernel - 1], rows[:, length:]
    ends = tail.T @ tail
    beyond = [ends.diagonal(k).sum() for k in range(kernel - 1)]  # pairs that begin after the last patch does
    row = torch.stack([lags[k] - beyond[k] if k < kernel - 1 else lags[k] for k in range(kernel)])
    change = ends - head.T @ head
    second = [row]
    for k in range(kernel - 1):
        second.append(torch.cat([row[k + 1 : k + 2], second[-1][:-1] + change[k]]))
    return mean, torch.stack(second) / count


def same(kernel: int) -> tuple[int, int]:
    """Zeros before and after, so that a convolution keeps the length."""
    return (kernel - 1) // 2, kernel // 2


def separable(features: int, out: int, kernel: int) -> nn.Sequential:
    """Depthwise convolution that keeps the length, then a mix of the features."""
    return nn.Sequential(
        nn.ZeroPad1d(same(kernel)),
        nn.Conv1d(features, features, kernel, groups=features, bias=False),
        nn.Conv1d(features, out, 1, bias=False),
    )
