"""``eegseek train`` and ``eegseek evaluate`` as plain functions, so that the command line stays thin."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from acquisition.plan import Plan
from config.bundles import EncoderSpec, fingerprint, read_encoder_spec, read_session_file
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import SettingsError
from config.load import load_settings
from config.settings import RecordingSource, Settings
from inference.encoders import registry
from inference.gallery import Gallery, check_fit
from training import tables
from training.epochs import Progress as Told
from training.epochs import cut_recordings
from training.evaluate import evaluate, plan_of
from training.scoring import Unit
from training.train import TrainRequest, train

Average = Literal["single", "averaged", "both"]
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
    console: Console | None = None,
    **choices: Unpack[Choices],
) -> EncoderSpec:
    """Train an encoder on recordings and show what it came to.

    Parameters
    ----------
    recordings
        Files, journals (``.esj``) included.
    gallery, out
        Folders of the gallery bundle, and of the new encoder bundle.
    encoder, parameters
        Name in the encoder registry, and its options, each ``name=value`` with a JSON value.
    truth
        Session file; without it a marker's label is the item's id.
    config, preset, overrides
        Settings, for chain, window, rejection, markers and how recordings are read.
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
    registry.is_network(encoder)  # what is mistyped is said before anything is read
    options = _parameters(parameters)
    loaded, settings = Gallery.load(gallery), load_settings(config, preset, overrides)
    plan = _plan(settings)
    known = read_session_file(truth).truth if truth else {}
    with _bar(console) as told:
        cut, origins = cut_recordings(_sources(recordings, settings), plan, told)
        request = TrainRequest(cut, loaded, encoder, out, plan, known, options, origins, **_fields(choices))
        spec = train(request, told)
    console.print(tables.trained(spec, fingerprint(spec), str(out)))
    return spec


def evaluate_command(
    bundle: Path,
    recordings: Sequence[Path],
    gallery: Path,
    *,
    truth: Path | None = None,
    config: str | None = None,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    unit: Unit = "auto",
    seed: int = 0,
    device: str = "auto",
    json_path: Path | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Score an encoder bundle on recordings, and draw the tables.

    Chain, window and rejection are the bundle's own; of the settings only the markers and the reading of recordings
    are used.

    Parameters
    ----------
    bundle, gallery
        Folders.
    recordings
        Files, journals (``.esj``) included.
    truth
        Session file; without it a marker's label is the item's id.
    config, preset, overrides
        Settings.
    unit, seed, device
        See `training.evaluate.evaluate`.
    json_path
        Write the report here too.
    console
        Where to draw.

    Raises
    ------
    EegseekError
        One sentence about what is wrong.
    """
    console = console or Console()
    spec, loaded = read_encoder_spec(bundle), Gallery.load(gallery)
    check_fit(spec, loaded.spec)
    settings = load_settings(config, preset, overrides)
    known = read_session_file(truth).truth if truth else {}
    with _bar(console) as told:
        cut, origins = cut_recordings(_sources(recordings, settings), plan_of(spec, settings.markers), told)
        found = evaluate(
            bundle, cut, loaded, known, origins=origins, unit=unit, seed=seed, device=device, progress=told
        )
    console.print(tables.report(found))
    if json_path:
        _write(json_path, found)
    return found


def _write(path: Path, found: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")
    except OSError as error:
        raise SettingsError(f"the report cannot be written to '{path}': {error.strerror}; choose another") from error


def _plan(settings: Settings) -> Plan:
    chain, window = settings.chain or ChainSettings(), settings.window or WindowSettings()
    return Plan(chain, window, settings.rejection or RejectionSettings(), settings.markers)


def _fields(choices: Choices) -> dict[str, Any]:
    """Choices as a `TrainRequest` has them."""
    fields: dict[str, Any] = dict(choices)
    if "epochs" in fields:
        fields["epochs_max"] = fields.pop("epochs")
    if "patience" in fields:
        fields["patience"] = fields["patience"] or None
    return fields


def _sources(recordings: Sequence[Path], settings: Settings) -> list[RecordingSource]:
    """How each file is read: as ``[source]`` of kind ``recording`` says, where it is given."""
    base = settings.source if isinstance(settings.source, RecordingSource) else RecordingSource(file="")
    return [base.model_copy(update={"file": str(path), "speed": 0.0}) for path in recordings]


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


@contextmanager
def _bar(console: Console) -> Iterator[Told]:
    """A progress bar that starts over with each new thing that is done."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def told(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = progress.add_task(what, total=total)
            progress.update(tasks[what], completed=done, total=total)

        yield told
