"""What a dataset's folder, or one of its files, holds: for people, before hours of work are started."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from acquisition.recordings.converted import RecordingSpec, is_converted, read_spec
from config.errors import RecordingError
from training.datasets import things2, things2_preprocessed
from training.datasets.catalogue import DATASETS, Dataset, copy_of
from training.datasets.convert import copy_bytes
from training.datasets.metadata import NAME as METADATA
from training.datasets.metadata import find_metadata, read_metadata
from training.datasets.pieces import Piece
from training.trials.epoch_files import EpochsSpec, is_epochs, read_epochs
from training.trials.epochs import Progress, silent


@dataclass(frozen=True)
class Line:
    """One recording, preprocessed file, copy or epochs folder.

    Attributes
    ----------
    name, dataset
        What it is.
    path
        Where.
    bytes
        Of the file, or of its data.
    channels, rate_hz, seconds
        Of the signal; ``seconds`` of one window where it is epochs.
    conditions
        Different stimuli.
    repeats
        How often they occur, such as ``2`` or ``19-21``.
    causal
        Whether a live run may use it.
    copy
        ``there``, or the bytes that a converted copy would take; empty where none is needed.
    problem
        What is wrong with it; the rest is then empty.
    notes
        Facts worth a line.
    """

    name: str
    dataset: str
    path: str
    bytes: int
    channels: int = 0
    rate_hz: float = 0.0
    seconds: float = 0.0
    conditions: int = 0
    repeats: str = ""
    causal: bool = True
    copy: str = ""
    problem: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Info:
    """What was found.

    Attributes
    ----------
    lines
        One each.
    missing
        Sentences on what is not there.
    """

    lines: tuple[Line, ...]
    missing: tuple[str, ...]


def info(path: Path, *, metadata: Path | None = None, copies: Path | None = None, progress: Progress = silent) -> Info:
    """Look at a dataset's folder, one of its files, a converted recording, an epochs folder, or a folder of these.

    Parameters
    ----------
    path
        What to look at.
    metadata
        ``image_metadata.npy`` of THINGS-EEG2, where it is not in or beside the folder.
    copies
        Where converted copies are.
    progress
        Told ``looking at files``.

    Raises
    ------
    RecordingError
        It is none of these, or the metadata cannot be read.
    """
    if is_converted(path):
        return Info((_converted(path, read_spec(path)),), ())
    if is_epochs(path):
        return Info((_epochs(path, read_epochs(path).spec),), ())
    root, only = (path, None) if path.is_dir() else (path.parent, path)
    if not path.exists():
        raise RecordingError(f"'{path}' is not there; check the path")
    if metadata is not None:
        read_metadata(metadata)  # said once, not of each recording
    found = [(one, piece) for one in DATASETS.values() for piece in one.find(root) if only in (None, piece.path)]
    blocks = [piece for piece in things2_preprocessed.find(root) if only in (None, piece.path)]
    if not found and not blocks:
        if made := _made(path):
            return Info(made, ())
        layouts = "; ".join(f"{one.name} as {one.layout}" for one in DATASETS.values())
        raise RecordingError(f"'{path}' holds no dataset that is known ({layouts}, or preprocessed_eeg_test.npy)")
    lines = []
    for k, (one, piece) in enumerate(found):
        progress("looking at files", k, len(found) + len(blocks))
        lines.append(_recording(one, piece, root, metadata, copies))
    for k, piece in enumerate(blocks, len(found)):
        progress("looking at files", k, len(found) + len(blocks))
        lines.append(_blocks(piece, root, metadata))
    progress("looking at files", len(lines), len(lines))
    whole = [piece for _, piece in found]
    return Info(tuple(lines), _missing(root, whole, metadata) if only is None else ())


def _made(path: Path) -> tuple[Line, ...]:
    """What lies side by side in a folder that was made of a dataset: epochs folders, or converted copies."""
    inside = sorted(one for one in path.iterdir() if one.is_dir()) if path.is_dir() else []
    copies = tuple(_converted(one, read_spec(one)) for one in inside if is_converted(one))
    return (*copies, *(_epochs(one, read_epochs(one).spec) for one in inside if is_epochs(one)))


def span(counts: Counter[str]) -> str:
    """How often things occur: ``2``, or ``19-21``."""
    return _range(tuple(counts.values()))


def _range(numbers: tuple[int, ...]) -> str:
    low, high = min(numbers, default=0), max(numbers, default=0)
    return str(low) if low == high else f"{low}-{high}"


def _recording(one: Dataset, piece: Piece, root: Path, metadata: Path | None, copies: Path | None) -> Line:
    size = piece.path.stat().st_size
    try:
        recording = one.recording(piece, root, metadata)
    except RecordingError as error:
        return Line(piece.name, piece.dataset, str(piece.path), size, problem=str(error))
    labels = Counter(marker.label for marker in recording.events)
    copy = ""
    if is_converted(copy_of(piece, root, copies)):
        copy = "there"
    elif not one.mapped:
        copy = str(copy_bytes(recording.n_rows, len(recording.channels)))
    seconds = recording.n_rows / recording.rate_hz
    shape = (len(recording.channels), recording.rate_hz, seconds, len(labels), span(labels))
    notes = (*recording.notes, *(["simulated"] * recording.simulated))
    return Line(piece.name, piece.dataset, str(piece.path), size, *shape, copy=copy, notes=notes)


def _blocks(piece: Piece, root: Path, metadata: Path | None) -> Line:
    size = piece.path.stat().st_size
    try:
        blocks = things2_preprocessed.open_blocks(piece, root, metadata)
    except RecordingError as error:
        return Line(piece.name, piece.dataset, str(piece.path), size, causal=False, problem=str(error))
    conditions, repeats, channels, times = blocks.data.shape
    shape = (channels, blocks.rate_hz, times / blocks.rate_hz, conditions, str(repeats), False)
    notes = (*blocks.notes, *(["simulated"] * blocks.simulated))
    return Line(piece.name, blocks.form, str(piece.path), size, *shape, notes=notes)


def _converted(folder: Path, spec: RecordingSpec) -> Line:
    labels = Counter(spec.labels)
    seconds = spec.n_rows / spec.rate_hz
    shape = (len(spec.channels), spec.rate_hz, seconds, len(labels), span(labels))
    size = copy_bytes(spec.n_rows, len(spec.channels))
    notes = (f"from {spec.original.name}", *spec.notes, *(["simulated"] * spec.simulated))
    return Line(spec.name, f"converted {spec.dataset}", str(folder), size, *shape, copy="there", notes=notes)


def _epochs(folder: Path, spec: EpochsSpec) -> Line:
    labels = Counter(spec.labels)
    times = spec.window.n_times
    size = 4 * len(spec.labels) * len(spec.channels) * times
    each = f"mean of {_range(spec.repeats)}" if spec.repeats else span(labels)
    shape = (len(spec.channels), spec.window.rate_hz, times / spec.window.rate_hz, len(labels), each, spec.causal)
    notes = (spec.source, *spec.notes, *(["simulated"] * spec.simulated))
    return Line(spec.name, f"epochs ({spec.unit})", str(folder), size, *shape, notes=notes)


def _missing(root: Path, pieces: list[Piece], metadata: Path | None) -> tuple[str, ...]:
    """What a whole dataset has and this folder has not."""
    found = []
    sessions = sorted({(piece.session, piece.part) for piece in pieces})
    for subject in sorted({piece.subject for piece in pieces}):
        own = {(piece.session, piece.part) for piece in pieces if piece.subject == subject}
        found += [
            f"sub-{subject} has no ses-{s} {part}".replace("ses- ", "") for s, part in sessions if (s, part) not in own
        ]
    if any(piece.dataset == things2.NAME for piece in pieces):
        found += _missing_pictures(root, metadata)
    return tuple(found)


def _missing_pictures(root: Path, metadata: Path | None) -> list[str]:
    try:
        path = metadata or find_metadata(root)
        images = read_metadata(path)
    except RecordingError as error:
        return [str(error)]
    missing = []
    for part in ("training", "test"):
        folder = path.parent / f"{part}_images"
        gone = sum(not (folder / one.concept / one.file).is_file() for one in images.of(part))
        if gone:
            missing.append(
                f"{gone} of the {len(images.of(part))} pictures of '{folder}' are not there ({METADATA} names them)"
            )
    return missing
