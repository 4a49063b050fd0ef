"""The datasets that are known by name, and where their recordings play from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.recordings import Recording
from acquisition.recordings.converted import is_converted
from config.errors import RecordingError, SettingsError
from training.datasets import alljoined, things1, things2
from training.datasets.convert import convert
from training.datasets.pieces import Finder, Piece, Stimuli, select
from training.trials.epochs import Progress, silent

COPIES = "converted"
"""Folder in a dataset's root where converted copies are made."""


@dataclass(frozen=True)
class Dataset:
    """A dataset.

    Attributes
    ----------
    name
        On the command line.
    find
        Its recordings under a folder.
    recording
        One of them (piece, root, metadata), its EEG not read.
    beside
        The file that says what its events mean (piece, root, metadata), or None.
    inner
        Parts within a recording, and which markers are theirs; empty where a part has files of its own.
    mapped
        Its files can be read piece by piece as they are: no copy is needed to play them.
    layout
        Where its files lie, for errors.
    """

    name: str
    find: Finder
    recording: Callable[[Piece, Path, Path | None], Recording]
    beside: Callable[[Piece, Path, Path | None], Path | None]
    inner: Callable[[Piece], dict[str, Stimuli]]
    mapped: bool
    layout: str


DATASETS = {
    one.name: one
    for one in (
        Dataset(
            things2.NAME,
            things2.find,
            things2.recording,
            things2.beside,
            things2.inner,
            False,
            "sub-08/ses-01/raw_eeg_test.npy",
        ),
        Dataset(
            things1.NAME,
            things1.find,
            things1.recording,
            things1.beside,
            things1.inner,
            True,
            "sub-01/eeg/sub-01_task-rsvp_eeg.vhdr",
        ),
        Dataset(
            alljoined.NAME,
            alljoined.find,
            alljoined.recording,
            alljoined.beside,
            alljoined.inner,
            True,
            "sub-01/session_01/block_01/*.edf",
        ),
    )
}


def dataset(name: str) -> Dataset:
    """A dataset by name.

    Raises
    ------
    SettingsError
        There is none of that name.
    """
    if name not in DATASETS:
        raise SettingsError(f"unknown dataset '{name}'; known: {', '.join(DATASETS)}")
    return DATASETS[name]


def find(root: Path, name: str = "") -> tuple[Dataset, tuple[Piece, ...]]:
    """The recordings under a folder; without a name, of the first dataset that has any there.

    Raises
    ------
    RecordingError
        There are none.
    """
    if not root.is_dir():
        raise RecordingError(f"'{root}' is no folder; expected that of a dataset, with its sub-… folders")
    asked = [dataset(name)] if name else list(DATASETS.values())
    for one in asked:
        if pieces := one.find(root):
            return one, pieces
    layouts = "; ".join(f"{one.name} as {one.layout}" for one in asked)
    raise RecordingError(f"'{root}' holds no recording of {' or '.join(one.name for one in asked)} ({layouts})")


def copy_of(piece: Piece, root: Path, copies: Path | None = None) -> Path:
    """Folder of a recording's converted copy."""
    return (copies or root / COPIES) / piece.dataset / piece.slug


def convert_piece(
    piece: Piece, root: Path, *, metadata: Path | None = None, copies: Path | None = None, progress: Progress = silent
) -> Path:
    """Convert a recording, unless a good copy is there, and say where the copy is.

    Raises
    ------
    RecordingError
        It cannot be read, or the disk is too small.
    """
    out = copy_of(piece, root, copies)
    own = DATASETS[piece.dataset]
    convert(piece, lambda: own.recording(piece, root, metadata), out, progress, own.beside(piece, root, metadata))
    return out


def playable(
    name: str,
    root: Path,
    *,
    subject: str = "",
    session: str = "",
    part: str = "",
    metadata: Path | None = None,
    copies: Path | None = None,
    progress: Progress = silent,
) -> Path:
    """Something that plays as a recording: the file itself, or its converted copy, made on first use.

    Raises
    ------
    RecordingError
        Not exactly one recording is meant, or it cannot be converted.
    """
    one, pieces = find(root, name)

    def wish(text: str) -> Sequence[str]:
        return (text,) if text else ()

    chosen = select(pieces, wish(subject), wish(session), wish(part))
    if len(chosen) != 1:
        shown = ", ".join(piece.name for piece in chosen[:6]) + (", …" if len(chosen) > 6 else "")
        raise RecordingError(
            f"{len(chosen)} recordings of '{root}' are meant ({shown}); name --subject, --session, --part"
        )
    piece = chosen[0]
    if one.mapped and not is_converted(copy_of(piece, root, copies)):
        one.recording(piece, root, metadata)  # says what is wrong with it
        return piece.path
    return convert_piece(piece, root, metadata=metadata, copies=copies, progress=progress)
