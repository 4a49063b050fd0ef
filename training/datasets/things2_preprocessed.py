"""THINGS-EEG2, preprocessed: the authors' 100 Hz files, the 250 Hz files of NICE and ATM, and the UBP layout.

All are filtered without causality: good for the papers' tables, refused for anything live.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from config.errors import RecordingError
from config.safe_pickle import read_object
from config.stored_array import StoredArray
from training.datasets.blocks import AUTHORS_WHITENING, Blocks, start_and_rate
from training.datasets.metadata import find_metadata, read_metadata, texts
from training.datasets.pieces import Piece
from training.datasets.torch_files import read_torch

NAME = "things-eeg2-preprocessed"
NOT_CAUSAL = "filtered without causality: nothing live may use it"
_PARTS = {"preprocessed_eeg_training": "training", "preprocessed_eeg_test": "test", "train": "training", "test": "test"}
_FILES = ("preprocessed_eeg_training.npy", "preprocessed_eeg_test.npy", "train.pt", "test.pt")


def find(root: Path) -> tuple[Piece, ...]:
    """Preprocessed files under a folder."""
    found = {
        path
        for where in ("sub-*", "*/sub-*", "*/*/sub-*", ".")
        for name in _FILES
        for path in root.glob(f"{where}/{name}")
    }
    return tuple(sorted(_piece(path) for path in found))


def open_blocks(piece: Piece, root: Path, metadata: Path | None = None) -> Blocks:
    """Epochs of a preprocessed file, not read.

    Parameters
    ----------
    piece
        From `find`.
    root
        Folder of the dataset, where ``image_metadata.npy`` is looked for.
    metadata
        That file, where it is elsewhere.

    Raises
    ------
    RecordingError
        The file is missing, refused, or not what it should be.
    """
    torch_file = piece.path.suffix == ".pt"
    content = read_torch(piece.path) if torch_file else read_object(piece.path)
    if not isinstance(content, dict):
        raise RecordingError(f"'{piece.path}' holds a {type(content).__name__}, expected a dict; copy it again")
    data = _rows(content.get("eeg" if torch_file else "preprocessed_eeg_data"))
    channels, times = texts(_plain(content.get("ch_names"))), _numbers(content.get("times"))
    if data is None or channels is None or times is None:
        wanted = "eeg" if torch_file else "preprocessed_eeg_data"
        has = ", ".join(map(str, content)) or "nothing"
        raise RecordingError(f"'{piece.path}' has no {wanted}, ch_names and times (it has {has}); copy it again")
    labels = _ubp_labels(piece.path, content, data.shape[0]) if torch_file else None
    if labels is None:
        labels = read_metadata(metadata or find_metadata(root)).labels(piece.part)
    start_s, rate_hz = start_and_rate(piece.path, times, data.shape[-1])
    layout = ", UBP layout" if torch_file else ""
    authors = not torch_file and rate_hz == 100.0
    return Blocks(
        piece.path,
        f"THINGS-EEG2, preprocessed at {rate_hz:g} Hz{layout}",
        data,
        labels,
        channels,
        start_s,
        rate_hz,
        piece.subject,
        piece.part,
        bool(_plain(content.get("simulated", False))),
        (NOT_CAUSAL, AUTHORS_WHITENING) if authors else (NOT_CAUSAL,),
    )


def _piece(path: Path) -> Piece:
    subject = re.findall(r"/sub-([A-Za-z0-9]+)", path.resolve().as_posix())
    return Piece(NAME, subject[-1] if subject else "00", "", _PARTS[path.stem], path)


def _rows(value: Any) -> Any:
    """An array whose conditions are taken as they are needed."""
    if isinstance(value, StoredArray):
        return value.map() if value.dtype.kind == "f" else None
    return value if hasattr(value, "shape") and hasattr(value, "__getitem__") else None


def _plain(value: Any) -> Any:
    """Numpy's view of a tensor."""
    return value.numpy() if hasattr(value, "numpy") else value


def _numbers(value: Any) -> Any:
    value = value.read() if isinstance(value, StoredArray) else _plain(value)
    try:
        return np.asarray(value, np.float64).ravel() if value is not None else None
    except (TypeError, ValueError):
        return None


def _ubp_labels(path: Path, content: dict[Any, Any], n: int) -> tuple[str, ...] | None:
    """Stems of the pictures' paths: one a condition, or one a trial of each condition."""
    value = content.get("img")
    value = value.astype(str).ravel().tolist() if isinstance(value, np.ndarray) else value
    files = texts(value)
    if files is None or not len(files) or len(files) % n:
        return None
    each = len(files) // n
    for k in range(n):
        if len(set(files[k * each : (k + 1) * each])) > 1:
            raise RecordingError(f"'{path}' shows several pictures under one condition ({k}); copy it again")
    stems = tuple(Path(files[k * each].replace("\\", "/")).stem for k in range(n))
    return stems if len(set(stems)) == n else None
