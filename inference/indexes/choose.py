"""Which index a gallery is searched with: the one that it was given, or the one that its size asks for."""

from __future__ import annotations

import os
from pathlib import Path

from config.errors import BundleError
from config.index_spec import INDEX_ARRAYS, IndexSpec
from inference.encoders.base import Vectors
from inference.index import Index
from inference.indexes import schema
from inference.indexes.arrays_file import map_arrays
from inference.indexes.kinds import kind

FLAT_UP_TO = 2048
"""Vectors that are searched in float32 as fast as in any other way."""
EIGHT_UP_TO = 131_072
"""Vectors of 512 whose bytes are read in about 3 ms."""
MEMORY_SHARE = 0.5
"""Of what is free: what an index may take."""


def without_build(n: int) -> str:
    """Kind for ``n`` vectors that costs no training: it is made at load."""
    return "flat" if n <= FLAT_UP_TO else "8bit"


def candidates(n: int, dim: int, free_bytes: int | None) -> tuple[str, ...]:
    """Kinds that are worth building for ``n`` vectors, the first that reaches the recall being taken.

    Parameters
    ----------
    n, dim
        Number and length of the vectors.
    free_bytes
        Memory; None: not known, taken to be enough.
    """
    if n <= EIGHT_UP_TO:
        return (without_build(n),)
    room = float("inf") if free_bytes is None else MEMORY_SHARE * free_bytes
    # half a byte for four dimensions, and bytes
    if n * dim * (1 + 1 / 8) > room:
        return ("disk",)
    return ("pq", "8bit") if n * dim * 5 <= room else ("pq",)


def free_memory() -> int | None:
    """Bytes that the system says are free; None where it does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def serve(vectors: Vectors, asked: str = "auto", built: IndexSpec | None = None, folder: Path | None = None) -> Index:
    """Index to search with.

    Parameters
    ----------
    vectors
        (n, dim) float32, unit norm, in memory or mapped.
    asked
        ``auto`` (the built one, else by size) or a kind.
    built, folder
        Of the gallery, where it was given an index.

    Raises
    ------
    BundleError
        A kind is asked for that must be built first, or the built one is damaged.
    SettingsError
        There is no such kind.
    """
    name = built.kind if built and asked == "auto" else without_build(len(vectors)) if asked == "auto" else asked
    found = kind(name)
    if found.train is None:
        return found.restore({}, vectors, 0)
    if built is None or built.kind != name or folder is None:
        has = f"'{built.kind}'" if built else "none"
        raise BundleError(
            f"index '{name}' must be built first, and the gallery has {has}; build it with "
            f"`eegseek gallery index {folder or 'GALLERY'} --kind {name}`, or choose auto"
        )
    arrays = map_arrays(folder / INDEX_ARRAYS)
    schema.check(arrays, found.schema or {}, *vectors.shape)
    return found.restore(arrays, vectors, built.effort)
