"""Encoders that also give the windows back: what their training needs beyond the embedding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch


@dataclass(frozen=True)
class Generated:
    """What a variational encoder made of windows.

    Attributes
    ----------
    vectors
        (n, dim) embeddings of the sample.
    reconstruction
        (n, channels, times), in the unit of the windows.
    mean, log_variance
        (n, latent) of the posterior; the prior is standard normal.
    """

    vectors: torch.Tensor
    reconstruction: torch.Tensor
    mean: torch.Tensor
    log_variance: torch.Tensor


@runtime_checkable
class Generative(Protocol):
    """A network whose training has a generative pass."""

    def generate(self, windows: torch.Tensor) -> Generated:
        """Of windows (n, channels, times): from a sample of the posterior in training mode, from its mean otherwise."""
        ...


def sample(mean: torch.Tensor, log_variance: torch.Tensor, training: bool) -> torch.Tensor:
    """A sample of the posterior by the reparameterisation of `vae.VAE`; outside training its mean."""
    return mean + torch.exp(log_variance / 2) * torch.randn_like(mean) if training else mean
