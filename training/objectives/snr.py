"""Signal-to-noise-ratio distance in place of the cosine."""

from __future__ import annotations

import torch

from training.objectives.base import Batch, Objective, shared_cross_entropy
from training.objectives.infonce import Temperature

CENTRING = 0.01
"""Weight of the squared mean of a vector, which the distance does not see but the cosine of the search does."""


class SNR(Objective):
    """Contrastive learning by the signal-to-noise-ratio distance [1]_, d = var(noise) / var(signal).

    The item is the signal, what the vector adds to it is the noise, variances are over dimensions. The loss is the mean
    distance to the own item plus the symmetric cross entropy of minus the distances (the paper's N-pair form). The
    length of a vector counts here, unlike with cosines.

    References
    ----------
    .. [1] Yuan et al. (2019), Signal-to-noise ratio: a robust distance metric for deep metric learning, CVPR.
    """

    contrasts = True

    def __init__(self) -> None:
        super().__init__()
        self.temperature = Temperature()

    def forward(self, batch: Batch) -> torch.Tensor:
        """Loss of a batch, nats plus ratio."""
        distances = snr_distance(batch.vectors, batch.items)
        own = distances.gather(1, batch.index[:, None]).mean()
        centring = CENTRING * batch.vectors.mean(1).square().mean()
        return own + centring + shared_cross_entropy(-self.temperature() * distances, batch.index)


def snr_distance(vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
    """Distances (n, m): variance of vector (n, dim) minus item (m, dim), over that of the item."""
    x, y = vectors - vectors.mean(1, keepdim=True), items - items.mean(1, keepdim=True)
    signal = y.square().sum(1).clamp_min(torch.finfo(y.dtype).tiny)
    # |x - y|² by parts, so that no (n, m, dim) is made
    noise = x.square().sum(1, keepdim=True) - 2 * x @ y.T + signal
    return noise.clamp_min(0) / signal
