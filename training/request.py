"""Everything that decides what a training gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from acquisition.offline import Epochs
from acquisition.plan import Plan
from config.errors import SettingsError
from inference.gallery import Gallery
from training.epochs import Origin

RECIPES: dict[str, dict[str, float]] = {
    "eegproject": {"learning_rate": 3e-4, "epochs_max": 60},
    "spatial_mlp": {"learning_rate": 1e-3, "epochs_max": 150},
    "nice": {"learning_rate": 2e-4, "epochs_max": 100},
}
"""What a network is trained with where the request does not say."""
DEVICES = ("auto", "cpu", "cuda")
OTHERS = {"learning_rate": 1e-3, "epochs_max": 100}


@dataclass(frozen=True)
class TrainRequest:
    """Everything that decides what comes out.

    Attributes
    ----------
    epochs
        Of each recording, cut by ``plan``.
    gallery
        The embeddings to train towards.
    encoder
        Name in the encoder registry.
    out
        Folder of the bundle; one that is there is replaced.
    plan
        That cut the epochs; it goes into the bundle.
    truth
        Marker label to item id; empty: the label is the id.
    parameters
        Options of the encoder.
    origins
        Name, hash and subject of each recording.
    epochs_max, batch, learning_rate, weight_decay
        Of AdamW; 0 passes and a rate of 0 mean the encoder's usual ones. The closed form takes no notice.
    average
        Networks learn from single trials, from the mean over each stimulus' repeats, or from both.
    validation
        What is held out whole: recordings or stimuli. ``auto`` takes recordings where there are few items. ``none``
        trains on everything and leaves the bundle without calibration and scores.
    validation_share
        Of the recordings or stimuli, for networks; the closed form holds each out in turn.
    patience
        Passes without a better validation loss before a network stops; None: all passes are run.
    device
        ``auto``, ``cpu`` or ``cuda``; the same numbers come out again on the same machine and device.
    simulated
        The data are from a simulated participant (also believed where the epochs say so).
    notes
        For people.
    """

    epochs: tuple[Epochs, ...]
    gallery: Gallery
    encoder: str
    out: Path
    plan: Plan
    truth: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    origins: tuple[Origin, ...] = ()
    seed: int = 0
    epochs_max: int = 0
    batch: int = 256
    learning_rate: float = 0.0
    weight_decay: float = 1e-4
    average: Literal["single", "averaged", "both"] = "both"
    validation: Literal["auto", "recording", "stimulus", "none"] = "auto"
    validation_share: float = 0.1
    patience: int | None = 8
    device: str = "auto"
    simulated: bool = False
    notes: str = ""


def check(request: TrainRequest) -> None:
    """Refuse numbers that make no sense.

    Raises
    ------
    SettingsError
        Names the number, and what it must be.
    """
    if not 0 < request.validation_share < 1:
        raise SettingsError(f"validation share {request.validation_share:g} must lie between 0 and 1, such as 0.1")
    if request.batch < 2 or request.epochs_max < 0 or request.learning_rate < 0 or request.weight_decay < 0:
        raise SettingsError("batch must be 2 or more; epochs, learning rate and weight decay must not be negative")
    check_device(request.device)
    if request.patience is not None and request.patience < 1:
        raise SettingsError(f"patience {request.patience} must be 1 or more passes")


def check_device(device: str) -> None:
    """Refuse a device that is none.

    Raises
    ------
    SettingsError
        Names those that there are.
    """
    if device not in DEVICES:
        raise SettingsError(f"unknown device '{device}'; known: {', '.join(DEVICES)}")


def usual(encoder: str) -> dict[str, float]:
    """Learning rate and passes of an encoder, where the request does not say."""
    return RECIPES.get(encoder, OTHERS)
