"""From epochs to an encoder bundle."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import EncoderSpec, Normalisation
from config.errors import RecordingError
from inference.bundle import LoadedEncoder, write_encoder
from inference.encoders import registry
from inference.encoders.base import Encoder
from training import calibrate, scoring, split
from training.closed_form import recipe
from training.epochs import Progress, Trials, gather, silent
from training.examples import examples, normalisation_of
from training.request import TrainRequest as TrainRequest
from training.request import check as check_request
from training.request import usual
from training.split import Kind, Split

FEWEST_TRIALS = 20
INNER_FOLDS = 6
UNHASHED = "0" * 64


@dataclass(frozen=True)
class Outcome:
    """What a method hands to the bundle."""

    arrays: dict[str, NDArray[Any]]
    parameters: dict[str, Any]
    normalisation: Normalisation | None
    held: list[calibrate.HeldOut]
    record: dict[str, Any]


def train(request: TrainRequest, progress: Progress = silent) -> EncoderSpec:
    """Train an encoder and write its bundle.

    Parameters
    ----------
    request
        Data and choices.
    progress
        Told what is being done, and how far it is.

    Raises
    ------
    RecordingError
        The recordings hold too little, too few classes, or nothing that the gallery knows.
    BundleError
        The encoder cannot be made, or the bundle cannot be written.
    """
    return _Training(request, progress).run()


class _Training:
    """One training: request, trials and split, for the two ways to fit."""

    def __init__(self, request: TrainRequest, progress: Progress) -> None:
        self.request, self.progress = request, progress

    def run(self) -> EncoderSpec:
        check_request(self.request)
        network = registry.is_network(self.request.encoder)
        _check_enough(self.trials)
        outcome = self.network() if network else self.closed_form()
        vectors, seed = self.request.gallery.vectors, self.request.seed
        fields = self.fields(outcome.parameters, outcome.normalisation)
        if outcome.held:
            self.progress("calibrating", 0, 1)
            fields["calibration"] = calibrate.calibrate(outcome.held, vectors, seed)
            fields["scores"] = scoring.held_out(outcome.held, vectors, seed)
            self.progress("calibrating", 1, 1)
        fields["training"] = {**self.provenance(), **outcome.record}
        return write_encoder(self.request.out, fields, outcome.arrays)

    @cached_property
    def trials(self) -> Trials:
        r = self.request
        return gather(r.epochs, r.origins, r.gallery, r.truth)

    @cached_property
    def kind(self) -> Kind | None:
        wanted = self.request.validation
        return None if wanted == "none" else split.choose(self.trials, wanted)

    def closed_form(self) -> Outcome:
        """Choose by inner splits, keep their held-out answers, fit to everything."""
        r, trials, vectors = self.request, self.trials, self.request.gallery.vectors
        method = recipe(r.encoder)
        inner = split.folds(trials, self.kind, INNER_FOLDS, r.seed) if self.kind else []
        chosen = method.choose(trials, vectors, r.parameters, inner, r.seed, self.progress)
        held = []
        for part in inner:
            model = method.fit(trials.take(part.train), vectors, chosen.parameters, r.seed)
            held.append(self.held_out(part, self.loaded(model, chosen.parameters, None, "cpu").encode))
        model = method.fit(trials, vectors, chosen.parameters, r.seed)
        record = {
            "chosen_by": chosen.criterion,
            "tried": [{"choice": choice, "score": score} for choice, score in chosen.tried.items()],
            "validation": {"kind": self.kind, "folds": len(inner)},
        }
        return Outcome(dict(model.arrays()), model.parameters.model_dump(), None, held, record)

    def network(self) -> Outcome:
        """Fit with one split; the pass to keep is chosen on its held-out side."""
        from inference.encoders import network
        from training import fit

        r, trials = self.request, self.trials
        part = split.hold_out(trials, self.kind, r.validation_share, r.seed) if self.kind else None
        known = trials.take(part.train) if part else trials
        normalisation = normalisation_of(known)
        settings = fit.FitSettings(
            epochs=r.epochs_max or int(usual(r.encoder)["epochs_max"]),
            batch=r.batch,
            learning_rate=r.learning_rate or usual(r.encoder)["learning_rate"],
            weight_decay=r.weight_decay,
            patience=r.patience,
            seed=r.seed,
            device=network.pick_device(r.device),
        )
        net = self.untrained()
        learned = examples(known, r.average, normalisation)
        held = examples(trials.take(part.held), r.average, normalisation) if part else None
        fitted = fit.fit(net, learned, held, r.gallery.vectors, settings, self.progress)
        arrays = network.state_arrays(net)
        record = {
            **asdict(settings),
            "average": r.average,
            "kept_epoch": fitted.epoch,
            "losses": [[round(a, 5), round(b, 5) if np.isfinite(b) else None] for a, b in fitted.losses],
            "validation": {"kind": self.kind, "share": r.validation_share if part else 0.0},
        }
        encode = self.loaded(network.Network(net, settings.device), r.parameters, normalisation, settings.device).encode
        sets = [self.held_out(part, encode)] if part else []
        return Outcome(arrays, r.parameters, normalisation, sets, record)

    def untrained(self) -> Any:
        """Network with seeded weights."""
        import torch

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.request.seed)
            return registry.build(
                self.request.encoder,
                channels=self.trials.channels,
                times=self.trials.windows.shape[2],
                rate_hz=self.request.plan.window.rate_hz,
                dim=self.request.gallery.spec.dim,
                parameters=self.request.parameters,
            )

    def held_out(self, part: Split, encode: calibrate.Encode) -> calibrate.HeldOut:
        """Items that were trained on are no fair rivals of held-out ones, so these are told apart among themselves."""
        held = self.trials.take(part.held)
        items = np.unique(held.rows) if part.kind == "stimulus" else np.arange(len(self.request.gallery))
        return calibrate.HeldOut(encode, held, items)

    def loaded(
        self, encoder: Encoder, parameters: dict[str, Any], normalisation: Normalisation | None, device: str
    ) -> LoadedEncoder:
        """The encoder as a worker will run it, before there is a bundle."""
        spec = EncoderSpec(**self.fields(parameters, normalisation), weights_sha256=UNHASHED)
        return LoadedEncoder(spec, "", device, encoder)

    def fields(self, parameters: dict[str, Any], normalisation: Normalisation | None) -> dict[str, Any]:
        """What the bundle says, without calibration, scores and training."""
        plan, gallery, channels = self.request.plan, self.request.gallery.spec, self.trials.channels
        return {
            "architecture": self.request.encoder,
            "parameters": parameters,
            "channels": channels,
            "window": plan.window,
            "chain": plan.chain.model_copy(update={"channels": channels}),
            "rejection": plan.rejection,
            "normalisation": normalisation,
            "space": gallery.space,
            "dim": gallery.dim,
            "simulated": self.request.simulated or self.trials.simulated,
        }

    def provenance(self) -> dict[str, Any]:
        """Data, seed and versions."""
        trials, gallery = self.trials, self.request.gallery
        counts = np.bincount(trials.recording, minlength=len(trials.origins))
        return {
            "recordings": [{**asdict(o), "trials": int(n)} for o, n in zip(trials.origins, counts, strict=True)],
            "items_shown": len(np.unique(trials.rows)),
            "trials": len(trials),
            "lost": trials.lost,
            "refused": trials.refused,
            "unmapped": sum(trials.unmapped.values()),
            "gallery": {"fingerprint": gallery.fingerprint, "model": gallery.spec.model, "items": len(gallery)},
            "marker_delay_s": self.request.plan.markers.delay_s,
            "seed": self.request.seed,
            "notes": self.request.notes,
            "versions": _versions(["eegseek", "numpy", "scipy", "torch", "pyriemann", "scikit-learn"]),
        }


def _check_enough(trials: Trials) -> None:
    items = len(np.unique(trials.rows))
    if items < 2:
        raise RecordingError(
            f"all {len(trials)} windows show one item of the gallery; a decoder needs two or more to tell apart"
        )
    if len(trials) < FEWEST_TRIALS:
        raise RecordingError(
            f"{len(trials)} windows are too few to train on, at least {FEWEST_TRIALS} are needed; record more, or "
            f"loosen [rejection] ({trials.lost} stimuli were rejected or missed)"
        )


def _versions(names: Sequence[str]) -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
