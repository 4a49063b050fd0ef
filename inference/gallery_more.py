"""What is to be added to a gallery: pictures or words embedded by the model that made it, or given vectors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from config.bundles import GallerySpec
from config.errors import BundleError
from inference import clip
from inference.build_parts import PICTURE_MODELS, VAE, Choice, Made, of_pictures, of_words
from inference.clip_parts import Parts
from inference.inputs import Told, check_picture, read_npy, read_table, silent
from inference.text import read_words


def from_source(
    source: Path,
    spec: GallerySpec,
    keep: Path,
    *,
    table: Path | None = None,
    weights: str = "",
    cache: Path | None = None,
    prefix: str = "",
    templates: Sequence[str] = (),
    progress: Told = silent,
) -> Made:
    """Items and vectors in the gallery's space.

    Parameters
    ----------
    source
        A folder of pictures; a ``.npy`` of vectors (n, dim), with ``table``; or a file of words as
        `inference.text.read_words` reads it.
    spec
        Of the gallery.
    keep
        Folder for finished parts of an interrupted embedding; it is gone when this returns.
    table
        Names the rows of a ``.npy``.
    weights
        File of the open_clip model, or folder of the picture auto-encoder, where the space was made with one.
    cache
        Folder of fetched weights.
    prefix
        Put before the ids of words, such as ``text:``.
    templates
        Prompts of words, best those that the gallery was built with; empty: the usual one.
    progress
        Told (what, done, total).

    Raises
    ------
    BundleError
        The source cannot be read, or the gallery's space is not one that its model can be known from.
    """
    if (source.suffix.lower() == ".npy") != (table is not None):
        raise BundleError("vectors in a .npy need a --table that names their rows, and nothing else takes one")
    if table is not None:
        return _given(source, table, spec)
    if not source.is_dir():
        words, loaded = read_words(source), _clip(spec, weights, cache)
        made = of_words(words, loaded, templates, prefix=prefix, progress=progress)
    else:
        choice, tower = _model(spec, weights, cache)
        made = of_pictures(source, choice, keep, tower, progress)
        Parts(keep, {}).remove()
    if made.space != spec.space:
        raise BundleError(
            f"the weights make vectors of space '{made.space}', the gallery is of '{spec.space}'; give those that it "
            "was made with (--weights)"
        )
    return made


def _given(source: Path, table: Path, spec: GallerySpec) -> Made:
    vectors, items = read_npy(source), read_table(table)
    if len(items) != len(vectors):
        raise BundleError(f"'{source}' holds {len(vectors)} vectors but '{table}' {len(items)} items; expected as many")
    pictures = {item.picture: table.parent / item.picture for item in items if item.picture}
    for relative, path in pictures.items():
        if not path.resolve().is_relative_to(table.parent.resolve()):
            raise BundleError(f"picture path '{relative}' in '{table}' leaves the table's folder, which is refused")
        check_picture(path)
    return Made(items, vectors, spec.space, spec.model, pictures)


def _model(spec: GallerySpec, weights: str, cache: Path | None) -> tuple[Choice, clip.Clip | None]:
    """What embeds pictures in the gallery's space."""
    if spec.space.startswith(clip.PREFIX):
        loaded = _clip(spec, weights, cache)
        return Choice(loaded.name), loaded
    if spec.space.startswith("image-vae:"):
        if not weights:
            raise BundleError(f"space '{spec.space}' is of a picture auto-encoder; name its folder with --weights")
        return Choice(VAE, weights=Path(weights)), None
    name = spec.space.split("-v")[0]
    if name not in PICTURE_MODELS:
        raise BundleError(
            f"space '{spec.space}' does not say which model makes it; embed the new items yourself, and give a .npy "
            "with --table"
        )
    return Choice(name), None


def _clip(spec: GallerySpec, weights: str, cache: Path | None) -> clip.Clip:
    return clip.of_space(spec.space, weights=weights, cache=cache)
