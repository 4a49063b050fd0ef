"""``nice``: the convolutional encoder of NICE, and the same function folded for inference."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from inference import kernels
from inference.encoders.eegproject import projection
from inference.encoders.few import Head, Linear, array, few
from inference.encoders.folding import affine, affine_of_batch, elu, whole
from inference.kernels import Floats


class NICE(nn.Module):
    """Temporal convolution, pooling, batch norm, ELU, spatial convolution, batch norm, ELU, 1 x 1, projection [1]_.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window; it must hold ``kernel + pool`` - 1 samples or more.
    dim
        Length of the embedding.
    filters
        Temporal and spatial filters.
    kernel, pool, stride
        Samples of the temporal kernel, of the average pooling, and between pooled values.
    dropout
        Before the 1 x 1 convolution.
    head_dropout
        In the projection.

    References
    ----------
    .. [1] Song et al. (2024), Decoding natural images from EEG for object recognition, ICLR.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        *,
        filters: int = 40,
        kernel: int = 25,
        pool: int = 51,
        stride: int = 5,
        dropout: float = 0.5,
        head_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        steps = (n_times - kernel + 1 - pool) // stride + 1
        if steps < 1:
            raise ValueError(f"windows of {n_times} samples are too short, it needs {kernel + pool - 1} or more")
        self.temporal = nn.Conv2d(1, filters, (1, kernel))
        self.norm1 = nn.BatchNorm2d(filters)
        self.spatial = nn.Conv2d(filters, filters, (n_channels, 1))
        self.norm2 = nn.BatchNorm2d(filters)
        self.dropout = nn.Dropout(dropout)
        self.mix = nn.Conv2d(filters, filters, (1, 1))
        self.project = projection(filters * steps, dim, head_dropout)
        self.width, self.stride = pool, stride

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times).

        The layers as the paper has them, in an order that costs a fifth: the signal is pooled before it is convolved,
        which commutes, and the first batch norm goes into the kernels. Its mean and variance are those of kernels over
        the patches, w m and w C w' of the patches' mean m and covariance C, so that the large tensor is passed once.
        """
        n, kernel, training = len(windows), self.temporal.weight[:, 0, 0], self.norm1.training
        pooled = functional.avg_pool1d(windows, self.width, 1)
        # taken off for the statistics: squares of a large offset would drown the variance
        level = whole(pooled).mean().detach() if training else None
        centred = pooled if level is None else pooled - level
        steps = centred.unfold(-1, kernel.shape[1], self.stride).transpose(1, 2)  # (n, steps, channels, kernel)
        patches = steps.reshape(-1, kernel.shape[1])
        scale, shift = self._first_norm(patches, kernel, level)
        x = functional.elu(functional.linear(patches, kernel * scale[:, None], shift), inplace=True)
        x = x.reshape(*steps.shape[:3], -1)
        x = functional.linear(x.flatten(2), self.spatial.weight[..., 0].transpose(1, 2).flatten(1), self.spatial.bias)
        x = self.norm2(x.reshape(-1, x.shape[2], 1, 1)).reshape(x.shape)
        x = self.dropout(functional.elu(x))
        # (n, steps, filters) is NICE's own order of features
        y: torch.Tensor = self.project(functional.linear(x, self.mix.weight[..., 0, 0], self.mix.bias).reshape(n, -1))
        return y

    def _first_norm(
        self, patches: torch.Tensor, kernel: torch.Tensor, level: torch.Tensor | None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Scale and shift (filters,) that make bias and first batch norm, of patches (m, kernel) less ``level``."""
        norm, bias = self.norm1, _bias(self.temporal)
        if level is None:
            scale, shift = affine(norm)
            return scale, bias * scale + shift
        with torch.autocast(patches.device.type, enabled=False):
            values = whole(patches)
            middle = values.mean(0)
            spread = values.T @ values / len(values) - torch.outer(middle, middle)
            mean, var = kernel @ middle + bias, ((kernel @ spread) * kernel).sum(1)
            scale, shift = affine_of_batch(norm, mean, var, len(values), level * kernel.sum(1))
            return scale, bias * scale + shift

    @property
    def first(self) -> nn.Linear:
        """First layer of the projection."""
        layer = self.project[0]
        if not isinstance(layer, nn.Linear):
            raise TypeError("the projection of NICE begins with a linear layer")
        return layer

    def folded(self) -> FoldedNICE:
        """The same function in evaluation mode, with fewer operations."""
        return FoldedNICE(self)


Begun = tuple[torch.Tensor, torch.Tensor]
"""(n, dim) of the first linear layer, and (n x channels, filters) of the last step's first part."""


class FoldedNICE(nn.Module):
    """NICE for inference, in half the time of its layers, most of it before a window ends.

    The signal is pooled by one cumulative sum, which commutes with the convolution, and the convolution is one matrix
    product over its patches with the first batch norm in the kernels; the second batch norm goes into the spatial
    filters, and the 1 x 1 convolution into the first linear layer of the projection.

    All steps but the last need only the first ``known`` samples of a window. Of the last one the part of these samples
    is done with them, too: what is left are the ``last`` samples through the end of the pooled kernels.

    Attributes
    ----------
    known
        Samples that `begin` needs; 0 where there is but one step.
    last
        Samples that `finish` needs, from ``known`` on.
    """

    temporal: torch.Tensor
    temporal_bias: torch.Tensor
    pooled: torch.Tensor
    spatial: torch.Tensor
    spatial_bias: torch.Tensor
    tail: torch.Tensor
    tail_bias: torch.Tensor

    @torch.no_grad()
    def __init__(self, net: NICE) -> None:
        super().__init__()
        self.width, self.stride = net.width, net.stride
        scale, shift = affine(net.norm1)
        # (kernel, filters); the sum over the pool becomes a mean here
        temporal = (net.temporal.weight[:, 0, 0] * scale[:, None] / net.width).T.contiguous()
        self.register_buffer("temporal", temporal)
        self.register_buffer("temporal_bias", _bias(net.temporal) * scale + shift)
        # summing shifted copies of the signal is convolving with the sum of shifted kernels
        shifts = [functional.pad(temporal, (0, 0, k, net.width - 1 - k)) for k in range(net.width)]
        self.register_buffer("pooled", torch.stack(shifts).sum(0))
        scale, shift = affine(net.norm2)
        spatial = net.spatial.weight[..., 0] * scale[:, None, None]  # (filters out, filters in, channels)
        self.register_buffer("spatial", spatial.permute(2, 1, 0).flatten(0, 1).contiguous())
        self.register_buffer("spatial_bias", _bias(net.spatial) * scale + shift)
        mix, linear = net.mix.weight[..., 0, 0], net.first
        by_step = linear.weight.reshape(linear.out_features, -1, mix.shape[0])  # (dim, steps, filters)
        folded = by_step @ mix
        self.head = nn.Linear(linear.in_features - mix.shape[0], linear.out_features, bias=False)
        self.head.weight.copy_(folded[:, :-1].flatten(1))
        self.register_buffer("tail", folded[:, -1].T.contiguous())
        self.register_buffer("tail_bias", linear.bias + (by_step @ _bias(net.mix)).sum(1))
        steps, reach = by_step.shape[1], len(self.pooled)
        used = reach + (steps - 1) * self.stride
        self.last = self.stride if steps > 1 else reach
        self.known, self.since = used - self.last, used - reach
        self.rest = net.project[1:]

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        return self.finish(self.begin(windows), windows[..., self.known :])

    def begin(self, windows: torch.Tensor) -> Begun:
        """What the first ``known`` samples of windows give of the first linear layer, and of the last step."""
        n, channels, _ = windows.shape
        features = self.tail_bias.expand(n, -1)
        if self.known:
            features = features + self.head(self._features(windows[..., : self.known]))
        part = windows[..., self.since : self.known].reshape(n * channels, -1)
        return features, torch.addmm(self.temporal_bias, part, self.pooled[: part.shape[1]])

    def finish(self, begun: Begun, samples: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows that `begin` was given, by the samples (n, channels, times) from there on."""
        if few(samples):
            return torch.from_numpy(self.finish_few(self.arrays(begun), array(samples)))
        features, step = begun
        part = samples[..., : self.last].reshape(-1, self.last)
        x = elu(torch.addmm(step, part, self.pooled[-self.last :]))
        x = elu(torch.addmm(self.spatial_bias, x.reshape(len(features), -1), self.spatial))
        y: torch.Tensor = self.rest(torch.addmm(features, x, self.tail))
        return y

    def arrays(self, begun: Begun) -> tuple[Floats, ...]:
        """See `inference.encoders.network.Early.arrays`."""
        return tuple(map(array, begun))

    def finish_few(self, begun: tuple[Floats, ...], samples: Floats) -> Floats:
        """See `inference.encoders.network.Early.finish_few`."""
        features, step = begun
        return self._few(features, step, np.ascontiguousarray(samples[..., : self.last]).reshape(-1, self.last))

    @cached_property
    def _few(self) -> _Few:
        return _Few(self)

    def _features(self, signal: torch.Tensor) -> torch.Tensor:
        """(n, steps x filters) of a signal (n, channels, times)."""
        kernel = len(self.temporal)
        # in double precision: a large offset would drown the differences
        total = functional.pad(signal, (1, 0)).cumsum(-1, dtype=torch.float64)
        pooled = (total[..., self.width :] - total[..., : -self.width]).to(signal.dtype)
        steps = pooled.unfold(-1, kernel, self.stride).transpose(1, 2)  # (n, steps, channels, kernel)
        x = elu(torch.addmm(self.temporal_bias, steps.reshape(-1, kernel), self.temporal))
        x = elu(torch.addmm(self.spatial_bias, x.reshape(-1, len(self.spatial)), self.spatial))
        return x.reshape(len(signal), -1)


class _Few:
    """What is left to do after the last samples have come, for few rows."""

    def __init__(self, net: FoldedNICE) -> None:
        self._pooled = array(net.pooled[-net.last :])
        self._spatial, self._spatial_bias = Linear(net.spatial), array(net.spatial_bias)[None]
        self._tail, self._head = Linear(net.tail), Head(net.rest)

    def __call__(self, features: Floats, step: Floats, samples: Floats) -> Floats:
        """(n, dim); step (n x channels, filters) is the first part of the last step, samples are (n x channels, s)."""
        x = np.empty_like(step)
        kernels.strided(step, samples, self._pooled, x)
        y = self._spatial(x.reshape(len(features), -1), self._spatial_bias)
        kernels.elu(y)
        return self._head(self._tail(y, features))


def _bias(layer: nn.Conv2d) -> torch.Tensor:
    return torch.zeros(layer.out_channels) if layer.bias is None else layer.bias
