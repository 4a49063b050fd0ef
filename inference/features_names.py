"""Which item each row of a feature file is: by THINGS-EEG2's list of pictures, a folder of pictures, or a table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from config.bundles import Item
from config.errors import BundleError
from config.stored_array import StoredArray
from inference.build_parts import picture_items, words
from inference.inputs import find_pictures, read_table

PARTS = {"training": ("train_img_concepts", "train_img_files"), "test": ("test_img_concepts", "test_img_files")}


@dataclass(frozen=True)
class Names:
    """Items that rows may stand for: those of each part of a dataset.

    Attributes
    ----------
    pictures, concepts
        By part of the dataset, in its order.
    files
        Pictures to be copied, by their path in the bundle.
    source
        What they were read from, for errors.
    """

    pictures: dict[str, list[Item]]
    concepts: dict[str, list[Item]]
    files: dict[str, Path]
    source: str

    def of(self, count: int, concepts: bool) -> list[Item]:
        """The part with so many pictures, or concepts.

        Raises
        ------
        BundleError
            No part, or more than one, has as many.
        """
        lists = self.concepts if concepts else self.pictures
        fitting = [items for items in lists.values() if len(items) == count]
        if len(fitting) != 1:
            what = "concepts" if concepts else "pictures"
            has = ", ".join(f"{len(items)} ({part})" for part, items in lists.items())
            raise BundleError(
                f"the feature file holds {count} {what}, '{self.source}' lists {has}; give the list of it"
            )
        return fitting[0]


def of_metadata(path: Path) -> Names:
    """Items of THINGS-EEG2's ``image_metadata.npy``: training and test.

    Raises
    ------
    BundleError
        It lacks the lists.
    RecordingError
        It cannot be read, or is refused.
    """
    from config.safe_pickle import read_object

    held = read_object(path)
    pictures, concepts = {}, {}
    for part, (folders_key, files_key) in PARTS.items():
        folders, files = _texts(held, folders_key, path), _texts(held, files_key, path)
        if len(folders) != len(files):
            raise BundleError(f"'{path}' lists {len(folders)} concepts for {len(files)} {part} pictures; copy it again")
        pairs = zip(folders, files, strict=True)
        pictures[part] = [Item(id=PurePosixPath(file).stem, label=words(folder)) for folder, file in pairs]
        concepts[part] = _concepts(folders)
    return Names(pictures, concepts, {}, str(path))


def of_folder(folder: Path) -> Names:
    """Items of a folder of pictures, concept by concept, in the order of their paths."""
    paths = find_pictures(folder)
    relative = [path.relative_to(folder) for path in paths]
    items = picture_items(relative)
    files = {item.picture: path for item, path in zip(items, paths, strict=True)}
    return Names(
        {"folder": items}, {"folder": _concepts([p.parent.name or p.stem for p in relative])}, files, str(folder)
    )


def of_table(path: Path) -> Names:
    """Items of a table, for pictures and concepts alike."""
    items = read_table(path)
    files = {item.picture: path.parent / item.picture for item in items if item.picture}
    return Names({"table": items}, {"table": items}, files, str(path))


def named(names: Sequence[str], concepts: bool) -> list[Item]:
    """Items of a file that names its rows itself: paths of pictures, or texts."""
    if concepts:
        return [Item(id=name.replace(" ", "_"), label=words(name), modality="text") for name in names]
    paths = [PurePosixPath(name.replace("\\", "/")) for name in names]
    return [Item(id=path.stem, label=words(path.parent.name or path.stem)) for path in paths]


def _concepts(folders: Sequence[str]) -> list[Item]:
    """Concepts of folders such as ``00001_aircraft_carrier``, each once."""
    names = dict.fromkeys(re.sub(r"^\d+_", "", folder) for folder in folders)
    return [Item(id=name, label=words(name)) for name in names]


def _texts(held: Any, key: str, path: Path) -> list[str]:
    values = held.get(key) if isinstance(held, dict) else None
    if isinstance(values, StoredArray):
        values = values.read().tolist()
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BundleError(
            f"'{path}' has no list '{key}' of texts; expected THINGS-EEG2's image_metadata.npy with "
            f"{', '.join(name for names in PARTS.values() for name in names)}"
        )
    return values
