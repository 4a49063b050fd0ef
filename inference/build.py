"""Makes galleries: from a folder of pictures, from a list of labels, or from embeddings with a table."""

from __future__ import annotations

import hashlib
import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from config.bundles import GallerySpec, Item
from config.errors import BundleError
from inference.gallery import write_gallery
from inference.inputs import check_picture, find_pictures, read_npy, read_table, read_text

Progress = Callable[[int, int], None]
"""Called with how many pictures are done, and of how many."""
PICTURE_MODELS = {"pixels": "inference.pixels"}
"""Name to a module with ``SPACE``, ``DIM`` and ``embed(paths, progress)``."""
MAX_LABELS = 4096
"""Labels without a text model get one dimension each."""


def from_pictures(
    folder: Path | str, out: Path | str, *, model: str = "pixels", progress: Progress | None = None
) -> GallerySpec:
    """Gallery of the pictures in a folder and its subfolders; they are copied into the bundle.

    Parameters
    ----------
    folder
        Where the pictures are. An item's id is its file's stem (its path, where a stem stands twice); its label is
        the name of its subfolder, or of the file where it has none, in words.
    out
        Folder of the bundle.
    model
        What embeds them, a name of ``PICTURE_MODELS``.
    progress
        Called with the number done, and of how many.

    Raises
    ------
    BundleError
        The folder holds no picture, one cannot be read or is too large, or the model is unknown.
    """
    if model not in PICTURE_MODELS:
        raise BundleError(f"unknown picture model '{model}'; known: {', '.join(PICTURE_MODELS)}")
    folder = Path(folder)
    paths = find_pictures(folder)
    for path in paths:
        check_picture(path)
    relative = [path.relative_to(folder) for path in paths]
    stems = [path.stem for path in paths]
    unique = len(set(stems)) == len(stems)
    items = [
        Item(
            id=stem if unique else where.with_suffix("").as_posix(),
            label=_words(where.parent.name or stem),
            picture=f"pictures/{where.as_posix()}",
        )
        for stem, where in zip(stems, relative, strict=True)
    ]
    embedder = importlib.import_module(PICTURE_MODELS[model])
    vectors = np.asarray(embedder.embed(paths, progress=progress), dtype=np.float32)
    pictures = {item.picture: path for item, path in zip(items, paths, strict=True)}
    return write_gallery(out, items, vectors, space=embedder.SPACE, model=model, pictures=pictures)


def from_labels(labels: Sequence[str] | Mapping[str, str] | Path, out: Path | str) -> GallerySpec:
    """Gallery of labels without a text model: each label is a dimension of its own, so none is nearer to another.

    Its space is ``labels:N:HASH`` with the hash of the ids, so that an encoder trained for other labels is refused.

    Parameters
    ----------
    labels
        Labels (ids alike), id to label, or a file: one label a line, or a ``.csv`` or ``.tsv`` table as
        `inputs.read_table` reads it.
    out
        Folder of the bundle.

    Raises
    ------
    BundleError
        There are no labels, more than ``MAX_LABELS``, or one stands twice.
    """
    items = _label_items(labels)
    if not 1 <= len(items) <= MAX_LABELS:
        raise BundleError(
            f"{len(items)} labels are given, expected 1 to {MAX_LABELS}; for more, give embeddings with a table"
        )
    digest = hashlib.sha256("\n".join(item.id for item in items).encode()).hexdigest()[:8]
    vectors = np.eye(len(items), dtype=np.float32)
    return write_gallery(out, items, vectors, space=f"labels:{len(items)}:{digest}", model="one dimension a label")


def from_embeddings(npy: Path | str, table: Path | str, out: Path | str, *, space: str, model: str = "") -> GallerySpec:
    """Gallery of given embeddings.

    Parameters
    ----------
    npy
        ``.npy`` of floats, (n, dim) or (n, 1, dim); pickled ones are refused.
    table
        One row an item, in the same order, as `inputs.read_table` reads it.
    out
        Folder of the bundle.
    space
        Name of the embedding space; an encoder must name the same.
    model
        What made the embeddings, for people.

    Raises
    ------
    BundleError
        A file cannot be read, or they do not fit one another.
    """
    vectors = read_npy(Path(npy))
    items = read_table(Path(table))
    if len(items) != len(vectors):
        raise BundleError(f"'{npy}' holds {len(vectors)} embeddings but '{table}' {len(items)} items; expected as many")
    root = Path(table).parent
    pictures = {item.picture: root / item.picture for item in items if item.picture}
    for relative, path in pictures.items():
        if not path.resolve().is_relative_to(root.resolve()):
            raise BundleError(f"picture path '{relative}' in '{table}' leaves the table's folder, which is refused")
        check_picture(path)
    return write_gallery(out, items, vectors, space=space, model=model or Path(npy).name, pictures=pictures)


def _label_items(labels: Sequence[str] | Mapping[str, str] | Path) -> list[Item]:
    if isinstance(labels, Path):
        if labels.suffix.lower() in (".csv", ".tsv"):
            return [item.model_copy(update={"picture": ""}) for item in read_table(labels)]
        labels = [line.strip() for line in read_text(labels).splitlines() if line.strip()]
    pairs = labels.items() if isinstance(labels, Mapping) else [(label, label) for label in labels]
    return [Item(id=identity, label=label, modality="text") for identity, label in pairs]


def _words(name: str) -> str:
    """``00001_aircraft_carrier`` and ``aircraft_carrier_01b`` as people write it: ``aircraft carrier``."""
    core = re.sub(r"^\d+[_-]+|[_-]+\d+[a-z]?$", "", name)
    return re.sub(r"[_-]+", " ", core).strip() or name
