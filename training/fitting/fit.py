"""Fits a torch encoder: the same numbers for the same seed, interrupted and resumed or not."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from training.fitting import devices, interrupt
from training.fitting.checkpoint import Position
from training.fitting.learner import Learner
from training.fitting.loop import Loop
from training.fitting.run_folder import Row, RunFolder
from training.objectives import registry
from training.objectives.augment import Augmentation
from training.trials.epochs import Progress, silent
from training.trials.examples import Pool

if TYPE_CHECKING:
    from lightning.fabric import Fabric

THREADS = 1
"""Processor threads of training where settings do not say: two that share a busy processor wait for each other."""


@dataclass(frozen=True)
class FitSettings:
    """How it is fitted.

    Attributes
    ----------
    patience
        Epochs without a better validation loss before it stops; None: all ``epochs`` are run and the last is kept.
    device
        ``auto``, ``cpu`` or ``cuda``.
    objectives, augmentations
        What it learns by, and how its windows are changed.
    schedule, warmup
        Of the learning rate, see `training.fitting.schedule.rate`; ``warmup`` in epochs.
    clip
        Largest norm of the gradient; 0: any.
    precision
        ``auto`` (bfloat16 on a GPU that has it), ``32``, ``bf16`` or ``16``; the CPU computes in float32.
    devices
        How many; each takes a share of every batch, and all share the negatives.
    threads
        Of the processor; 0: ``THREADS``.
    part_times
        Samples known at earlier ends of the window, at which it must answer too; see `training.fitting.truncate`.
    """

    epochs: int
    batch: int
    learning_rate: float
    weight_decay: float
    patience: int | None
    seed: int
    device: str
    objectives: tuple[registry.Term, ...] = registry.DEFAULT
    augmentations: tuple[Augmentation, ...] = ()
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.0
    clip: float = 0.0
    precision: str = "auto"
    devices: int = 1
    threads: int = 0
    part_times: tuple[int, ...] = ()


@dataclass(frozen=True)
class Fitted:
    """What came of it.

    Attributes
    ----------
    epoch
        The epoch that is kept, from 1.
    losses
        (training, validation) loss of each epoch run; validation is NaN where there was none.
    history
        All figures of each epoch.
    """

    epoch: int
    losses: tuple[tuple[float, float], ...]
    history: tuple[Row, ...] = ()


def fit(
    net: nn.Module,
    train: Pool,
    held: Pool | None,
    targets: NDArray[Any],
    settings: FitSettings,
    progress: Progress = silent,
    *,
    adapter: nn.Module | None = None,
    run: RunFolder | None = None,
    resume: bool = False,
) -> Fitted:
    """Fit a network, and the adapter where there is one, in place, and leave them in evaluation mode, on the CPU.

    Parameters
    ----------
    net
        Maps (n, channels, times) to (n, dim).
    train, held
        Training and validation windows; without the latter every epoch is run.
    targets
        (items, dim) of the gallery, unit norm; with an adapter the features (items, variants, dim) that it takes.
    settings
        How.
    progress
        Told after each epoch.
    adapter
        See `inference.adapter.Adapter`.
    run
        Where figures and checkpoints go; None: nowhere.
    resume
        Go on from the checkpoint in ``run``.

    Raises
    ------
    SettingsError
        Objectives, network, devices or checkpoint do not fit one another.
    KeyboardInterrupt
        Ctrl-C; the checkpoint is written before.
    """
    learner = learner_of(net, settings, adapter)
    state, found = devices.launch(_work, settings, progress, learner, (train, held, targets, settings, run, resume))
    learner.to("cpu").load_state_dict({name: torch.from_numpy(np.array(value)) for name, value in state.items()})
    learner.eval()
    history = tuple(found.history)
    losses = tuple((row["training_loss"], row.get("validation_loss", math.nan)) for row in history)
    return Fitted(found.kept, losses, history)


def learner_of(net: nn.Module, settings: FitSettings, adapter: nn.Module | None = None) -> Learner:
    """What is learned, untrained.

    Raises
    ------
    SettingsError
        Objectives, network and adapter do not fit one another.
    """
    return Learner(net, registry.combine(settings.objectives), adapter, settings.augmentations, settings.part_times)


def _work(
    fabric: Fabric,
    progress: Progress,
    learner: Learner,
    train: Pool,
    held: Pool | None,
    targets: NDArray[Any],
    settings: FitSettings,
    run: RunFolder | None,
    resume: bool,
) -> tuple[dict[str, NDArray[Any]], Position]:
    """One device's part."""
    with _reproducible(settings), interrupt.deferred() as stop:
        return Loop(fabric, learner, train, held, targets, settings, run, stop).epochs(progress, resume)


@contextmanager
def _reproducible(settings: FitSettings) -> Iterator[None]:
    """Seeded and deterministic, with so many threads; everything as before afterwards."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(enabled=True):
        torch.set_num_threads(settings.threads or THREADS)
        torch.use_deterministic_algorithms(True, warn_only=True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)
