"""The weighted sum of objectives."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn import functional

from training.objectives.base import Batch, Objective

TEMPERATURE = 0.07
"""At which vectors are compared where no objective has a temperature of its own."""


class Combined(nn.Module):
    """Weighted sum of objectives (see `registry.combine`).

    Parameters
    ----------
    objectives, weights
        By name.
    """

    def __init__(self, objectives: Mapping[str, Objective], weights: Mapping[str, float]) -> None:
        super().__init__()
        self.objectives = nn.ModuleDict(objectives)
        self.weights: torch.Tensor
        self.register_buffer("weights", torch.tensor([weights[name] for name in objectives]), persistent=False)

    @property
    def generates(self) -> bool:
        """Whether one of them needs a generative encoder."""
        return any(objective.generates for objective in self._all())

    @property
    def contrasts(self) -> bool:
        """Whether one of them holds other items away."""
        return any(objective.contrasts for objective in self._all())

    def forward(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """The sum, and each loss without its weight and gradient: (objectives,), in their order."""
        losses = torch.stack([objective(batch) for objective in self._all()])
        return (losses * self.weights).sum(), losses.detach()

    def logits(self, vectors: torch.Tensor, items: torch.Tensor) -> torch.Tensor:
        """Logits (n, m) by the first objective that has a temperature, or cosines over ``TEMPERATURE``."""
        for objective in self._all():
            found = objective.logits(vectors, items)
            if found is not None:
                return found
        return functional.normalize(vectors, dim=1) @ items.T / TEMPERATURE

    def _all(self) -> list[Objective]:
        return [module for module in self.objectives.values() if isinstance(module, Objective)]
