"""``responses``: a projection head with attention, for responses that are not EEG, such as voxels of fMRI."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

from inference.encoders.eegproject import projection


class ResponseHead(nn.Module):
    """Attention over regions of a response vector, then the projection head.

    The values of a window are one vector; each is brought to its own mean and variance (over the training data). A
    region, or a run of values where no regions are given, has a linear map of its own to a token. Learned queries take
    a weighted mean of the tokens each (attention pooling [1]_), and their answers are projected.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window: channels x times are the values, such as 1 x voxels, or regions x voxels.
    dim
        Length of the embedding.
    regions
        Values of each region, in order; they must come to the whole. Empty: runs of ``run`` values.
    run
        Values of a run.
    width
        Length of a token.
    queries
        How many weighted means.
    dropout
        Of tokens and in the projection.

    References
    ----------
    .. [1] Lee et al. (2019), Set transformer: a framework for attention-based permutation-invariant neural networks,
       ICML.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        *,
        regions: Sequence[int] = (),
        run: int = 64,
        width: int = 128,
        queries: int = 4,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        values = n_channels * n_times
        sizes = list(regions) or [min(run, values - k) for k in range(0, values, run)]
        if sum(sizes) != values or min(sizes) < 1:
            raise ValueError(f"regions come to {sum(sizes)} values, a window holds {values}")
        self.sizes = sizes
        self.scale = nn.BatchNorm1d(values, affine=False)
        self.tokens = nn.ModuleList([nn.Linear(size, width) for size in sizes])
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)
        self.query = nn.Parameter(torch.randn(queries, width) * width**-0.5)
        self.key, self.value = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.project = projection(queries * width, dim, dropout)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        parts = self.scale(windows.flatten(1)).split(self.sizes, 1)
        tokens = torch.stack([functional.gelu(layer(part)) for layer, part in zip(self.tokens, parts, strict=True)], 1)
        tokens = self.drop(self.norm(tokens))
        weights = torch.softmax(self.query @ self.key(tokens).transpose(1, 2) * tokens.shape[2] ** -0.5, 2)
        y: torch.Tensor = self.project((weights @ self.value(tokens)).flatten(1))
        return y
