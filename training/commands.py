"""``eegseek train`` as a plain function, so that the command line stays thin."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from rich.console import Console

from config.bundles import EncoderSpec, fingerprint, read_session_file
from config.errors import SettingsError
from config.load import load_settings
from inference.encoders import registry
from inference.gallery import Gallery
from training import tables
from training.fitting.run_folder import RunFolder
from training.objectives import augment
from training.objectives.registry import DEFAULT, parse
from training.progress import bar
from training.train import TrainRequest, train
from training.trials.ends import with_parts
from training.trials.examples import Average
from training.trials.train_inputs import read_inputs

Schedule = Literal["constant", "cosine"]
Validation = Literal["auto", "recording", "stimulus", "none"]


class Choices(TypedDict, total=False):
    """How to train; what is left out is as in `training.request.TrainRequest`."""

    validation: Validation
    validation_share: float
    average: Average
    epochs: int
    """Passes at most; 0: the encoder's usual."""
    batch: int
    learning_rate: float
    weight_decay: float
    patience: int
    """0 runs all passes."""
    seed: int
    device: str
    objectives: Sequence[str]
    """Each ``name``, ``name=weight`` or ``name=weight,option=value``."""
    augmentations: Sequence[str]
    """Each ``name`` or ``name=strength``."""
    schedule: Schedule
    warmup: float
    clip: float
    precision: str
    devices: int
    threads: int
    whiten: bool
    features: str
    adapter: bool
    adapter_dropout: float
    projection: int
    """Dimension of the space that items are projected into; 0: no projection."""
    resume: bool
    notes: str


def train_command(
    recordings: Sequence[Path],
    gallery: Path,
    encoder: str,
    out: Path,
    *,
    truth: Path | None = None,
    config: str | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    parameters: Sequence[str] = (),
    run: Path | None = None,
    parts_s: Sequence[float] = (),
    asr: float = 0.0,
    faster: bool = False,
    console: Console | None = None,
    **choices: Unpack[Choices],
) -> EncoderSpec:
    """Train an encoder on recordings or epochs and show what it came to.

    Parameters
    ----------
    recordings
        Files, journals (``.esj``) included, or epochs folders.
    gallery, out
        Folders of the gallery bundle, and of the new encoder bundle. With an adapter the gallery as the encoder's
        adapter sees it is written beside the bundle.
    encoder, parameters
        Name in the encoder registry, and its options, each ``name=value`` with a JSON value.
    truth
        Session file; without it a marker's label is the item's id.
    config, preset, overrides
        Settings, for chain, window, rejection, markers and how recordings are read.
    run
        Folder of the run of a network; None: beside the bundle, with ``-run`` after its name.
    parts_s
        Ends of earlier windows, s after the onset, at which it is to answer too; empty: as the settings say.
    asr, faster
        See `training.trials.train_inputs.read_inputs`.
    console
        Where to draw.
    choices
        See `Choices`.

    Raises
    ------
    EegseekError
        One sentence about what is wrong.
    """
    console = console or Console(stderr=True)
    # what is mistyped is said before anything is read
    network = registry.is_network(encoder)
    options, fields = _parameters(parameters), _fields(choices)
    loaded, settings = Gallery.load(gallery), load_settings(config, preset, overrides)
    known = read_session_file(truth).truth if truth else {}
    fields |= {"gallery_folder": gallery, "run": run or (out.with_name(f"{out.name}-run") if network else None)}
    with bar(console) as told:
        cut = read_inputs(recordings, settings, told, asr=asr, faster=faster)
        plan = with_parts(cut.plan, parts_s) if parts_s else cut.plan
        request = TrainRequest(cut.epochs, loaded, encoder, out, plan, known, options, cut.origins, **fields)
        try:
            spec = train(request, told)
        except KeyboardInterrupt:
            if request.run and RunFolder(request.run).checkpoint.is_file():
                console.print(f"stopped; the run is kept in '{request.run}': give the same command with --resume")
            raise
    for note in cut.notes:
        console.print(f"note: {note}", style="yellow")
    console.print(tables.trained(spec, fingerprint(spec), str(out)))
    if spec.adapter:
        from inference.adapter import adapt_gallery

        beside = out.with_name(f"{out.name}-gallery")
        adapt_gallery(gallery, out, beside)
        console.print(
            f"its gallery, after the adapter, is '{beside}' (space '{spec.space}'); bring others into that space with "
            "`eegseek gallery adapt`"
        )
    return spec


def _fields(choices: Choices) -> dict[str, Any]:
    """Choices as a `TrainRequest` has them."""
    fields: dict[str, Any] = dict(choices)
    if "epochs" in fields:
        fields["epochs_max"] = fields.pop("epochs")
    if "patience" in fields:
        fields["patience"] = fields["patience"] or None
    fields["objectives"] = tuple(parse(text) for text in fields.get("objectives", ())) or DEFAULT
    fields["augmentations"] = tuple(augment.parse(text) for text in fields.get("augmentations", ()))
    residual, dim = fields.pop("adapter", False), fields.pop("projection", 0)
    dropout = fields.pop("adapter_dropout", None)
    given: dict[str, Any] = {"residual": residual, "dim": dim or None}
    if residual or dim:
        fields["adapter"] = given if dropout is None else {**given, "dropout": dropout}
    return fields


def _parameters(given: Sequence[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise SettingsError(f"parameter '{text}' is not of the form name=value, such as dropout=0.5")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found
