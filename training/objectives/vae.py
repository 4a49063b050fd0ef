"""Variational autoencoder: what a vector was made from can be told from it."""

from __future__ import annotations

import torch
from torch.nn import functional

from config.errors import SettingsError
from training.objectives.base import Batch, Objective


class VAE(Objective):
    """Squared error of the reconstruction plus β times the divergence of the posterior from a standard normal [1]_.

    Both are given per value of a window, so that with β = 1 it is, up to a factor of two and a constant, the evidence
    lower bound of a Gaussian of unit variance. β other than 1 is the β-VAE [2]_.

    Parameters
    ----------
    beta
        Weight of the divergence.

    References
    ----------
    .. [1] Kingma and Welling (2014), Auto-encoding variational Bayes, ICLR.
    .. [2] Higgins et al. (2017), beta-VAE: learning basic visual concepts with a constrained variational
       framework, ICLR.
    """

    aligns = False
    generates = True

    def __init__(self, *, beta: float = 1.0) -> None:
        super().__init__()
        if beta < 0:
            raise ValueError(f"beta={beta} must not be negative")
        self.beta = beta

    def forward(self, batch: Batch) -> torch.Tensor:
        """Loss of a batch, in squared units of the normalised window."""
        made = batch.generated
        if made is None:
            raise SettingsError("objective 'vae' needs an encoder that reconstructs, such as vae or vrae")
        error = functional.mse_loss(made.reconstruction, batch.windows)
        divergence = 0.5 * (made.mean.square() + made.log_variance.exp() - 1 - made.log_variance).sum(1).mean()
        return error + 2 * self.beta * divergence / batch.windows[0].numel()
