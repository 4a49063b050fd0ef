"""Brings windows and targets to the device, batch by batch, or all at once where they fit there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from training.trials.examples import Index, Pool

EVALUATED = 512
"""Windows evaluated, or moved, at once."""
SHARE = 0.4
"""Of a GPU's free memory, which windows may take for the whole fit."""


class Feed:
    """Windows and targets of a pool, on a device.

    Parameters
    ----------
    pool
        What to take windows from.
    targets
        (items, dim) or (items, variants, dim), of the gallery.
    device
        Where to.
    """

    def __init__(self, pool: Pool, targets: NDArray[Any], device: torch.device) -> None:
        self.pool, self.device, self.rows = pool, device, pool.rows
        self._targets = torch.from_numpy(np.asarray(targets))
        if self._fits(self._targets.nbytes):
            self._targets = self._targets.to(device)
        self._resident = self._fits(len(self.rows) * math.prod(pool.shape) * 4)
        self._windows = self._everything() if self._resident else None

    def windows(self, index: Index) -> torch.Tensor:
        """Windows (len(index), channels, times)."""
        if self._windows is not None:
            return self._windows[torch.from_numpy(index).to(self.device)]
        taken = torch.from_numpy(self.pool.take(index))
        return taken if self.device.type == "cpu" else taken.pin_memory().to(self.device, non_blocking=True)

    def items(self, index: Index) -> tuple[torch.Tensor, torch.Tensor]:
        """Targets of the distinct items of some windows, and which of them belongs to each window."""
        shown, which = np.unique(self.rows[index], return_inverse=True)
        targets = self._targets[torch.from_numpy(shown).to(self._targets.device)].to(self.device).float()
        return targets, torch.from_numpy(which).to(self.device)

    def pieces(self) -> Iterator[tuple[torch.Tensor, slice]]:
        """All windows, some at a time, and which they are."""
        for start in range(0, len(self.rows), EVALUATED):
            part = slice(start, min(start + EVALUATED, len(self.rows)))
            yield self.windows(np.arange(part.start, part.stop)), part

    def redraw(self, rng: np.random.Generator) -> None:
        """Before every pass."""
        self.pool.redraw(rng)
        if self._resident and self.pool.changes:
            self._windows = self._everything()

    def _everything(self) -> torch.Tensor:
        parts = np.arange(len(self.rows))
        moved = torch.empty((len(parts), *self.pool.shape), device=self.device)
        for start in range(0, len(parts), EVALUATED):
            piece = parts[start : start + EVALUATED]
            moved[start : start + len(piece)] = torch.from_numpy(self.pool.take(piece)).to(self.device)
        return moved

    def _fits(self, size: int) -> bool:
        """On the CPU nothing is kept: pools hold their windows there."""
        return self.device.type == "cuda" and size < SHARE * torch.cuda.mem_get_info(self.device)[0]


def batches(n: int, size: int) -> list[tuple[int, int]]:
    """Bounds of nearly equal batches of at most ``size``, so that none is left with a single window."""
    edges = np.linspace(0, n, math.ceil(n / size) + 1).round().astype(int)
    return [(int(a), int(b)) for a, b in pairwise(edges)]
