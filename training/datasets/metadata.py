"""``image_metadata.npy`` of THINGS-EEG2: which picture a condition is. Code = index + 1."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.errors import RecordingError
from config.safe_pickle import read_npy_object
from config.stored_array import StoredArray

NAME = "image_metadata.npy"
PLACES = ("", "Image_set", "image_set", "Image_Set", "images")
ABOVE = 4
"""Folders above the one that is given: it may be that of a session."""
PARTS = {"training": "train", "test": "test"}


@dataclass(frozen=True)
class Picture:
    """A picture of the image set: its concept's folder, such as ``00001_aardvark``, and its file's name."""

    concept: str
    file: str

    @property
    def id(self) -> str:
        """The file's stem, which is also an item's id in a gallery of these pictures."""
        return Path(self.file).stem


@dataclass(frozen=True)
class ImageMetadata:
    """Pictures of both parts, by condition from 1 on."""

    training: tuple[Picture, ...]
    test: tuple[Picture, ...]

    def of(self, part: str) -> tuple[Picture, ...]:
        """Pictures of a part."""
        return self.training if part == "training" else self.test

    def labels(self, part: str) -> tuple[str, ...]:
        """A marker's label for each picture: its id; concept and id where two files share a stem."""
        pictures = self.of(part)
        ids = [picture.id for picture in pictures]
        if len(set(ids)) == len(ids):
            return tuple(ids)
        return tuple(f"{picture.concept}/{picture.id}" for picture in pictures)

    def concepts(self, part: str) -> dict[str, str]:
        """Concept of each label, as the folder is called."""
        return dict(zip(self.labels(part), (picture.concept for picture in self.of(part)), strict=True))


def find_metadata(root: Path) -> Path:
    """The file in or beside a dataset's folder.

    Raises
    ------
    RecordingError
        It is not there.
    """
    for folder in (root, *root.resolve().parents[:ABOVE]):
        for place in PLACES:
            if (path := folder / place / NAME).is_file():
                return path
    raise RecordingError(
        f"'{NAME}' is neither in '{root}' nor beside it (in {', '.join(p for p in PLACES if p)}); it is part of the "
        "image set of THINGS-EEG2: copy it there, or name it with --metadata"
    )


def read_metadata(path: Path) -> ImageMetadata:
    """Pictures of the image set.

    Raises
    ------
    RecordingError
        The file is missing, refused, or not what it should be.
    """
    content = read_npy_object(path)
    if not isinstance(content, dict):
        raise RecordingError(f"'{path}' holds a {type(content).__name__}, expected a dict; give {NAME}")
    parts = []
    for key in PARTS.values():
        concepts, files = (_texts(path, content, f"{key}_img_{kind}") for kind in ("concepts", "files"))
        if len(concepts) != len(files):
            raise RecordingError(f"'{path}' has {len(files)} {key} files but {len(concepts)} concepts; copy it again")
        parts.append(tuple(Picture(*pair) for pair in zip(concepts, files, strict=True)))
    return ImageMetadata(*parts)


def texts(value: Any) -> tuple[str, ...] | None:
    """A list of texts as pickles have them, or None where it is none."""
    if isinstance(value, StoredArray) and value.dtype.kind in "US":
        value = value.read().astype(str).ravel().tolist()
    if isinstance(value, list | tuple) and all(isinstance(one, str) for one in value):
        return tuple(str(one) for one in value)
    return None


def _texts(path: Path, content: dict[Any, Any], key: str) -> tuple[str, ...]:
    found: Iterable[str] | None = texts(content.get(key))
    if found is None:
        has = ", ".join(map(str, content)) or "nothing"
        raise RecordingError(f"'{path}' has no list of texts '{key}' (it has {has}); give {NAME} of THINGS-EEG2")
    return tuple(found)
