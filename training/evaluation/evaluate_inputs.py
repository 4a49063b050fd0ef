"""What is scored: recordings, cut by the bundle's own plan, and epochs folders that were cut as the bundle asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.offline import Epochs
from config.bundles import EncoderSpec
from config.chain import ChainSettings
from config.errors import RecordingError
from config.settings import RecordingSource, Settings
from training.protocols.data import Data
from training.trials.epoch_files import EpochsSpec, is_epochs, read_epochs
from training.trials.epochs import Origin, Progress, cut_recordings, plan_of, whole


def read_scored(
    paths: Sequence[Path], spec: EncoderSpec, settings: Settings, truth: Mapping[str, str], progress: Progress
) -> Data:
    """Epochs of recordings and of epochs folders, which may stand side by side.

    Parameters
    ----------
    paths
        Recordings, journals (``.esj``) and epochs folders.
    spec
        Of the bundle: its chain, window and rejection cut the recordings, and folders must have been cut by them.
    settings
        For markers, and how recordings are read.
    truth
        Marker label to item id; empty: the label is the id.

    Raises
    ------
    RecordingError
        A file cannot be read, or a folder was cut otherwise.
    """
    plan = plan_of(spec, settings.markers)
    files = [path for path in paths if not is_epochs(path)]
    cut: dict[Path, tuple[Epochs, Origin]] = {}
    if files:
        epochs, origins = cut_recordings(sources_of(files, settings), plan, progress)
        cut = dict(zip(files, zip(epochs, origins, strict=True), strict=True))
    if not paths:
        raise RecordingError("no recording is given; name one file or epochs folder, or more")
    pairs = [cut[path] if path in cut else _stored(path, spec) for path in paths]
    return Data(tuple(e for e, _ in pairs), tuple(o for _, o in pairs), plan, dict(truth))


def sources_of(paths: Sequence[Path], settings: Settings) -> list[RecordingSource]:
    """How each recording among the paths is read: as ``[source]`` of kind ``recording`` says, where it is given."""
    base = settings.source if isinstance(settings.source, RecordingSource) else RecordingSource(file="")
    return [base.model_copy(update={"file": str(path), "speed": 0.0}) for path in paths if not is_epochs(path)]


def _stored(folder: Path, spec: EncoderSpec) -> tuple[Epochs, Origin]:
    stored = read_epochs(folder)
    wrong = _otherwise(stored.spec, spec)
    if wrong:
        raise RecordingError(
            f"the epochs in '{folder}' were cut otherwise than the encoder asks ({wrong}); cut them again with the "
            "chain and window that it was trained with"
        )
    epochs = stored.epochs()
    if epochs.channels != spec.channels:
        index = [epochs.channels.index(name) for name in spec.channels]
        epochs = replace(epochs, data=epochs.data[:, :, index], channels=spec.channels)
    return epochs, stored.origin


def _otherwise(have: EpochsSpec, want: EncoderSpec) -> str:
    """In which way epochs do not suit an encoder; empty: in none."""
    if whole(have.window) != whole(want.window):
        return (
            f"window {have.window.start_s:g} to {have.window.end_s:g} s at {have.window.rate_hz:g} Hz with baseline "
            + (
                f"{have.window.baseline_s}, not {want.window.start_s:g} to {want.window.end_s:g} s at "
                f"{want.window.rate_hz:g} Hz with {want.window.baseline_s}"
            )
        )
    missing = [name for name in want.channels if name not in have.channels]
    if missing:
        return f"without channel {missing[0]}"
    mine, theirs = (_filters(chain) for chain in (have.chain, want.chain))
    if mine != theirs:
        return "another chain: " + ", ".join(f"{k} {mine[k]} for {v}" for k, v in theirs.items() if mine[k] != v)
    if have.channels != want.channels and want.chain.reference == "average":
        return "more channels, whose average is another reference"
    return ""


def _filters(chain: ChainSettings) -> dict[str, object]:
    return chain.model_dump(exclude={"channels"})


def windows_of(data: Data, label: str) -> NDArray[np.float32]:
    """Single trials (n, channels, times) whose marker is ``label``, an item of the gallery or not.

    Raises
    ------
    RecordingError
        There is none.
    """
    parts = [e.data[[k for k, name in enumerate(e.labels) if name == label], 0] for e in data.epochs]
    windows = np.concatenate(parts)
    if not len(windows):
        raise RecordingError(f"no window is marked '{label}'; --unknown names the marker of what is not in the gallery")
    return np.asarray(windows, np.float32)
