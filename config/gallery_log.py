"""The edit log of a gallery bundle: what was added and removed since the bundle was written. No torch, no FAISS.

``edits.jsonl`` stands in the bundle's folder and only grows: a first line that names the bundle it belongs to, then
one line an edit. An edit's fingerprint is the hash of the one before it and of the edit, so a version of a gallery is
named by all that led to it, and a changed line is noticed. A last line without its end (the writer was killed) is
passed over.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, ValidationError

from config.bundles import GALLERY_JSON, GallerySpec, Item, canonical, fingerprint, parse, read_json
from config.chain import Frozen
from config.errors import BundleError
from config.steady import steady

GALLERY_EDITS = "edits.jsonl"
MAX_LINE_BYTES = 256 << 20
PICTURE = r"(pictures/added/[0-9a-f]{16}(\.[a-z0-9]{1,5})?)?"
"""Where pictures of added items stand, named by their content."""
Name = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
Line = TypeVar("Line", bound=Frozen)


class Head(Frozen):
    """First line of the log."""

    format: Literal["eegseek-gallery-edits"] = "eegseek-gallery-edits"
    version: Literal[1] = 1
    base: Name
    """Fingerprint of the bundle's ``gallery.json``."""
    name: Name
    """What the bundle goes by: its own fingerprint, or that of the edited gallery that was folded into it, with the
    same items and the same vectors."""
    was: tuple[Name, ...] = ()
    """What it went by earlier, oldest first: versions that lead here."""


class Edit(Frozen):
    """One edit: first the removals, then the additions."""

    remove: tuple[str, ...] = ()
    """Ids."""
    add: tuple[Item, ...] = ()
    vectors: str = ""
    """Of ``add``: (n, dim) float32, little-endian, unit norm, in base 64."""
    name: Name = "0" * 16
    """What the gallery goes by after this edit."""

    def rows(self, dim: int) -> NDArray[np.float32]:
        """Vectors of ``add``: (n, dim) float32.

        Raises
        ------
        BundleError
            They are not as many as the items, of another dimension, or not finite.
        """
        try:
            flat = np.frombuffer(base64.b64decode(self.vectors, validate=True), dtype="<f4")
        except ValueError as error:
            raise BundleError(f"edit {self.name} of the gallery holds vectors that are no base 64: {error}") from error
        if flat.size != len(self.add) * dim or not np.isfinite(flat).all():
            raise BundleError(
                f"edit {self.name} of the gallery holds {flat.size} numbers for {len(self.add)} items of {dim} "
                "dimensions, or some that are not finite; take the log away or mend it"
            )
        return np.asarray(flat.reshape(-1, dim), dtype=np.float32)

    def after(self, name: str) -> Edit:
        """The edit with its fingerprint, where it follows the version ``name``."""
        body = canonical(self.model_copy(update={"name": "0" * 16}))
        return self.model_copy(update={"name": hashlib.sha256(name.encode() + b"\n" + body).hexdigest()[:16]})

    def onto(self, ids: set[str], others: int = 0) -> None:
        """Turn the ids of the gallery before the edit into those after it.

        Parameters
        ----------
        ids
            Of the gallery; of a large one those that edits speak of are enough.
        others
            How many more it has.

        Raises
        ------
        BundleError
            An id to be removed is not there, one to be added is, or nothing would be left; ``ids`` stays as it is.
        """
        gone, new = set(self.remove), {item.id for item in self.add}
        if missing := [one for one in self.remove if one not in ids]:
            raise BundleError(f"the gallery has no item '{missing[0]}' to be removed; see `eegseek gallery info`")
        if len(gone) < len(self.remove) or len(new) < len(self.add) or "" in new:
            raise BundleError("an id stands twice in this edit, or is empty; name each item once")
        if twice := sorted(one for one in new if one in ids and one not in gone):
            raise BundleError(f"the gallery has an item '{twice[0]}' already; remove it first, or give another id")
        if others + len(ids) + len(new) == len(gone):
            raise BundleError("this edit would leave the gallery empty, which cannot be searched; keep one item")
        ids -= gone
        ids |= new


@dataclass(frozen=True)
class Log:
    """A gallery's edits, as far as they are whole.

    Attributes
    ----------
    head
        First line.
    edits
        Oldest first.
    whole_bytes
        Where the last whole line ends; 0 where there is no log.
    """

    head: Head
    edits: tuple[Edit, ...] = ()
    whole_bytes: int = 0

    @property
    def name(self) -> str:
        """Fingerprint of the gallery after all edits."""
        return self.edits[-1].name if self.edits else self.head.name

    @property
    def names(self) -> tuple[str, ...]:
        """Of every version whose items are known here, oldest first."""
        return (self.head.name, *(edit.name for edit in self.edits))

    def since(self, name: str) -> tuple[Edit, ...] | None:
        """Edits that lead from a version to the last; None where that version is not known here."""
        if name not in self.names:
            return None
        return self.edits[self.names.index(name) :]

    @property
    def known(self) -> Log:
        """The log without what its edits say: enough to go on reading."""
        return replace(self, edits=tuple(Edit(name=edit.name) for edit in self.edits))

    def and_(self, edit: Edit) -> Log:
        """The log with one more edit."""
        return replace(self, edits=(*self.edits, edit.after(self.name)))


def read_log(folder: Path, spec: GallerySpec | None = None, after: Log | None = None) -> Log:
    """Edits of a gallery; none where there is no log.

    Parameters
    ----------
    folder
        The bundle.
    spec
        Its ``gallery.json``, where that is read already.
    after
        As it was read before: only what was written since is read, if it is the same log.

    Raises
    ------
    BundleError
        The log cannot be read, belongs to another bundle, or a line of it was changed.
    """
    if spec is None:
        return steady(folder, lambda: read_log(folder, read_spec(folder), after))
    path, base = folder / GALLERY_EDITS, fingerprint(spec)
    try:
        with path.open("rb") as file:
            first = next(_lines(file, path), b"")
            if not first:
                return Log(Head(base=base, name=base))
            log = Log(_parsed(Head, first, path, 1), whole_bytes=len(first))
            if after is not None and after.head == log.head and after.whole_bytes >= len(first):
                log = after
                file.seek(log.whole_bytes)
            lines = list(_lines(file, path))
    except FileNotFoundError:
        return Log(Head(base=base, name=base))
    except OSError as error:
        raise BundleError(f"'{path}' cannot be read: {error.strerror}") from error
    if log.head.base != base:
        raise BundleError(
            f"'{path}' holds edits of gallery {log.head.base}, but this one is {base}; put the gallery back that it "
            "was written for, or take the log away"
        )
    edits, name = [], log.name
    for number, line in enumerate(lines, 2 + len(log.edits)):
        edit = _parsed(Edit, line, path, number)
        if edit.after(name) != edit:
            raise BundleError(f"line {number} of '{path}' was changed; go back to a copy, or take the log away")
        if bad := [item.picture for item in edit.add if not re.fullmatch(PICTURE, item.picture)]:
            raise BundleError(f"line {number} of '{path}' names a picture '{bad[0]}', where no edit puts one; refused")
        edits.append(edit)
        name = edit.name
    return replace(log, edits=(*log.edits, *edits), whole_bytes=log.whole_bytes + sum(map(len, lines)))


def size(spec: GallerySpec, log: Log) -> int:
    """Items of a gallery after its edits."""
    return spec.n_items + sum(len(edit.add) - len(edit.remove) for edit in log.edits)


def line_of(model: Frozen) -> bytes:
    """A line of the log."""
    return json.dumps(model.model_dump(mode="json"), sort_keys=True, ensure_ascii=False).encode() + b"\n"


def encoded(vectors: NDArray[np.float32]) -> str:
    """Vectors as an edit holds them."""
    return base64.b64encode(np.ascontiguousarray(vectors, dtype="<f4").tobytes()).decode()


def _lines(file: BinaryIO, path: Path) -> Iterator[bytes]:
    """Whole lines from here on. A torn last one is no line, and nothing was promised to whoever wrote it."""
    while (line := file.readline(MAX_LINE_BYTES)).endswith(b"\n"):
        yield line
    if len(line) == MAX_LINE_BYTES:
        raise BundleError(f"'{path}' has a line of more than {MAX_LINE_BYTES >> 20} MB, which no edit is")


def _parsed(model: type[Line], line: bytes, path: Path, number: int) -> Line:
    try:
        return model.model_validate_json(line)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BundleError(
            f"line {number} of '{path}' is no edit of a gallery ({first['msg']}); go back to a copy, or take the log "
            "away"
        ) from error


def read_spec(folder: Path) -> GallerySpec:
    """``gallery.json`` of a bundle, without a look at the files beside it: quick, however large they are."""
    path = folder / GALLERY_JSON
    return parse(GallerySpec, read_json(path, "description of a gallery bundle"), path, "gallery bundle")
