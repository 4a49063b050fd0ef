"""What turns a braindecode model into an encoder: features made one vector, answers averaged, windows padded."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Features(nn.Module):
    """A braindecode model's features, averaged over what is neither window nor feature, then a linear layer.

    Parameters
    ----------
    body
        Model whose ``forward`` takes ``return_features=True`` and gives ``{"features": (n, ..., f)}``.
    features, dim
        f, and the length of the embedding.
    told
        Further arguments of ``forward``.
    """

    def __init__(self, body: nn.Module, features: int, dim: int, told: dict[str, Any]) -> None:
        super().__init__()
        self.body, self.told = body, told
        self.out = nn.Linear(features, dim)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        y: torch.Tensor = self.out(pooled(self.body(windows, return_features=True, **self.told)["features"]))
        return y


class Averaged(nn.Module):
    """A model that answers (n, steps, dim), averaged over the steps."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        return pooled(self.body(windows))


class Padded(nn.Module):
    """A network whose windows are followed by so many zeros."""

    def __init__(self, body: nn.Module, zeros: int) -> None:
        super().__init__()
        self.body, self.zeros = body, zeros

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        y: torch.Tensor = self.body(functional.pad(windows, (0, self.zeros)))
        return y


def pooled(features: torch.Tensor) -> torch.Tensor:
    """Features (n, f) of (n, ..., f): the mean over channels, patches or tokens in between."""
    return features.flatten(1, -2).mean(1) if features.ndim > 2 else features
