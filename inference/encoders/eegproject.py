"""``eegproject``: a linear projection of the whole window with one residual step."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import nn

from inference.encoders.few import Head, Linear, array, few
from inference.kernels import Floats


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
        self.n_channels = n_channels
        self.project = projection(n_channels * n_times, dim, dropout)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        y: torch.Tensor = self.project(windows.flatten(1))
        return y

    def folded(self) -> SplitEEGProject:
        """The same function, most of it on a window's first samples."""
        return SplitEEGProject(self)


class SplitEEGProject(nn.Module):
    """`EEGProject` for inference: the first layer's product over the first samples is done before the others come.

    Attributes
    ----------
    known
        Samples that `begin` needs: all but a twentieth.
    """

    tail: torch.Tensor

    @torch.no_grad()
    def __init__(self, net: EEGProject) -> None:
        super().__init__()
        first = net.project[0]
        if not isinstance(first, nn.Linear):
            raise TypeError("the projection begins with a linear layer")
        weight = first.weight.reshape(first.out_features, net.n_channels, -1)
        times = weight.shape[2]
        self.known = times - max(1, times // 20) if times > 1 else 0
        self.head = nn.Linear(net.n_channels * self.known, first.out_features)
        self.head.weight.copy_(weight[:, :, : self.known].flatten(1))
        self.head.bias.copy_(first.bias)
        self.register_buffer("tail", weight[:, :, self.known :].flatten(1).T.contiguous())
        self.rest = net.project[1:]

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        return self.finish(self.begin(windows), windows[..., self.known :])

    def begin(self, windows: torch.Tensor) -> torch.Tensor:
        """What the first ``known`` samples give of the first layer: (n, dim)."""
        y: torch.Tensor = self.head(windows[..., : self.known].flatten(1))
        return y

    def finish(self, begun: torch.Tensor, samples: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows that `begin` was given, by the samples from there on."""
        if few(samples):
            return torch.from_numpy(self.finish_few(self.arrays(begun), array(samples)))
        y: torch.Tensor = self.rest(torch.addmm(begun, samples.flatten(1), self.tail))
        return y

    def arrays(self, begun: torch.Tensor) -> tuple[Floats, ...]:
        """See `inference.encoders.network.Early.arrays`."""
        return (array(begun),)

    def finish_few(self, begun: tuple[Floats, ...], samples: Floats) -> Floats:
        """See `inference.encoders.network.Early.finish_few`."""
        linear, head = self._few
        return head(linear(samples.reshape(len(samples), -1), *begun))

    @cached_property
    def _few(self) -> tuple[Linear, Head]:
        """What is left to do, for few rows."""
        return Linear(self.tail), Head(self.rest)
