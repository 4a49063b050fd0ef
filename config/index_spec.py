"""``index.json``: which index a gallery bundle was given, and the recall that was measured. No torch, no FAISS."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt, PositiveInt

from config.bundles import SHA256, file_sha256, parse, read_json
from config.chain import Frozen, Probability
from config.errors import BundleError
from config.index_kinds import AskedIndex, IndexKind

INDEX_JSON = "index.json"
INDEX_ARRAYS = "index.safetensors"


class Recall(Frozen):
    """What share of the ten nearest is found, measured against exact search."""

    cosine: Annotated[float, Field(gt=0, le=1)]
    """Of the queries with the gallery vectors that they were made of (see `inference.indexes.measure`)."""
    at_10: Probability
    queries: PositiveInt


class IndexSpec(Frozen):
    """The index of a gallery: stands beside ``gallery.json``, whose fingerprint it leaves as it is."""

    format: Literal["eegseek-index"] = "eegseek-index"
    version: Literal[1] = 1
    kind: IndexKind
    asked: AskedIndex
    """What was asked for: ``auto`` chooses by size and by the recall that it measures."""
    effort: NonNegativeInt
    """Of a search: candidates looked at twice, lists read, or vectors held in view, as the kind has it."""
    seed: NonNegativeInt
    n_items: PositiveInt
    dim: PositiveInt
    vectors_sha256: SHA256
    """Of the vectors that it was built of."""
    arrays_sha256: SHA256 | None = None
    """Of ``index.safetensors``; None for kinds that are made at load."""
    recall: tuple[Recall, ...]
    memory_bytes: NonNegativeInt
    """Of memory that searching needs, without pages that are mapped from files."""

    @property
    def recall_at_10(self) -> float:
        """The lowest of those measured."""
        return min((found.at_10 for found in self.recall), default=0.0)


def read_index_spec(folder: Path, vectors_sha256: str) -> IndexSpec | None:
    """``index.json`` of a gallery bundle, with the hash of its arrays checked; None where there is none.

    Raises
    ------
    BundleError
        It is damaged, or of other vectors than the gallery's.
    """
    path = folder / INDEX_JSON
    if not path.exists():
        return None
    spec = parse(IndexSpec, read_json(path, "description of a gallery's index"), path, "index of a gallery")
    again = f"build it again with `eegseek gallery index {folder}`, or delete '{path}'"
    if spec.vectors_sha256 != vectors_sha256:
        raise BundleError(f"the index of gallery '{folder}' was built of other vectors than the gallery holds; {again}")
    if spec.arrays_sha256 is not None:
        arrays = folder / INDEX_ARRAYS
        if not arrays.is_file() or file_sha256(arrays) != spec.arrays_sha256:
            raise BundleError(f"'{arrays}' is missing or was changed since the index was built; {again}")
    return spec
