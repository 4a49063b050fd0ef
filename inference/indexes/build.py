"""Builds the arrays of an index in pieces, each kept when it is done, so that a build goes on where it was stopped."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError
from inference.encoders.base import Vectors
from inference.index import Index
from inference.indexes.kinds import Kind, kind
from inference.indexes.scalar import Arrays

Told = Callable[[str, int, int], None]
"""Told (what is being done, rows done, rows in all)."""

PIECE = 32_768
"""Rows encoded at once."""
SAMPLE = 32_768
"""Vectors that are trained on, at most."""
FEWEST = 64
"""Vectors that FAISS trains on, at least: fewer are repeated."""
STATE = "state.json"
TRAINED = "trained.safetensors"


def make(name: str, vectors: Vectors, *, effort: int | None = None, seed: int = 0) -> Index:
    """Index of a kind over vectors, in memory.

    Parameters
    ----------
    name
        Of the kind (see `inference.indexes.kinds.TABLE`).
    vectors
        (n, dim) float32, unit norm, n > 0.
    effort
        Of a search; None: the middle one of the kind's.
    seed
        Of training.
    """
    found = kind(name)
    effort = found.efforts[len(found.efforts) // 2] if effort is None else effort
    return found.restore(build(name, vectors, seed=seed), vectors, effort)


def build(
    name: str,
    vectors: Vectors,
    *,
    seed: int = 0,
    partial: Path | None = None,
    identity: str = "",
    told: Told = lambda what, done, total: None,
) -> Arrays:
    """Arrays of an index; the same whether it was stopped in between or not.

    Parameters
    ----------
    name
        Of the kind.
    vectors
        (n, dim) float32, unit norm, in memory or mapped.
    seed
        Of training.
    partial
        Folder that pieces are kept in while building; None: nowhere. Pieces of another build are thrown away.
    identity
        Of the vectors, such as their hash: what is kept is of these only.
    told
        Told of progress.

    Raises
    ------
    BundleError
        The folder cannot be written.
    """
    found = kind(name)
    if found.train is None:
        return {}
    kept = _Kept(partial, {"kind": name, "seed": seed, "of": identity, "shape": list(vectors.shape), "piece": PIECE})
    told(f"training {name}", 0, len(vectors))
    trained = kept.get(TRAINED)
    if trained is None:
        trained = found.train(_sample(vectors, seed), len(vectors), seed)
        kept.put(TRAINED, trained)
    pieces = _whole(found, trained, vectors, kept, name, told) if found.whole else {}
    return {**trained, **(pieces or _rows(found, trained, vectors, kept, name, told))}


def _rows(found: Kind, trained: Arrays, vectors: Vectors, kept: _Kept, name: str, told: Told) -> Arrays:
    """Arrays of all rows, each piece by itself."""
    out: Arrays = {}
    for start in range(0, len(vectors), PIECE):
        part = np.asarray(vectors[start : start + PIECE], np.float32)
        file = f"rows-{start:012d}.safetensors"
        piece = kept.get(file)
        if piece is None:
            piece = found.encode(trained, part, None)
            kept.put(file, piece)
        for key, array in piece.items():
            if key not in out:
                out[key] = np.empty((len(vectors), *array.shape[1:]), array.dtype)
            out[key][start : start + len(part)] = array
        told(f"encoding {name}", start + len(part), len(vectors))
    return out


def _whole(found: Kind, trained: Arrays, vectors: Vectors, kept: _Kept, name: str, told: Told) -> Arrays:
    """Arrays that grow with every piece; the last are kept."""
    step = PIECE // 8
    starts = list(range(0, len(vectors), step))
    done = [start for start in starts if kept.has(f"upto-{start:012d}.safetensors")]
    last = done[-1] if done else -1
    before = kept.get(f"upto-{last:012d}.safetensors") if done else None
    for start in starts:
        if before is not None and start <= last:
            continue
        part = np.asarray(vectors[start : start + step], np.float32)
        before = found.encode(trained, part, None if before is None else {**trained, **before})
        kept.put(f"upto-{start:012d}.safetensors", before)
        if start:
            kept.drop(f"upto-{start - step:012d}.safetensors")
        told(f"encoding {name}", start + len(part), len(vectors))
    return before or {}


def _sample(vectors: Vectors, seed: int) -> Vectors:
    rows = np.arange(len(vectors))
    if len(rows) > SAMPLE:
        rows = np.sort(np.random.default_rng(seed).choice(len(rows), SAMPLE, replace=False))
    sample = np.asarray(vectors[rows], np.float32)
    return np.resize(sample, (FEWEST, sample.shape[1])) if len(sample) < FEWEST else sample


class _Kept:
    """Pieces in a folder, of one build; where the folder holds those of another, they go."""

    def __init__(self, folder: Path | None, state: dict[str, Any]) -> None:
        self.folder = folder
        if folder is None:
            return
        try:
            if folder.exists() and not self._same(folder, state):
                shutil.rmtree(folder)
            folder.mkdir(parents=True, exist_ok=True)
            (folder / STATE).write_text(json.dumps(state), "utf-8")
        except OSError as error:
            raise BundleError(
                f"the folder '{folder}' for the pieces of an index cannot be made: {error.strerror}; make room or "
                "allow writing there"
            ) from error

    def has(self, name: str) -> bool:
        return self.folder is not None and (self.folder / name).is_file()

    def get(self, name: str) -> dict[str, NDArray[Any]] | None:
        """Arrays of a piece; None where it is not there, or not whole."""
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        if self.folder is None or not self.has(name):
            return None
        try:
            return dict(load_file(self.folder / name))
        except (OSError, SafetensorError):
            return None

    def put(self, name: str, arrays: Arrays) -> None:
        """Keep a piece, under its name only when it is whole."""
        from safetensors.numpy import save_file

        if self.folder is None:
            return
        new = self.folder / f"{name}.new"
        try:
            save_file({key: np.ascontiguousarray(array) for key, array in arrays.items()}, new)
            new.replace(self.folder / name)
        except OSError as error:
            raise BundleError(f"'{new}' cannot be written: {error.strerror}; make room and start again") from error

    def drop(self, name: str) -> None:
        if self.folder is not None:
            (self.folder / name).unlink(missing_ok=True)

    def _same(self, folder: Path, state: dict[str, Any]) -> bool:
        try:
            return bool(json.loads((folder / STATE).read_text("utf-8")) == state)
        except (OSError, ValueError, RecursionError):
            return False
