"""One recording into a mappable copy: in slices, in one step, and only once."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from acquisition.recordings import Recording
from acquisition.recordings.converted import (
    EEG_NPY,
    RECORDING_JSON,
    OriginalFile,
    RecordingSpec,
    is_converted,
    read_spec,
    write_spec,
)
from config.errors import RecordingError
from inference.bundle import replacing
from training.datasets.pieces import Piece
from training.datasets.truth import write_truth
from training.trials.epochs import Progress, silent

SLICE_BYTES = 24 << 20
"""Of EEG as float64, read at once."""
HEAD_BYTES = 1 << 16
TRUTH_JSON = "truth.json"
"""Session file in a copy: its markers are the ids of a gallery of the dataset's pictures."""
SPARE_BYTES = 64 << 20
"""Left free on the disk."""


def convert(
    piece: Piece,
    opened: Callable[[], Recording],
    out: Path,
    progress: Progress = silent,
    beside: Path | None = None,
) -> RecordingSpec:
    """Write a converted copy, unless one of this very file is there.

    Parameters
    ----------
    piece
        What it is.
    opened
        Opens the recording; asked only where there is no good copy.
    out
        Folder of the copy.
    progress
        Told ``converting …``, samples done and in all.
    beside
        File that says what the events mean: a copy made with another one is not good.

    Raises
    ------
    RecordingError
        It cannot be read, has breaks, or the disk is too small.
    """
    original = original_of(piece.path, beside)
    if is_converted(out):
        there = read_spec(out)
        if _same(there.original, original) and _whole(out, there):
            return there
    recording = opened()
    if recording.breaks or recording.stamps is not None:
        raise RecordingError(f"'{piece.path}' has gaps or stamps of its own; play it as it is, without converting")
    check_disk(out, recording)
    with replacing(out, RECORDING_JSON) as new:
        digest = _write(recording, new / EEG_NPY, f"converting {piece.name}", progress)
        spec = RecordingSpec(
            name=piece.name,
            dataset=piece.dataset,
            subject=piece.subject,
            session=piece.session,
            part=piece.part,
            rate_hz=recording.rate_hz,
            channels=recording.channels,
            n_rows=recording.n_rows,
            rows=tuple(marker.row for marker in recording.events),
            labels=tuple(marker.label for marker in recording.events),
            eeg_sha256=digest,
            original=original,
            simulated=recording.simulated,
            line_hz=recording.line_hz,
            notes=recording.notes,
        )
        write_spec(new, spec)
        write_truth(new / TRUTH_JSON, {label: label for label in spec.labels}, "the markers are ids of pictures")
    return spec


def original_of(path: Path, beside: Path | None = None) -> OriginalFile:
    """What a file, and the one beside it that says what its events mean, are known by.

    Raises
    ------
    RecordingError
        It cannot be read.
    """
    try:
        about = path.stat()
        with path.open("rb") as stream:
            head = hashlib.sha256(stream.read(HEAD_BYTES)).hexdigest()
        events = hashlib.sha256(beside.read_bytes()).hexdigest() if beside else ""
    except OSError as error:
        raise RecordingError(f"'{path}' cannot be read: {error.strerror}; check the path") from error
    return OriginalFile(
        name=path.name,
        bytes=about.st_size,
        mtime_ns=about.st_mtime_ns,
        head_sha256=head,
        beside_sha256=events,
    )


def copy_bytes(n_rows: int, channels: int) -> int:
    """Bytes of a converted copy's EEG."""
    return 4 * n_rows * channels + 128


def check_disk(out: Path, recording: Recording) -> None:
    """Refuse a disk that the copy does not fit on.

    Raises
    ------
    RecordingError
        It is too small.
    """
    needed = copy_bytes(recording.n_rows, len(recording.channels))
    place = next((folder for folder in out.parents if folder.exists()), Path.cwd())
    free = shutil.disk_usage(place).free
    if needed + SPARE_BYTES > free:
        raise RecordingError(
            f"the converted copy of '{recording.file}' needs {needed / 1e9:.2f} GB, but '{place}' has {free / 1e9:.2f} "
            "GB free; make room, or name another folder with --copies"
        )


def _same(one: OriginalFile, other: OriginalFile) -> bool:
    """Whether two are one file; that beside it may be gone by now."""
    return one == (other if other.beside_sha256 else other.model_copy(update={"beside_sha256": one.beside_sha256}))


def _whole(out: Path, spec: RecordingSpec) -> bool:
    file = out / EEG_NPY
    return file.is_file() and file.stat().st_size == copy_bytes(spec.n_rows, len(spec.channels))


def _write(recording: Recording, path: Path, what: str, progress: Progress) -> str:
    """EEG, times first; returns its SHA-256."""
    n, channels = recording.n_rows, len(recording.channels)
    size = max(1, SLICE_BYTES // (8 * (channels + 1)))
    digest = hashlib.sha256()
    with path.open("wb") as stream:
        header = {"descr": "<f4", "fortran_order": False, "shape": (n, channels)}
        np.lib.format.write_array_header_1_0(stream, header)
        progress(what, 0, n)
        for start in range(0, n, size):
            stop = min(start + size, n)
            block = np.ascontiguousarray(recording.signal.read(start, stop).T, dtype="<f4")
            digest.update(block.data)
            stream.write(block.data)
            progress(what, stop, n)
    return digest.hexdigest()
