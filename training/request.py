"""Everything that decides what a training gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from acquisition.offline import Epochs
from acquisition.plan import Plan
from config.errors import SettingsError
from inference.encoders.registry import STAGED
from inference.gallery import Gallery
from training.objectives.augment import Augmentation
from training.objectives.registry import DEFAULT, Term
from training.trials.epochs import Origin
from training.trials.examples import Average

RECIPES: dict[str, dict[str, float]] = {
    "eegproject": {"learning_rate": 3e-4, "epochs_max": 60},
    "spatial_mlp": {"learning_rate": 1e-3, "epochs_max": 150},
    "nice": {"learning_rate": 2e-4, "epochs_max": 100},
    "vae": {"learning_rate": 3e-3, "epochs_max": 100},
    "vrae": {"learning_rate": 1e-4, "epochs_max": 100},
}
"""What a network is trained with where the request does not say."""
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("auto", "32", "bf16", "16")
EMBEDDINGS = "embeddings"
"""The gallery's own vectors, as against one of its feature sets."""
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
        Networks learn from single trials, from the mean over each stimulus' repeats, from both, or from means over
        subsets of repeats that are drawn anew before every pass.
    validation
        What is held out whole: recordings or stimuli. ``auto`` takes recordings where there are few items. ``none``
        trains on everything and leaves the bundle without calibration and scores.
    validation_share
        Of the recordings or stimuli, for networks; the closed form holds each out in turn.
    patience
        Passes without a better validation loss before a network stops; None: all passes are run.
    device
        ``auto``, ``cpu`` or ``cuda``; the same numbers come out again on the same machine and device.
    objectives, augmentations, schedule, warmup, clip, precision, devices, threads
        Of networks, see `training.fitting.fit.FitSettings`.
    whiten
        Whether a network's windows are whitened over channels, by a matrix fitted to the training trials.
    features
        What a network learns towards: the gallery's ``embeddings``, or a feature set of the gallery, whose variants are
        mixed by weights that are learned too.
    adapter
        Options of a learned adapter of the gallery's side (see `inference.adapter.AdapterParameters`); None: none,
        but for the mix of ``features``.
    gallery_folder
        Of ``gallery``, from which ``features`` are read.
    run
        Folder for settings, figures and checkpoints of a network's fit; None: none are kept.
    resume
        Whether the fit in ``run`` is to go on.
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
    average: Average = "both"
    validation: Literal["auto", "recording", "stimulus", "none"] = "auto"
    validation_share: float = 0.1
    patience: int | None = 8
    device: str = "auto"
    objectives: tuple[Term, ...] = DEFAULT
    augmentations: tuple[Augmentation, ...] = ()
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: float = 0.0
    clip: float = 0.0
    precision: str = "auto"
    devices: int = 1
    threads: int = 0
    whiten: bool = False
    features: str = EMBEDDINGS
    adapter: dict[str, Any] | None = None
    gallery_folder: Path | None = None
    run: Path | None = None
    resume: bool = False
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
    if request.warmup < 0 or request.clip < 0 or request.devices < 1 or request.threads < 0:
        raise SettingsError("warm-up, clip and threads must not be negative, and there must be 1 device or more")
    if request.resume and request.run is None:
        raise SettingsError("only a run with a folder can be resumed; name it with --run")
    if request.precision not in PRECISIONS:
        raise SettingsError(f"unknown precision '{request.precision}'; known: {', '.join(PRECISIONS)}")
    if request.batch < 2 * request.devices:
        raise SettingsError(f"a batch of {request.batch} gives {request.devices} devices less than two windows each")
    check_device(request.device)
    if request.patience is not None and request.patience < 1:
        raise SettingsError(f"patience {request.patience} must be 1 or more passes")


def check_closed_form(request: TrainRequest) -> None:
    """Refuse what only a network can learn by or towards, and what only stands for others.

    Raises
    ------
    SettingsError
        Names it.
    """
    if request.encoder == STAGED:
        raise SettingsError(
            "'staged' is made of other encoders; name one of those, such as riemann, and the window ends with --parts"
        )
    asked = {
        "a choice of objectives": request.objectives != DEFAULT,
        "augmentation": bool(request.augmentations),
        "a choice of features": request.features != EMBEDDINGS,
        "an adapter": request.adapter is not None,
        "whitening": request.whiten,
        "a run folder": request.run is not None,
    }
    for what, given in asked.items():
        if given:
            raise SettingsError(
                f"'{request.encoder}' is fitted in closed form: {what} is for networks only; leave it out"
            )


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
