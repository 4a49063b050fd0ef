"""The network of the picture auto-encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn

SIDE = 64
"""Pixels of a picture's side."""


class ImageVAE(nn.Module):
    """Convolutional variational auto-encoder [1]_ of pictures of ``SIDE`` x ``SIDE`` pixels.

    Parameters
    ----------
    dim
        Length of the posterior, whose mean is the embedding.
    widths
        Features of each convolution; each halves the picture, so there are six at most.

    References
    ----------
    .. [1] Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR.
    """

    def __init__(self, dim: int, widths: Sequence[int]) -> None:
        super().__init__()
        if not 1 <= len(widths) <= 6 or dim < 1:
            raise ValueError(f"widths {list(widths)} must name one to six convolutions, and dim {dim} be positive")
        self.shape = (widths[-1], SIDE >> len(widths), SIDE >> len(widths))
        flat = self.shape[0] * self.shape[1] * self.shape[2]
        down = [_down(a, b) for a, b in pairwise((3, *widths))]
        self.encoder = nn.Sequential(*down, nn.Flatten())
        self.mean, self.log_variance = nn.Linear(flat, dim), nn.Linear(flat, dim)
        self.start = nn.Linear(dim, flat)
        up = [_up(a, b) for a, b in pairwise(reversed(widths))]
        self.decoder = nn.Sequential(*up, nn.ConvTranspose2d(widths[0], 3, 4, 2, 1))

    def encode(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and log variance (n, dim) of the posterior, of pictures (n, 3, side, side) between 0 and 1."""
        features = self.encoder(pictures)
        return self.mean(features), self.log_variance(features)

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, side, side) of points (n, dim)."""
        y: torch.Tensor = torch.sigmoid(self.decoder(self.start(latent).reshape(-1, *self.shape)))
        return y

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim), the posterior's mean."""
        y: torch.Tensor = self.mean(self.encoder(pictures))
        return y


def _down(features: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(features, out, 4, 2, 1, bias=False), nn.BatchNorm2d(out), nn.LeakyReLU(0.2))


def _up(features: int, out: int) -> nn.Sequential:
    conv = nn.ConvTranspose2d(features, out, 4, 2, 1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.LeakyReLU(0.2))
