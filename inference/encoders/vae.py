"""``vae``: a one-dimensional convolutional variational auto-encoder of windows."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

from inference.encoders.eegproject import projection
from inference.encoders.generative import Generated, sample


class VAE(nn.Module):
    """Variational auto-encoder [1]_ over time; the embedding is a projection of the posterior's mean.

    Convolutions of stride 2 lead to mean and log variance; the way back is nearest-neighbour upsampling and
    convolution, so that any length comes back as it was.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window.
    dim
        Length of the embedding.
    latent
        Length of the posterior.
    widths
        Features of each convolution; each halves the time axis.
    kernel
        Of every convolution, in samples; odd.
    dropout
        In the projection.

    References
    ----------
    .. [1] Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        *,
        latent: int = 128,
        widths: Sequence[int] = (64, 96, 128),
        kernel: int = 7,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        if kernel % 2 == 0 or not widths:
            raise ValueError(f"kernel {kernel} must be odd, and widths name one convolution or more")
        lengths = [n_times]
        for _ in widths:
            lengths.append((lengths[-1] + 1) // 2)
        sizes = (n_channels, *widths)
        self.encoder = nn.Sequential(*[_block(a, b, kernel, 2) for a, b in pairwise(sizes)], nn.Flatten())
        self.mean = nn.Linear(widths[-1] * lengths[-1], latent)
        self.log_variance = nn.Linear(widths[-1] * lengths[-1], latent)
        self.project = projection(latent, dim, dropout)
        self.start = nn.Linear(latent, widths[-1] * lengths[-1])
        back = tuple(reversed(sizes))
        self.decoder = nn.ModuleList([_block(a, b, kernel, 1) for a, b in pairwise(back[:-1])])
        self.last = nn.Conv1d(back[-2], n_channels, kernel, padding="same")
        self.lengths = tuple(reversed(lengths))

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times), without chance: of the posterior's mean."""
        y: torch.Tensor = self.project(self.mean(self.encoder(windows)))
        return y

    def generate(self, windows: torch.Tensor) -> Generated:
        """The generative pass, for training."""
        features = self.encoder(windows)
        mean, log_variance = self.mean(features), self.log_variance(features)
        drawn = sample(mean, log_variance, self.training)
        return Generated(self.project(drawn), self.decode(drawn), mean, log_variance)

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Windows (n, channels, times) of points (n, latent)."""
        x = self.start(latent).reshape(len(latent), -1, self.lengths[0])
        for block, length in zip([*self.decoder, self.last], self.lengths[1:], strict=True):
            x = block(x.repeat_interleave(2, 2)[..., :length])
        y: torch.Tensor = x
        return y


def _block(features: int, out: int, kernel: int, stride: int) -> nn.Sequential:
    conv = nn.Conv1d(features, out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm1d(out), nn.GELU())
