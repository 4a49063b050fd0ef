"""From trials to what a network learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.bundles import Normalisation
from config.errors import RecordingError
from inference.encoders.base import Windows
from training import repeats
from training.epochs import Trials


@dataclass(frozen=True)
class Examples:
    """What is learned from.

    Attributes
    ----------
    windows
        (n, channels, times) float32, normalised.
    rows
        (n,) int64, row of the gallery.
    """

    windows: Windows
    rows: NDArray[np.int64]


def normalisation_of(trials: Trials) -> Normalisation:
    """Mean and standard deviation of each channel over trials and times."""
    mean = trials.windows.mean(axis=(0, 2), dtype=np.float64)
    scale = trials.windows.std(axis=(0, 2), dtype=np.float64)
    flat = [name for name, value in zip(trials.channels, scale, strict=True) if not value > 0]
    if flat:
        raise RecordingError(
            f"channel '{flat[0]}' never varies in the training windows; leave it out with --set chain.channels=[…]"
        )
    return Normalisation(mean_uv=tuple(mean.tolist()), scale_uv=tuple(scale.tolist()))


def examples(trials: Trials, average: str, normalisation: Normalisation) -> Examples:
    """Normalised windows of single trials, of means over repeats, or of both."""
    sets: Sequence[Trials] = {
        "single": lambda: [trials],
        "averaged": lambda: [repeats.averaged(trials)],
        "both": lambda: [trials, repeats.averaged(trials)],
    }[average]()
    mean = np.array(normalisation.mean_uv, np.float32)[:, None]
    scale = np.array(normalisation.scale_uv, np.float32)[:, None]
    windows: Windows = np.concatenate([s.windows for s in sets])
    return Examples((windows - mean) / scale, np.concatenate([s.rows for s in sets]))
