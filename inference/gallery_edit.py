"""Galleries that are edited: an edit is written to the bundle's log first, and whoever loads the gallery applies it.

The log is the truth (`config.gallery_log`): one writer at a time appends to it, workers follow it while they answer,
and `inference.gallery_compact` folds it into a new bundle.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config import bundles
from config.bundles import GALLERY_JSON, GallerySpec, Item
from config.errors import BundleError
from config.gallery_log import GALLERY_EDITS, Edit, Log, encoded, line_of, read_log, read_spec
from config.steady import steady
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery, IndexChoice
from inference.gallery_version import Version, version
from inference.milvus_client import PREFIX, Place

PATIENCE_S = 10.0
"""How long another writer is waited for."""
LINE_ITEMS = 4096
"""Items added by one edit at most, so that a line of the log stays small; more make several edits."""


def load(folder: Path | str, index: str = "auto") -> Gallery:
    """Gallery of a bundle folder with its edits applied, for everything that wants rows without gaps.

    Raises
    ------
    BundleError
        As `Gallery.load`, or its log cannot be used.
    """
    edited = serving(folder, index)
    return edited.folded() if isinstance(edited, Version) else edited


def serving(folder: Path | str, index: str = "auto") -> Gallery:
    """Gallery with its edits applied, for searching: few edits stand beside the bundle's own index.

    Parameters
    ----------
    folder
        The bundle.
    index
        Kind that it is searched with, as `Gallery.load` takes it, or ``milvus:ADDRESS``, where it was filled.

    Raises
    ------
    BundleError
        As `load`, or Milvus has not this gallery.
    """
    folder = Path(folder)
    gallery, log = steady(folder, lambda: (_indexed(folder, index), read_log(folder, read_spec(folder))))
    if gallery.fingerprint == log.head.base:
        gallery.fingerprint = log.head.name
    edits = log.since(gallery.fingerprint) or ()
    if not edits:
        return gallery
    edited = version(gallery).edited(edits)
    return edited.folded() if edited.worth_folding else edited


def _indexed(folder: Path | str, index: str) -> Gallery:
    if not index.startswith(PREFIX):
        return Gallery.of_bundle(folder, index)
    from inference.milvus import connect

    gallery = Gallery.of_bundle(folder)
    gallery.choice = IndexChoice(index)
    gallery.index = connect(Place(index, gallery.fingerprint, len(gallery), gallery.spec.dim))
    return gallery


def edit(
    folder: Path | str,
    items: Sequence[Item] = (),
    vectors: NDArray[Any] | None = None,
    *,
    remove: Sequence[str] = (),
    pictures: Mapping[str, Path] | None = None,
) -> str:
    """Add items to a gallery and remove some, durably; those who serve it follow.

    Parameters
    ----------
    folder
        The bundle.
    items, vectors
        New items, and their embeddings (n, dim), of any norm but zero. More than ``LINE_ITEMS`` become several edits.
    remove
        Ids to be removed first.
    pictures
        Files of the new items' pictures: path, as in the items, to source. They are copied under a name of their own.

    Returns
    -------
    The fingerprint that the gallery goes by now.

    Raises
    ------
    BundleError
        The edit does not fit the gallery (nothing is changed then), or cannot be written.
    """
    folder = Path(folder)
    with writing(folder):
        spec = read_spec(folder)
        log = read_log(folder, spec)
        rows = _rows(spec, items, vectors)
        placed = [_placed(item, (pictures or {}).get(item.picture)) for item in items]
        edits = _edits(placed, rows, remove)
        ids = _those_there(folder, (*log.edits, *edits))
        others = spec.n_items - len(ids)
        for one in (*log.edits, *edits):
            one.onto(ids, others)
        for item, new in zip(items, placed, strict=True):
            if new.picture:
                _copy(folder / new.picture, (pictures or {})[item.picture])
        for one in edits:
            log = log.and_(one)
        _append(folder, log, log.edits[-len(edits) :])
    return log.name


def _those_there(folder: Path, edits: Sequence[Edit]) -> set[str]:
    """Of the ids that edits speak of, those in the bundle; a large table is not turned into objects for it."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    named = {name for one in edits for name in (*one.remove, *(item.id for item in one.add))}
    path = folder / bundles.GALLERY_ITEMS
    try:
        with pq.ParquetFile(path) as file:
            column = file.read(columns=["id"])["id"]
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise BundleError(f"'{path}' is not a table of gallery items: {error!s:.200}") from error
    found = column.filter(pc.is_in(column, value_set=pa.array(sorted(named), pa.string())))
    return set(found.to_pylist())


def _rows(spec: GallerySpec, items: Sequence[Item], vectors: NDArray[Any] | None) -> Vectors:
    array = np.empty((0, spec.dim), np.float32) if vectors is None else np.asarray(vectors)
    if array.shape != (len(items), spec.dim) or array.dtype.kind != "f":
        raise BundleError(
            f"{len(items)} items come with vectors of shape {array.shape} ({array.dtype}); the gallery takes floating "
            f"point numbers, ({len(items)}, {spec.dim})"
        )
    if not np.isfinite(array).all() or not np.any(array, axis=1).all():
        raise BundleError("a vector to be added is zero or not finite, so nothing was added; embed that item again")
    if len(items) and spec.features:
        names = ", ".join(s.name for s in spec.features)
        raise BundleError(
            f"the gallery holds further features of every item ({names}), which the new ones lack; build it again with "
            "the new pictures"
        )
    return unit_norm(array)


def _edits(items: Sequence[Item], rows: Vectors, remove: Sequence[str]) -> list[Edit]:
    if not items and not remove:
        raise BundleError("nothing is to be added or removed; name items")
    groups = range(0, max(1, len(items)), LINE_ITEMS)
    return [
        Edit(
            remove=tuple(remove) if k == 0 else (),
            add=tuple(items[k : k + LINE_ITEMS]),
            vectors=encoded(rows[k : k + LINE_ITEMS]),
        )
        for k in groups
    ]


def _placed(item: Item, picture: Path | None) -> Item:
    """The item with its picture under a name that no other content has."""
    if picture is None:
        return item.model_copy(update={"picture": ""})
    digest = bundles.file_sha256(picture)[:16]
    return item.model_copy(update={"picture": f"pictures/added/{digest}{picture.suffix.lower()}"})


def _copy(target: Path, source: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    torn = target.with_name(f"{target.name}.writing")
    shutil.copyfile(source, torn)
    torn.replace(target)


def _append(folder: Path, log: Log, edits: Sequence[Edit]) -> None:
    """Write edits after the last whole line, and see them onto the disk."""
    path = folder / GALLERY_EDITS
    lines = b"".join(line_of(one) for one in edits)
    begin = b"" if log.whole_bytes else line_of(log.head)
    try:
        with path.open("r+b" if path.exists() else "wb", buffering=0) as file:
            file.truncate(log.whole_bytes)
            file.seek(log.whole_bytes)
            _write(file.fileno(), begin + lines)
            os.fsync(file.fileno())
    except OSError as error:
        raise BundleError(f"edits cannot be written to '{path}': {error.strerror}; make room and try again") from error


def _write(number: int, what: bytes) -> None:
    left = memoryview(what)
    while left:
        left = left[os.write(number, left) :]


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Alone among writers. The lock goes with the process that holds it, however that ends."""
    import fcntl

    path, until = folder / GALLERY_JSON, time.monotonic() + PATIENCE_S
    while True:
        try:
            file = path.open("rb")
        except OSError as error:
            raise BundleError(f"'{path}' cannot be read ({error.strerror}); expected a gallery bundle") from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if time.monotonic() > until:
                    raise BundleError(
                        f"gallery '{folder}' has been written to by another process for {PATIENCE_S:g} s; try again"
                    ) from error
                time.sleep(0.02)
                continue
            # a gallery that was compacted meanwhile is another file by the same name
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                yield
                return
