"""``vrae``: a variational auto-encoder of windows with an LSTM on either side."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from inference.encoders.eegproject import projection
from inference.encoders.generative import Generated, sample


class VRAE(nn.Module):
    """Variational recurrent auto-encoder [1]_; the embedding is a projection of the posterior's mean.

    An LSTM reads the window, some samples a step, and its last state gives mean and log variance; another one, told the
    latent point at every step, writes the window again.

    Parameters
    ----------
    n_channels, n_times
        Shape of a window.
    dim
        Length of the embedding.
    latent
        Length of the posterior.
    hidden
        Length of the LSTMs' states.
    step
        Samples read or written at once; the end is padded with zeros.
    dropout
        In the projection.

    References
    ----------
    .. [1] Fabius and van Amersfoort (2015), Variational recurrent auto-encoders, ICLR workshop.
    """

    def __init__(
        self,
        n_channels: int,
        n_times: int,
        dim: int,
        *,
        latent: int = 128,
        hidden: int = 256,
        step: int = 10,
        dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.channels, self.times, self.step = n_channels, n_times, min(step, n_times)
        self.steps = -(-n_times // self.step)
        self.encoder = nn.LSTM(n_channels * self.step, hidden, batch_first=True)
        self.mean, self.log_variance = nn.Linear(hidden, latent), nn.Linear(hidden, latent)
        self.project = projection(latent, dim, dropout)
        self.decoder = nn.LSTM(latent, hidden, batch_first=True)
        self.write = nn.Linear(hidden, n_channels * self.step)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        """Embeddings (n, dim) of windows (n, channels, times), without chance: of the posterior's mean."""
        y: torch.Tensor = self.project(self.mean(self._read(windows)))
        return y

    def generate(self, windows: torch.Tensor) -> Generated:
        """The generative pass, for training."""
        state = self._read(windows)
        mean, log_variance = self.mean(state), self.log_variance(state)
        drawn = sample(mean, log_variance, self.training)
        return Generated(self.project(drawn), self.decode(drawn), mean, log_variance)

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Windows (n, channels, times) of points (n, latent)."""
        told = latent[:, None].expand(-1, self.steps, -1)
        written = self.write(self.decoder(told)[0])  # (n, steps, step x channels)
        whole = written.reshape(len(latent), self.steps * self.step, self.channels)
        y: torch.Tensor = whole[:, : self.times].transpose(1, 2)
        return y

    def _read(self, windows: torch.Tensor) -> torch.Tensor:
        """Last state (n, hidden) after the window."""
        padded = functional.pad(windows, (0, self.steps * self.step - self.times))
        steps = padded.transpose(1, 2).reshape(len(windows), self.steps, -1)
        y: torch.Tensor = self.encoder(steps)[1][0][-1]
        return y
