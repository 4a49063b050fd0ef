"""``atm``: attention between channels, then the convolutions of NICE."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.nn import functional

from inference.encoders.nice import NICE


class ChannelAttention(nn.Module):
    """Multi-head self-attention between the channels of a window.

    Parameters
    ----------
    width
        Length of a token; a head takes ``width // heads``, whether or not that divides.
    heads
        How many.
    dropout
        Of the attention weights.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        if not 1 <= heads <= width:
            raise ValueError(f"{heads} heads do not fit tokens of {width}; expected 1 to {width}")
        self.heads, self.dropout = heads, dropout
        inner = heads * (width // heads)
        self.take, self.give = nn.Linear(width, 3 * inner), nn.Linear(inner, width)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens (n, channels, width) to the same shape."""
        n, channels, _ = tokens.shape
        # (3, n, heads, channels, width of a head)
        query, key, value = self.take(tokens).reshape(n, channels, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        dropout = self.dropout if self.training else 0.0
        mixed = functional.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        y: torch.Tensor = self.give(mixed.transpose(1, 2).flatten(2))
        return y


class TransformerLayer(nn.Module):
    """Attention and feed-forward, each added to its input and normalised after."""

    def __init__(self, width: int, heads: int, feed_forward: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.Sequential(ChannelAttention(width, heads, dropout), nn.Dropout(dropout))
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.feed = nn.Sequential(
            nn.Linear(width, feed_forward),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(feed_forward, width),
            nn.Dropout(dropout),
        )

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens (n, channels, width) to the same shape."""
        x = self.norm1(tokens + self.attention(tokens))
        y: torch.Tensor = self.norm2(x + self.feed(x))
        return y


class ATM(nn.Module):
    """Channel-wise transformer, then NICE's convolutions and projection: ATM-S [1]_ without its token of the subject.

    Each channel's time course is a token: embedded linearly, given the place of its channel (learned), and mixed with
    the other channels'. Attention and order of the norms follow the inverted transformer [2]_.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window.
    dim
        Length of the embedding.
    width
        Length of a token, which NICE's convolutions take as time; None: ``n_times``.
    layers, heads, feed_forward
        Of the transformer.
    attention_dropout
        In the transformer.
    filters, dropout, head_dropout
        As `NICE`.

    References
    ----------
    .. [1] Li et al. (2024), Visual decoding and reconstruction via EEG embeddings with guided diffusion, NeurIPS.
    .. [2] Liu et al. (2024), iTransformer: inverted transformers are effective for time series forecasting, ICLR.
    """

    trunk: nn.Module

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        *,
        width: int | None = None,
        layers: int = 1,
        heads: int = 4,
        feed_forward: int = 256,
        attention_dropout: float = 0.25,
        filters: int = 40,
        dropout: float = 0.5,
        head_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        width = width or n_times
        self.embed = nn.Linear(n_times, width)
        self.place = nn.Parameter(torch.randn(n_channels, width) * 0.02)
        self.drop = nn.Dropout(attention_dropout)
        rows = [TransformerLayer(width, heads, feed_forward, attention_dropout) for _ in range(layers)]
        self.transformer = nn.Sequential(*rows, nn.LayerNorm(width))
        self.trunk = NICE(n_channels, width, dim, filters=filters, dropout=dropout, head_dropout=head_dropout)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times)."""
        y: torch.Tensor = self.trunk(self.transformer(self.drop(self.embed(windows) + self.place)))
        return y

    def folded(self) -> nn.Module:
        """The same function in evaluation mode, with fewer operations."""
        other = copy.deepcopy(self)
        if isinstance(other.trunk, NICE):
            other.trunk = other.trunk.folded()
        return other
