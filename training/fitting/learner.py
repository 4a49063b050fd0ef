"""Network, image side and objective as one module, so that one step is one call on every device."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn
from torch.nn import functional

from config.errors import SettingsError
from inference.encoders.generative import Generated, Generative
from training.fitting.truncate import truncated
from training.objectives.augment import Augmentation, augment
from training.objectives.base import Batch
from training.objectives.combined import Combined

Everyone = Callable[[torch.Tensor], torch.Tensor]
"""Rows of all devices, one device's after another's."""


class Learner(nn.Module):
    """What is learned.

    Parameters
    ----------
    net
        Windows (n, channels, times) to vectors (n, dim); a generative one has ``generate`` too.
    objective
        What it is learned by.
    adapter
        Features (n, variants, dim) to items; None: the targets are the items.
    augmentations
        Of training windows.
    part_times
        Samples at which training windows may end.

    Raises
    ------
    SettingsError
        The objective needs what the network or the image side does not have.
    """

    def __init__(
        self,
        net: nn.Module,
        objective: Combined,
        adapter: nn.Module | None,
        augmentations: Sequence[Augmentation],
        part_times: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.net, self.objective, self.adapter = net, objective, adapter
        self.augmentations, self.part_times = tuple(augmentations), tuple(part_times)
        if objective.generates and not isinstance(net, Generative):
            raise SettingsError("objective 'vae' needs an encoder that reconstructs its windows, such as vae or vrae")
        if adapter is not None and not objective.contrasts:
            raise SettingsError(
                "targets that are learned too (an adapter) would all become one by these objectives; add one that "
                "contrasts, such as infonce"
            )

    def forward(
        self, windows: torch.Tensor, targets: torch.Tensor, index: torch.Tensor, everyone: Everyone | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Weighted loss, and each objective's, of a step.

        Parameters
        ----------
        windows
            (n, channels, times), this device's.
        targets
            (m, dim) or, with an adapter, (m, variants, dim), of the distinct items of the whole batch.
        index
            Which of the items belongs to each window of the whole batch.
        everyone
            Gathers vectors over devices; None: there is one.
        """
        # in this order, for a change may carry what comes late into what is early
        windows = truncated(augment(windows, self.augmentations), self.part_times)
        generated = self._generate(windows) if self.objective.generates else None
        vectors = generated.vectors if generated else self.net(windows)
        items = targets if self.adapter is None else self.adapter(targets)
        # distances and softmax over a thousand items are no place for half precision
        with torch.autocast(windows.device.type, enabled=False):
            vectors = vectors.float() if everyone is None else everyone(vectors.float())
            loss: tuple[torch.Tensor, torch.Tensor] = self.objective(
                Batch(windows, vectors, items.float(), index, _float(generated))
            )
        return loss

    def _generate(self, windows: torch.Tensor) -> Generated | None:
        return self.net.generate(windows) if isinstance(self.net, Generative) else None

    def items(self, targets: torch.Tensor) -> torch.Tensor:
        """Items (m, dim), unit norm, of targets."""
        return (targets if self.adapter is None else self.adapter(targets)).float()


def _float(made: Generated | None) -> Generated | None:
    if made is None:
        return None
    return Generated(made.vectors.float(), made.reconstruction.float(), made.mean.float(), made.log_variance.float())


def retrieval(logits: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Sums over windows: negative log probability of the own item, reciprocal rank, whether it is in the top 5."""
    own = logits.gather(1, index[:, None])
    rank = (logits > own).sum(1) + 1
    losses = functional.cross_entropy(logits, index, reduction="sum")
    return torch.stack([losses, (1 / rank).sum(), (rank <= 5).float().sum()])
