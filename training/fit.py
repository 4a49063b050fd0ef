"""Fits a torch encoder: AdamW, validation after every epoch, early stop, and the same numbers for the same seed."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from inference.encoders.base import Vectors
from training.epochs import Progress, silent
from training.examples import Examples
from training.losses import InfoNCE

THREADS = 1
"""Processor threads of training: two that share a busy processor wait for each other and are ten times slower."""
EVALUATED = 512
"""Windows evaluated at once."""


@dataclass(frozen=True)
class FitSettings:
    """How it is fitted.

    Attributes
    ----------
    patience
        Epochs without a better validation loss before it stops; None: all ``epochs`` are run and the last is kept.
    device
        ``cpu`` or ``cuda``.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    patience: int | None
    seed: int
    device: str


@dataclass(frozen=True)
class Fitted:
    """What came of it.

    Attributes
    ----------
    epoch
        The epoch that is kept, from 1.
    losses
        (training, validation) loss of each epoch run; validation is NaN where there was none.
    """

    epoch: int
    losses: tuple[tuple[float, float], ...]


def fit(
    net: nn.Module,
    train: Examples,
    held: Examples | None,
    vectors: Vectors,
    settings: FitSettings,
    progress: Progress = silent,
) -> Fitted:
    """Fit a network in place and leave it in evaluation mode, on the CPU.

    Parameters
    ----------
    net
        Maps (n, channels, times) to (n, dim).
    train, held
        Training and validation examples; without the latter every epoch is run.
    vectors
        (items, dim) of the gallery, unit norm.
    settings
        How.
    progress
        Told after each epoch.
    """
    with _reproducible(settings):
        run = _Run(net, train, held, torch.from_numpy(np.array(vectors)), settings)
        return run.epochs(progress)


class _Run:
    """State of one fit."""

    def __init__(
        self, net: nn.Module, train: Examples, held: Examples | None, vectors: torch.Tensor, settings: FitSettings
    ) -> None:
        self.settings, self.vectors, self.held = settings, vectors.to(settings.device), held
        self.net = net.to(settings.device)
        self.loss = InfoNCE().to(settings.device)
        self.windows = torch.from_numpy(train.windows).to(settings.device)
        self.rows = torch.from_numpy(train.rows).to(settings.device)
        groups = [
            {"params": list(net.parameters()), "weight_decay": settings.weight_decay},
            {"params": list(self.loss.parameters()), "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate)

    def epochs(self, progress: Progress) -> Fitted:
        best, kept, losses = math.inf, 0, []
        state = copy.deepcopy(self.net.state_dict())
        early = self.settings.patience is not None and self.held is not None
        for epoch in range(1, self.settings.epochs + 1):
            losses.append((self._train_epoch(), self._held_loss()))
            progress("training", epoch, self.settings.epochs)
            if not early or losses[-1][1] < best:
                best, kept = losses[-1][1], epoch
                state = copy.deepcopy(self.net.state_dict()) if early else state
            if early and epoch - kept >= (self.settings.patience or 0):
                break
        progress("training", self.settings.epochs, self.settings.epochs)
        if early:
            self.net.load_state_dict(state)
        self.net.eval().to("cpu")
        return Fitted(kept, tuple(losses))

    def _train_epoch(self) -> float:
        """Mean loss of one pass over the examples in random order."""
        self.net.train()
        order = torch.randperm(len(self.rows)).to(self.rows.device)
        total = 0.0
        batches = _batches(len(order), self.settings.batch)
        for start, stop in batches:
            index = order[start:stop]
            shown, which = torch.unique(self.rows[index], return_inverse=True)
            loss = self.loss(self.net(self.windows[index]), self.vectors[shown], which)
            self.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self.optimizer.step()
            total += loss.item() * (stop - start)
        return total / len(order)

    @torch.no_grad()
    def _held_loss(self) -> float:
        """Mean negative log probability of the held-out windows' items among the held-out items, nats."""
        if self.held is None:
            return math.nan
        self.net.eval()
        shown, which = np.unique(self.held.rows, return_inverse=True)
        items = self.vectors[torch.from_numpy(shown).to(self.vectors.device)]
        total = 0.0
        for start in range(0, len(which), EVALUATED):
            windows = torch.from_numpy(self.held.windows[start : start + EVALUATED]).to(self.vectors.device)
            logits = self.loss.logits(self.net(windows), items)
            index = torch.from_numpy(which[start : start + EVALUATED]).to(self.vectors.device)
            total += nn.functional.cross_entropy(logits, index, reduction="sum").item()
        return total / len(which)


def _batches(n: int, size: int) -> list[tuple[int, int]]:
    """Bounds of nearly equal batches of at most ``size``, so that none is left with a single window."""
    count = math.ceil(n / size)
    edges = np.linspace(0, n, count + 1).round().astype(int)
    return [(int(a), int(b)) for a, b in pairwise(edges)]


@contextmanager
def _reproducible(settings: FitSettings) -> Iterator[None]:
    """Seeded and deterministic, with ``THREADS`` threads; everything as before afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    devices = [torch.device(settings.device)] if settings.device == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(settings.seed)
        torch.set_num_threads(THREADS)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
