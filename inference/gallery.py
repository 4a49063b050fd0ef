"""Gallery bundles: items and their embeddings, written in one step, searched by the index that suits them."""

from __future__ import annotations

import difflib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config import bundles
from config.bundles import EncoderSpec, FeatureSet, GallerySpec, Item
from config.errors import BundleError, SpaceMismatch
from config.index_spec import IndexSpec, read_index_spec
from config.items_table import ids_of, read_items_table
from inference.bundle import replacing
from inference.encoders.base import Vectors, unit_norm
from inference.gallery_index import vectors_of
from inference.index import Foreseeing, Index, Rows
from inference.indexes.choose import serve, without_build
from inference.indexes.kinds import kind

NOTES_JSON = "notes.json"
"""Beside ``gallery.json``, where there is something to tell: how the gallery came about, with its figures."""
Features = Mapping[str, tuple[Sequence[str], NDArray[Any]]]
"""Feature sets by name: names of the variants, and (n_items, variants, dim)."""


@dataclass(frozen=True)
class IndexChoice:
    """How a gallery is searched.

    Attributes
    ----------
    asked
        A kind of index, or ``auto``.
    built, folder
        The index that the bundle was given, and where it stands.
    """

    asked: str = "auto"
    built: IndexSpec | None = None
    folder: Path | None = None

    def mapped(self, n: int) -> bool | None:
        """Whether the vectors may stay in their file; None: if they are large."""
        name = self.asked if self.asked != "auto" else self.built.kind if self.built else without_build(n)
        return None if kind(name).vectors == "memory" else True


class Gallery:
    """A gallery bundle in memory.

    Parameters
    ----------
    spec
        ``gallery.json``.
    items
        In the order of the vectors.
    vectors
        (n, dim) float32, unit norm; in memory or mapped from the bundle.
    choice
        How it is searched; None: by size.
    """

    def __init__(
        self, spec: GallerySpec, items: Sequence[Item], vectors: Vectors, choice: IndexChoice | None = None
    ) -> None:
        self.spec = spec
        self.items = items
        self.vectors = vectors
        self.choice = choice or IndexChoice()
        self.fingerprint = bundles.fingerprint(spec)

    @classmethod
    def load(cls, folder: Path | str, index: str = "auto") -> Gallery:
        """Gallery of a bundle folder as `of_bundle` reads it, with the edits of its log (`inference.gallery_edit`)."""
        from inference.gallery_edit import load

        return load(folder, index)

    @classmethod
    def of_bundle(cls, folder: Path | str, index: str = "auto") -> Gallery:
        """Gallery of a bundle folder as it was written, hashes, sizes and paths checked.

        Parameters
        ----------
        folder
            The bundle.
        index
            Kind that it is searched with; ``auto``: the one that it was given, else by size.

        Raises
        ------
        BundleError
            The bundle is missing, truncated, changed or foreign, or a picture's path leaves it.
        """
        folder = Path(folder)
        spec = bundles.read_gallery_spec(folder)
        items = read_items_table(folder, spec)
        choice = IndexChoice(index, read_index_spec(folder, spec.vectors_sha256), folder)
        return cls(spec, items, vectors_of(folder, spec, mapped=choice.mapped(spec.n_items)), choice)

    def __len__(self) -> int:
        return len(self.items)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """Row of each item, by id; made when it is first asked for."""
        return {name: row for row, name in enumerate(ids_of(self.items))}

    @cached_property
    def index(self) -> Index:
        """Made at the first search."""
        return serve(self.vectors, self.choice.asked, self.choice.built, self.choice.folder)

    @cached_property
    def _foreseeing(self) -> Foreseeing | None:
        return self.index if isinstance(self.index, Foreseeing) else None

    def foresee(self, near: Vectors, k: int) -> Any:
        """What `search` may go by of queries that will lie near these (m, dim); None where that is nothing."""
        return None if self._foreseeing is None else self._foreseeing.foresee(near, min(k, len(self)))

    def search(self, queries: Vectors, k: int, foreseen: Any = None) -> tuple[Vectors, Rows]:
        """The ``k`` nearest items of each query, best first, equal ones by row.

        Parameters
        ----------
        queries
            (m, dim) float32, unit norm.
        k
            How many; no more than the gallery holds are given.
        foreseen
            What `foresee` gave for the same ``k``: less is read then, the answer is the same, bit for bit.

        Returns
        -------
        Cosines (m, k) float32 and rows (m, k) int64.

        Raises
        ------
        BundleError
            The queries have another dimension.
        """
        if queries.ndim != 2 or queries.shape[1] != self.spec.dim:
            raise BundleError(
                f"queries of shape {queries.shape} do not fit gallery '{self.spec.space}' of {self.spec.dim}"
            )
        k = min(k, len(self))
        if foreseen is not None and self._foreseeing is not None:
            return self._foreseeing.search(queries, k, foreseen)
        return self.index.search(queries, k)

    def cosines(self, queries: NDArray[Any]) -> Vectors:
        """Cosines (m, n) float32 of queries (m, dim), unit norm, with every item: for calibration and evaluation."""
        return np.asarray(queries @ self.vectors.T, dtype=np.float32)

    def neighbours(self, item_id: str, k: int) -> list[tuple[Item, float]]:
        """The ``k`` items nearest to an item, itself left out, with their cosines.

        Raises
        ------
        BundleError
            No item has that id.
        """
        row = self.row_of.get(item_id)
        if row is None:
            near = difflib.get_close_matches(item_id, self.row_of, n=3, cutoff=0.4)
            hint = f"; nearest: {', '.join(repr(name) for name in near)}" if near else ""
            raise BundleError(f"the gallery has no item '{item_id}'{hint}")
        item = self.items[row]
        return [(other, cosine) for other, cosine in self.nearest(self.vectors[row], k + 1) if other is not item][:k]

    def nearest(self, query: NDArray[np.float32], k: int) -> list[tuple[Item, float]]:
        """The ``k`` items nearest to a vector (dim,) of unit norm, with their cosines."""
        cosines, rows = self.search(query[None], k)
        return [(self.items[r], float(c)) for c, r in zip(cosines[0], rows[0], strict=True)]


def write_gallery(
    folder: Path | str,
    items: Sequence[Item],
    vectors: NDArray[Any],
    *,
    space: str,
    model: str,
    pictures: Mapping[str, Path] | None = None,
    features: Features | None = None,
    notes: Mapping[str, Any] | None = None,
) -> GallerySpec:
    """Write a gallery bundle in one step; a gallery that is there already is replaced.

    Parameters
    ----------
    folder
        Where to.
    items, vectors
        Items, and their embeddings (n, dim), of any norm but zero.
    space, model
        Name of the embedding space, and what made the embeddings.
    pictures
        Files to copy into the bundle: relative path, as in the items, to source.
    features
        Further features of every item, (n, variants, dim) float16 or float32, kept as they are.
    notes
        How it came about, for people: a dict that JSON can hold.

    Raises
    ------
    BundleError
        Items and vectors or features do not fit, an id stands twice, a vector is zero or not finite, or a picture's
        path leaves the folder.
    """
    from safetensors.numpy import save_file

    folder, array, features = Path(folder), np.asarray(vectors), features or {}
    _check(items, array)
    sets = tuple(_feature_set(name, *given, len(items)) for name, given in features.items())
    with replacing(folder, bundles.GALLERY_JSON) as new:
        for relative, source in (pictures or {}).items():
            _copy(new, relative, source)
        _refuse_outside(new, items)
        _write_items(new / bundles.GALLERY_ITEMS, items)
        save_file({"embeddings": unit_norm(array)}, new / bundles.GALLERY_VECTORS)
        if sets:
            arrays = {name: np.ascontiguousarray(values) for name, (_, values) in features.items()}
            save_file(arrays, new / bundles.GALLERY_FEATURES)
        if notes:
            (new / NOTES_JSON).write_text(json.dumps(notes, indent=1, ensure_ascii=False) + "\n", "utf-8")
        spec = GallerySpec(
            space=space,
            dim=array.shape[1],
            model=model,
            n_items=len(items),
            items_sha256=bundles.file_sha256(new / bundles.GALLERY_ITEMS),
            vectors_sha256=bundles.file_sha256(new / bundles.GALLERY_VECTORS),
            features=sets,
            features_sha256=bundles.file_sha256(new / bundles.GALLERY_FEATURES) if sets else None,
        )
        (new / bundles.GALLERY_JSON).write_bytes(bundles.canonical(spec))
    return spec


def check_fit(encoder: EncoderSpec, gallery: GallerySpec) -> None:
    """Whether an encoder's vectors can be looked up in a gallery.

    Raises
    ------
    SpaceMismatch
        Their embedding spaces or dimensions differ.
    """
    if (encoder.space, encoder.dim) != (gallery.space, gallery.dim):
        adapted = encoder.adapter is not None and encoder.adapter.space == gallery.space
        mend = (
            "map it through the encoder's adapter with `eegseek gallery adapt`"
            if adapted
            else "build the gallery in the encoder's space with `eegseek gallery build`, or train the encoder against "
            "this gallery"
        )
        raise SpaceMismatch(
            f"the encoder gives vectors of space '{encoder.space}' ({encoder.dim}-d) but the gallery holds space "
            f"'{gallery.space}' ({gallery.dim}-d); {mend}"
        )


def _check(items: Sequence[Item], vectors: NDArray[Any]) -> None:
    if vectors.ndim != 2 or not len(items) or len(items) != len(vectors) or not vectors.shape[1]:
        raise BundleError(f"{len(items)} items with embeddings of shape {vectors.shape}; expected one row an item")
    if vectors.dtype.kind != "f":
        raise BundleError(f"embeddings are {vectors.dtype}, expected floating point numbers")
    seen: set[str] = set()
    for item, vector in zip(items, vectors, strict=True):
        if not item.id or item.id in seen:
            raise BundleError(f"item id '{item.id}' is empty or stands twice; every item of a gallery needs its own")
        seen.add(item.id)
        if not np.isfinite(vector).all() or not np.any(vector):
            raise BundleError(f"the embedding of item '{item.id}' is zero or not finite")


def _feature_set(name: str, variants: Sequence[str], values: NDArray[Any], n_items: int) -> FeatureSet:
    if values.ndim != 3 or values.shape[:2] != (n_items, len(variants)) or not values.size:
        raise BundleError(
            f"features '{name}' are {values.shape} for {n_items} items in {len(variants)} variants; expected "
            "(items, variants, dim)"
        )
    if values.dtype.kind != "f" or not np.isfinite(values).all():
        raise BundleError(f"features '{name}' are {values.dtype} or not finite; expected finite floating point numbers")
    return FeatureSet(name=name, variants=tuple(variants), dim=values.shape[2])


def _refuse_outside(folder: Path, items: Sequence[Item]) -> None:
    for item in items:
        if item.picture and not (folder / item.picture).resolve().is_relative_to(folder.resolve()):
            raise BundleError(f"picture path '{item.picture}' of item '{item.id}' leaves the gallery, which is refused")


def _copy(folder: Path, relative: str, source: Path) -> None:
    target = folder / relative
    if not target.resolve().is_relative_to(folder.resolve()):
        raise BundleError(f"picture path '{relative}' leaves the gallery, which is refused")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _write_items(path: Path, items: Sequence[Item]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [{**item.model_dump(), "attributes": json.dumps(item.attributes, sort_keys=True)} for item in items]
    schema = pa.schema([(name, pa.string()) for name in Item.model_fields])
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
