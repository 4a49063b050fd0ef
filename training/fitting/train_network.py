"""The part of a training that fits a network, and with it the image side."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from config.bundles import Normalisation
from config.errors import SettingsError
from inference.bundle import Adapted
from inference.encoders import registry
from inference.encoders.base import Vectors
from training.request import EMBEDDINGS, TrainRequest, usual
from training.trials import split
from training.trials.epochs import Progress, Trials
from training.trials.examples import TrialExamples, normalisation_of
from training.trials.split import Kind, Split

if TYPE_CHECKING:
    from torch import nn

    from inference.adapter import Adapter
    from training.fitting.fit import FitSettings

WHERE_ONLY = ("device", "devices", "threads")
"""Settings that a resumed run may have otherwise: they change last bits, not what is computed."""


@dataclass(frozen=True)
class NetworkFit:
    """A fitted network.

    Attributes
    ----------
    net
        In evaluation mode.
    device
        That it was fitted on.
    normalisation
        Of its windows.
    vectors
        (items, dim) of the gallery as it was learned towards, unit norm.
    adapted
        Of the gallery's side; None: the gallery is as it was.
    part
        What was held out.
    record
        For people.
    """

    net: nn.Module
    device: str
    normalisation: Normalisation
    vectors: Vectors
    adapted: Adapted | None
    part: Split | None
    record: dict[str, Any]


def fit_network(request: TrainRequest, trials: Trials, kind: Kind | None, progress: Progress) -> NetworkFit:
    """Fit with one split; the pass to keep is chosen on its held-out side.

    Parameters
    ----------
    request
        Data and choices.
    trials
        Of the request.
    kind
        Of split; None: nothing is held out.
    progress
        Told how far it is.

    Raises
    ------
    SettingsError
        Choices do not fit one another, or the run cannot be resumed.
    BundleError
        The gallery has no such features.
    """
    from inference.encoders import network
    from training.fitting import fit

    part = split.hold_out(trials, kind, request.validation_share, request.seed) if kind else None
    known = part.train if part else np.arange(len(trials))
    settings = _settings(request, network.pick_device(request.device))
    targets, adapter, adapted = _image_side(request)
    net = _untrained(request, trials, adapter.dim if adapter else request.gallery.spec.dim)
    fit.learner_of(net, settings, adapter)  # what does not fit is said before a former run's folder is replaced
    run = _run_folder(request, settings, trials)
    normalisation = normalisation_of(trials, known)
    if request.whiten:
        normalisation = _whitened(trials, known, normalisation)
    learned = TrialExamples(trials, known, request.average, normalisation)
    # what is held out stays as it is, so that epochs can be compared
    fixed = "both" if request.average == "subsets" else request.average
    held = TrialExamples(trials, part.held, fixed, normalisation) if part else None
    fitted = fit.fit(net, learned, held, targets, settings, progress, adapter=adapter, run=run, resume=request.resume)
    record = {
        **_record(settings),
        "average": request.average,
        "whiten": request.whiten,
        "features": request.features,
        "kept_epoch": fitted.epoch,
        "losses": [[round(a, 5), round(b, 5) if np.isfinite(b) else None] for a, b in fitted.losses],
        "validation": {"kind": kind, "share": request.validation_share if part else 0.0},
    }
    vectors = adapter.items(targets) if adapter else request.gallery.vectors
    return NetworkFit(net, settings.device, normalisation, vectors, adapted(adapter) if adapter else None, part, record)


def _settings(request: TrainRequest, device: str) -> FitSettings:
    from training.fitting.fit import FitSettings

    mine = {field.name for field in fields(TrainRequest)}
    same = {field.name: getattr(request, field.name) for field in fields(FitSettings) if field.name in mine}
    return FitSettings(
        **{
            **same,
            "epochs": request.epochs_max or int(usual(request.encoder)["epochs_max"]),
            "learning_rate": request.learning_rate or usual(request.encoder)["learning_rate"],
            "device": device,
            "part_times": request.plan.window.part_times,
        }
    )


def _untrained(request: TrainRequest, trials: Trials, dim: int) -> nn.Module:
    """Network with seeded weights."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.seed)
        return registry.build(
            request.encoder,
            channels=trials.channels,
            times=trials.windows.shape[2],
            rate_hz=request.plan.window.rate_hz,
            dim=dim,
            parameters=request.parameters,
        )


def _image_side(
    request: TrainRequest,
) -> tuple[NDArray[Any], Adapter | None, Callable[[Adapter], Adapted]]:
    """What is learned towards, the adapter, and how it is kept."""
    import torch

    from inference import adapter
    from inference.encoders.network import state_arrays

    gallery = request.gallery
    if request.features == EMBEDDINGS and request.adapter is None:
        return gallery.vectors, None, lambda made: Adapted({}, {})
    targets, variants = adapter.features_of(request.gallery_folder, gallery, request.features)
    options = adapter.parameters_of({"residual": False} if request.adapter is None else request.adapter)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(request.seed + 1)
        made = adapter.Adapter(targets.shape[1], targets.shape[2], options)
    if not list(made.parameters()):
        raise SettingsError("an adapter of one variant with neither a residual step nor a projection learns nothing")
    kept = {
        "space": gallery.spec.space,
        "dim": targets.shape[2],
        "features": request.features,
        "variants": variants,
        "parameters": options.model_dump(),
    }
    return targets, made, lambda trained: Adapted(kept, state_arrays(trained))


def _whitened(trials: Trials, known: NDArray[np.int64], normalisation: Normalisation) -> Normalisation:
    from training.trials.whitening import fit_whitening

    matrix = fit_whitening(trials.take(known), normalisation)
    return normalisation.model_copy(update={"whitening": tuple(map(tuple, matrix.tolist()))})


def _run_folder(request: TrainRequest, settings: FitSettings, trials: Trials) -> Any:
    from training.fitting.run_folder import RunFolder

    if request.run is None:
        return None
    run = RunFolder(request.run)
    decides = {
        **{key: value for key, value in _record(settings).items() if key not in WHERE_ONLY},
        "encoder": request.encoder,
        "parameters": request.parameters,
        "average": request.average,
        "whiten": request.whiten,
        "validation": request.validation,
        "validation share": request.validation_share,
        "features": request.features,
        "adapter": request.adapter,
        "gallery": request.gallery.fingerprint,
        "recordings": [origin.sha256 for origin in trials.origins],
        "windows": list(trials.windows.shape),
    }
    where = {key: value for key, value in _record(settings).items() if key in WHERE_ONLY}
    run.start({"out": str(request.out), "notes": request.notes, "where": where}, decides, request.resume)
    return run


def _record(settings: FitSettings) -> dict[str, Any]:
    """Settings as JSON can hold them."""

    def plain(value: Any) -> Any:
        if isinstance(value, tuple):
            return [plain(one) for one in value]
        return value.model_dump() if isinstance(value, BaseModel) else value

    return {field.name: plain(getattr(settings, field.name)) for field in fields(settings)}
