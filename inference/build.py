"""Makes galleries: from pictures, from words, from both in one space, from labels, or from given embeddings."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from config.bundles import GallerySpec, Item
from config.errors import BundleError, SettingsError
from inference.build_parts import Choice, Made, of_pictures, of_words
from inference.clip_parts import Parts
from inference.gallery import write_gallery
from inference.inputs import Told, check_picture, read_npy, read_table, read_text, silent
from inference.text import Word, read_words

MAX_LABELS = 4096
"""Labels without a text model get one dimension each."""
TEXT_PREFIX = "text:"
"""Before the ids of words that stand beside pictures."""


def from_pictures(
    folder: Path | str, out: Path | str, *, choice: Choice | None = None, progress: Told = silent
) -> GallerySpec:
    """Gallery of the pictures in a folder and its subfolders; they are copied into the bundle.

    A build that is interrupted goes on where it stopped when it is started again: finished parts are kept in
    ``OUT.parts`` until the gallery is written.

    Parameters
    ----------
    folder
        Where the pictures are; see `inference.build_parts.of_pictures` for ids and labels.
    out
        Folder of the bundle.
    choice
        What embeds them; None: ``pixels``.
    progress
        Told (what, done, total).

    Raises
    ------
    BundleError
        The folder holds no picture, some cannot be read or are too large, or the model cannot be had.
    """
    return from_pictures_and_texts(folder, None, out, choice=choice, progress=progress)


def from_texts(
    given: Path | Sequence[Word],
    out: Path | str,
    *,
    choice: Choice,
    templates: Sequence[str] = (),
    progress: Told = silent,
) -> GallerySpec:
    """Gallery of words, embedded by the text tower of an open_clip model.

    Parameters
    ----------
    given
        Words, or a file that `inference.text.read_words` reads.
    out
        Folder of the bundle.
    choice
        The model.
    templates
        Prompts; several make an ensemble. Empty: "a photo of a {}."
    progress
        Told (what, done, total).

    Raises
    ------
    BundleError
        The words cannot be read, or the model cannot be had.
    SettingsError
        A template cannot be filled.
    """
    return from_pictures_and_texts(None, given, out, choice=choice, templates=templates, progress=progress)


def from_pictures_and_texts(
    folder: Path | str | None,
    given: Path | Sequence[Word] | None,
    out: Path | str,
    *,
    choice: Choice | None = None,
    templates: Sequence[str] = (),
    progress: Told = silent,
) -> GallerySpec:
    """Gallery of pictures, words, or both in one space; beside pictures, ids of words begin with ``text:``.

    Parameters
    ----------
    folder
        Pictures, or None.
    given
        Words or their file, or None.
    out, choice, templates, progress
        As in `from_pictures` and `from_texts`.

    Raises
    ------
    BundleError, SettingsError
        As there.
    """
    out, choice = Path(out), choice or Choice()
    listed = read_words(given) if isinstance(given, Path) else list(given or ())
    if folder is None and not listed:
        raise BundleError("nothing is given to make a gallery from; give pictures, words or both")
    if listed and choice.wanted.variants:
        raise SettingsError("layers and blurs are of pictures; build words into a gallery of their own, without them")
    clip = choice.clip() if listed else None
    made = []
    keep = out.with_name(f"{out.name}.parts")
    if clip is not None:
        # first, so that a mistake in a template is told before hours are spent on pictures
        prefix = TEXT_PREFIX if folder is not None else ""
        made.append(of_words(listed, clip, templates, prefix=prefix, progress=progress))
    if folder is not None:
        made.insert(0, of_pictures(Path(folder), choice, keep, clip, progress))
    spec = _written(out, made)
    Parts(keep, {}).remove()
    return spec


def _written(out: Path, made: Sequence[Made]) -> GallerySpec:
    first = made[0]
    if len(made) > 1:
        items = [item for part in made for item in part.items]
        notes: dict[str, Any] = {key: value for part in made for key, value in part.notes.items()}
        first = replace(first, items=items, vectors=np.concatenate([part.vectors for part in made]), notes=notes)
    return write_gallery(
        out,
        first.items,
        first.vectors,
        space=first.space,
        model=first.model,
        pictures=first.pictures,
        features=first.features,
        notes=first.notes,
    )


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
