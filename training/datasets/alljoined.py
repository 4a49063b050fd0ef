"""Alljoined-1.6M: one EDF file a block, ``sub-XX/session_YY/block_ZZ/*.edf``, from a consumer headset."""

from __future__ import annotations

import re
from pathlib import Path

from acquisition.recordings import Recording, read_recording
from config.errors import RecordingError
from config.settings import RecordingSource
from training.datasets.pieces import Piece, Stimuli

NAME = "alljoined"


def find(root: Path) -> tuple[Piece, ...]:
    """Recordings under a folder."""
    depths = ("sub-*/session_*/block_*", "*/sub-*/session_*/block_*", "sub-*/session_*", "session_*/block_*", ".")
    files = {path for pattern in depths for path in root.glob(f"{pattern}/*.edf")}
    return tuple(sorted(_piece(path) for path in files))


def recording(piece: Piece, root: Path, metadata: Path | None = None) -> Recording:
    """A recording, read piece by piece; markers are ``train_00123`` and ``test_00012``.

    Raises
    ------
    RecordingError
        The file is damaged, or has no annotation of this dataset.
    """
    found = read_recording(RecordingSource(file=str(piece.path)))
    if not any(re.fullmatch(r"(train|test)_\d+", marker.label) for marker in found.events):
        raise RecordingError(
            f"'{piece.path}' has no annotation 'stim_train,…' or 'stim_test,…'; give a recording of Alljoined-1.6M"
        )
    return found


def inner(piece: Piece) -> dict[str, Stimuli]:
    """Parts within a recording, by how markers begin."""
    return {"training": lambda label: label.startswith("train_"), "test": lambda label: label.startswith("test_")}


def beside(piece: Piece, root: Path, metadata: Path | None = None) -> Path | None:
    """None: the events are annotations in the file itself."""
    return None


def _piece(path: Path) -> Piece:
    where = path.resolve().as_posix()
    parts = {key: re.findall(rf"/{key}([A-Za-z0-9]+)", where) for key in ("sub-", "session_", "block_")}
    subject, session, block = (found[-1] if found else "" for found in parts.values())
    return Piece(NAME, subject or "00", session, f"block-{block}" if block else path.stem, path)
