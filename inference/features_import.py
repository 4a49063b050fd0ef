"""Galleries from published feature files (see `inference.features_read`), so that nothing need be embedded again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from config.bundles import GallerySpec, Item
from config.errors import BundleError
from inference import features_names
from inference.features_names import Names
from inference.features_read import FeatureFile, Format, Vectors, read_features_file
from inference.gallery import write_gallery
from inference.inputs import check_picture

Which = Literal["images", "text", "both"]
TEXT_PREFIX = "text:"
NOT_THE_MODEL = ("train", "training", "test", "feature", "features", "maps", "center")


@dataclass(frozen=True)
class Source:
    """Where the names of the rows come from; one of them, or none where the file names its rows.

    Attributes
    ----------
    metadata
        THINGS-EEG2's ``image_metadata.npy``.
    images
        A folder of pictures; they are copied into the bundle.
    table
        A table as `inference.inputs.read_table` reads it.
    """

    metadata: Path | None = None
    images: Path | None = None
    table: Path | None = None

    def names(self) -> Names | None:
        """What they list.

        Raises
        ------
        BundleError
            More than one is given, or it cannot be read.
        """
        given = [path for path in (self.metadata, self.images, self.table) if path is not None]
        if len(given) > 1:
            raise BundleError(f"'{given[0]}' and '{given[1]}' both name the rows; give one of them")
        if self.metadata:
            return features_names.of_metadata(self.metadata)
        if self.images:
            return features_names.of_folder(self.images)
        return features_names.of_table(self.table) if self.table else None


def import_features(
    file: Path, out: Path, source: Source, *, kind: Format = "auto", which: Which = "images", space: str = ""
) -> GallerySpec:
    """Gallery of a published feature file.

    Parameters
    ----------
    file
        ``clip_feature_maps_test.npy``, ``center_clip.npy``, ``ViT-H-14_features_test.pt``, …
    out
        Folder of the bundle.
    source
        Where the names of the rows come from.
    kind
        Whose format it is; ``auto``: by what the file holds.
    which
        Pictures, texts, or both in one gallery (ids of texts then begin with ``text:``).
    space
        Name of the embedding space; empty: the format, the file's name without its part, and the dimension. Give that
        of open_clip, such as ``open_clip:ViT-H-14/laion2b_s32b_b79k``, where it is known, to search beside its
        texts.

    Raises
    ------
    BundleError
        The file cannot be read, holds no such vectors, or as many as nothing lists.
    """
    held, names = read_features_file(file, kind), source.names()
    chosen = _chosen(held, which, file)
    items: list[Item] = []
    for modality, vectors in chosen.items():
        items += _items(vectors, names, file, modality, TEXT_PREFIX if len(chosen) > 1 and modality == "text" else "")
    dims = {vectors.values.shape[1] for vectors in chosen.values()}
    if len(dims) > 1:
        raise BundleError(f"'{file}' holds pictures and texts of different dimensions, {dims}; import them apart")
    only = next(iter(chosen.values()))
    used = {item.picture for item in items if item.picture}
    pictures = {} if names is None else {key: path for key, path in names.files.items() if key in used}
    _check(pictures)
    return write_gallery(
        out,
        items,
        np.concatenate([vectors.values for vectors in chosen.values()]),
        space=space or f"{held.kind}:{_stem(file)}:{dims.pop()}",
        model=f"features of {held.kind.upper()}, from {file.name}",
        pictures=pictures,
        features={"blurs": only.variants} if len(chosen) == 1 and only.variants else None,
    )


def _chosen(held: FeatureFile, which: Which, file: Path) -> dict[str, Vectors]:
    both = {"image": held.images, "text": held.text}
    wanted = {"images": ["image"], "text": ["text"], "both": ["image", "text"]}[which]
    found = {}
    for modality in wanted:
        vectors = both[modality]
        if vectors is None:
            has = "texts" if held.images is None else "pictures"
            raise BundleError(f"'{file}' holds {has} only; import those")
        found[modality] = vectors
    return found


def _items(vectors: Vectors, names: Names | None, file: Path, modality: str, prefix: str) -> list[Item]:
    if vectors.names:
        items = features_names.named(vectors.names, vectors.concepts)
    elif names is None:
        raise BundleError(
            f"'{file}' does not say what its {len(vectors.values)} rows are; give THINGS-EEG2's list with --metadata "
            "image_metadata.npy, the folder of the pictures with --images, or a table with --table"
        )
    else:
        items = names.of(len(vectors.values), vectors.concepts)
    change = {"modality": modality, **({"picture": ""} if modality == "text" else {})}
    return [item.model_copy(update={**change, "id": prefix + item.id}) for item in items]


def _check(pictures: dict[str, Path]) -> None:
    for path in pictures.values():
        check_picture(path)


def _stem(file: Path) -> str:
    """The model in a file's name: the same for its training and its test part."""
    parts = [p for p in file.stem.split("_") if p.lower() not in NOT_THE_MODEL]
    return "_".join(parts) or file.stem
