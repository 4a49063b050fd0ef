"""Trains again as a bundle was trained, on other data: what protocols that need several decoders ask for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.bundles import EncoderSpec, GallerySpec
from inference.bundle import load_encoder
from inference.encoders import registry
from inference.encoders.staged import StagedParameters
from inference.gallery import Gallery, check_fit
from training.objectives.augment import Augmentation
from training.objectives.registry import Term
from training.protocols.data import Data, Trained
from training.request import TrainRequest
from training.train import train
from training.trials.epochs import Progress, silent

SAME = (
    "batch",
    "learning_rate",
    "weight_decay",
    "patience",
    "average",
    "schedule",
    "warmup",
    "clip",
    "whiten",
    "features",
)
"""Choices that a network's training record and a request name alike."""


@dataclass(frozen=True)
class Again:
    """A `training.protocols.data.TrainFn` that follows the training record of a bundle.

    Attributes
    ----------
    spec
        Of the bundle. What it was given is kept; what inner splits chose is chosen anew.
    gallery, gallery_folder
        To train towards, as it is before any adapter.
    folder
        Where bundles go, each under its name.
    device, progress
        Where, and told how far it is.
    """

    spec: EncoderSpec
    gallery: Gallery
    gallery_folder: Path
    folder: Path
    device: str = "auto"
    progress: Progress = silent

    def __call__(self, data: Data, name: str) -> Trained:
        """Train on data and load what came of it."""
        out = self.folder / name
        request = request_like(self.spec, data, self.gallery, out, self.gallery_folder, self.device)
        train(request, lambda what, done, total: self.progress(f"{name}: {what}", done, total))
        encoder = load_encoder(out, self.device)
        return Trained(
            encoder.encode,
            fitting(self.gallery_folder, self.gallery, out, encoder.spec, self.folder / f"{name}-gallery"),
        )


def request_like(
    spec: EncoderSpec, data: Data, gallery: Gallery, out: Path, gallery_folder: Path, device: str
) -> TrainRequest:
    """A request that differs in data only."""
    record = spec.training
    architecture, parameters = method(spec)
    return TrainRequest(
        epochs=data.epochs,
        gallery=gallery,
        encoder=architecture,
        out=out,
        plan=data.plan,
        truth=dict(data.truth),
        parameters=parameters,
        origins=data.origins,
        seed=int(record.get("seed", 0)),
        device=device,
        gallery_folder=gallery_folder,
        notes=f"trained as {spec.architecture} of {spec.weights_sha256[:8]} was, for an evaluation",
        **(_of_network(spec) if registry.is_network(spec.architecture) else {}),
        **_validation(record),
    )


def fitting(folder: Path, gallery: Gallery, bundle: Path, spec: EncoderSpec, out: Path) -> Gallery:
    """The gallery in an encoder's space: through its adapter where it has one and the gallery is not adapted yet."""
    if spec.adapter is None or gallery.spec.space == spec.space:
        return gallery
    from inference.adapter import adapt_gallery

    adapt_gallery(folder, bundle, out)
    return Gallery.load(out)


def method(spec: EncoderSpec) -> tuple[str, dict[str, Any]]:
    """Encoder to train for whole windows, and its parameters but for those that inner splits chose."""
    if spec.architecture != registry.STAGED:
        return spec.architecture, _given(spec, spec.parameters)
    staged = StagedParameters.model_validate(spec.parameters)
    return staged.inner, _given(spec, staged.stages[-1].parameters)


def _given(spec: EncoderSpec, parameters: dict[str, Any]) -> dict[str, Any]:
    tried = spec.training.get("tried")
    chosen: set[str] = set()
    if isinstance(tried, list):
        for one in tried:
            parts = str(one.get("choice", "")).split(",") if isinstance(one, dict) else []
            chosen |= {part.partition("=")[0].strip() for part in parts}
    return {name: value for name, value in parameters.items() if name not in chosen}


def _of_network(spec: EncoderSpec) -> dict[str, Any]:
    record = spec.training
    found = {name: record[name] for name in SAME if name in record}
    if "epochs" in record:
        found["epochs_max"] = record["epochs"]
    if "objectives" in record:
        found["objectives"] = tuple(Term.model_validate(one) for one in record["objectives"])
    if "augmentations" in record:
        found["augmentations"] = tuple(Augmentation.model_validate(one) for one in record["augmentations"])
    if spec.adapter is not None:
        found["adapter"] = dict(spec.adapter.parameters)
    return found


def _validation(record: dict[str, Any]) -> dict[str, Any]:
    validation = record.get("validation")
    if not isinstance(validation, dict):
        return {}
    # a kind that suited those data need not suit these
    found: dict[str, Any] = {"validation": "auto" if validation.get("kind") else "none"}
    if validation.get("share"):
        found["validation_share"] = validation["share"]
    return found


def check_space(spec: EncoderSpec, gallery: GallerySpec) -> None:
    """Whether an encoder can search a gallery, through its adapter perhaps: said before any recording is read.

    Raises
    ------
    BundleError
        Their embedding spaces differ.
    """
    if spec.adapter is None or gallery.space != spec.adapter.space:
        check_fit(spec, gallery)
