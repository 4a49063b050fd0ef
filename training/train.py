"""From epochs to an encoder bundle."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.bundles import EncoderSpec, Normalisation
from config.errors import RecordingError
from inference.bundle import Adapted, write_encoder
from inference.encoders import registry
from inference.encoders.base import Encoder, Vectors
from inference.loaded import LoadedEncoder
from training.closed import linear_adapter
from training.closed.closed_form import Recipe, recipe
from training.closed.staged_fit import StagedRecipe
from training.confidence import anytime, calibrate, scoring
from training.fitting.train_network import fit_network
from training.request import TrainRequest as TrainRequest
from training.request import check as check_request
from training.request import check_closed_form
from training.trials import split
from training.trials.ends import check_causal
from training.trials.epochs import Progress, Trials, gather, silent
from training.trials.split import Kind, Split

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
    vectors: Vectors
    """Of the gallery, as it is searched."""
    adapted: Adapted | None = None
    final: tuple[calibrate.Encode, Trials] | None = None
    """The encoder and trials that it learned from, where no fold is the bundle's own."""


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
        if not network:
            check_closed_form(self.request)
        _check_enough(self.trials)
        if self.parts:
            check_causal(self.trials.origins, "answers before the window ends, or train without them")
        outcome = self.network() if network else self.closed_form()
        vectors, seed = outcome.vectors, self.request.seed
        fields = self.fields(outcome.parameters, outcome.normalisation)
        fields["dim"] = vectors.shape[1]
        self.progress("calibrating", 0, 1)
        after = calibrate.after_training(outcome.held, vectors, seed, outcome.final)
        fields |= after.fields
        if outcome.held:
            fields["scores"] = scoring.held_out(outcome.held, vectors, seed)
        if self.parts and outcome.held:
            window = self.request.plan.window
            fields["calibration"] += anytime.calibrate_parts(outcome.held, vectors, window, seed)
            fields["scores"]["parts"] = anytime.scores(outcome.held, vectors, window, seed)
        self.progress("calibrating", 1, 1)
        fields["training"] = {**self.provenance(), **outcome.record}
        return write_encoder(self.request.out, fields, outcome.arrays, outcome.adapted, after.novelty)

    @cached_property
    def trials(self) -> Trials:
        r = self.request
        return gather(r.epochs, r.origins, r.gallery, r.truth)

    @property
    def parts(self) -> tuple[float, ...]:
        """Earlier ends of the window, s."""
        return self.request.plan.window.parts_s

    @cached_property
    def kind(self) -> Kind | None:
        wanted = self.request.validation
        return None if wanted == "none" else split.choose(self.trials, wanted)

    def closed_form(self) -> Outcome:
        """Choose by inner splits, keep their held-out answers, fit to everything."""
        r, trials, vectors = self.request, self.trials, self.request.gallery.vectors
        times = (*r.plan.window.part_times, r.plan.window.n_times)
        method: Recipe = StagedRecipe(r.encoder, times) if self.parts else recipe(r.encoder)
        inner = split.folds(trials, self.kind, INNER_FOLDS, r.seed) if self.kind else []
        chosen = method.choose(trials, vectors, r.parameters, inner, r.seed, self.progress)
        held = []
        for part in inner:
            model = method.fit(trials.take(part.train), vectors, chosen.parameters, r.seed)
            out = self.held_out(part, self.loaded(model, chosen.parameters, None, "cpu").encode)
            held.append(replace(out, vectors=linear_adapter.searched(model, r.gallery)[0]))
        model = method.fit(trials, vectors, chosen.parameters, r.seed)
        vectors, adapted = linear_adapter.searched(model, r.gallery)
        held = calibrate.evened(held, r.seed)
        learned = trials.take(calibrate.sample(np.arange(len(trials)), r.seed))
        final = (self.loaded(model, chosen.parameters, None, "cpu").encode, learned)
        record = {
            "chosen_by": chosen.criterion,
            "tried": [{"choice": choice, "score": score} for choice, score in chosen.tried.items()],
            "validation": {"kind": self.kind, "folds": len(inner)},
        }
        return Outcome(dict(model.arrays()), model.parameters.model_dump(), None, held, record, vectors, adapted, final)

    def network(self) -> Outcome:
        """Fit with one split, and keep its held-out answers."""
        from inference.encoders import network

        found = fit_network(self.request, self.trials, self.kind, self.progress)
        arrays = network.state_arrays(found.net)
        encoder = network.Network(found.net, found.device)
        encode = self.loaded(encoder, self.request.parameters, found.normalisation, found.device).encode
        sets = [self.held_out(found.part, encode)] if found.part else []
        normalisation, parameters = found.normalisation, self.request.parameters
        return Outcome(arrays, parameters, normalisation, sets, found.record, found.vectors, found.adapted)

    def held_out(self, part: Split, encode: calibrate.Encode) -> calibrate.HeldOut:
        """Items that were trained on are no fair rivals of held-out ones, so these are told apart among themselves."""
        held = self.trials.take(part.held)
        items = np.unique(held.rows) if part.kind == "stimulus" else np.arange(len(self.request.gallery))
        known = self.trials.take(calibrate.sample(part.train, self.request.seed))
        return calibrate.HeldOut(encode, held, items, known)

    def loaded(
        self, encoder: Encoder, parameters: dict[str, Any], normalisation: Normalisation | None, device: str
    ) -> LoadedEncoder:
        """The encoder as a worker will run it, before there is a bundle."""
        spec = EncoderSpec(**self.fields(parameters, normalisation), weights_sha256=UNHASHED)
        return LoadedEncoder(spec, "", device, encoder)

    def fields(self, parameters: dict[str, Any], normalisation: Normalisation | None) -> dict[str, Any]:
        """What the bundle says, without calibration, scores and training."""
        network = registry.is_network(self.request.encoder)
        plan, gallery, channels = self.request.plan, self.request.gallery.spec, self.trials.channels
        return {
            "architecture": registry.STAGED if self.parts and not network else self.request.encoder,
            "parameters": parameters,
            "channels": channels,
            "window": plan.window,
            "chain": plan.chain.model_copy(update={"channels": channels}),
            "rejection": plan.rejection,
            "normalisation": normalisation,
            "space": gallery.space,
            "dim": gallery.dim,
            "causal": self.trials.causal,
            "simulated": self.request.simulated or self.trials.simulated,
        }

    def provenance(self) -> dict[str, Any]:
        """Data, seed and versions."""
        trials, gallery = self.trials, self.request.gallery
        counts = np.bincount(trials.recording, minlength=len(trials.origins))
        return {
            "recordings": [{**asdict(o), "trials": int(n)} for o, n in zip(trials.origins, counts, strict=True)],
            "items": [gallery.items[row].id for row in np.unique(trials.rows)],
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
