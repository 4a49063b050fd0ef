"""Versions of a gallery that is edited while it serves: which answers are by it, and what each version holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from config.bundles import GallerySpec, read_gallery_spec
from config.errors import BundleError
from config.gallery_log import GALLERY_EDITS, Log, read_log
from config.items_table import read_items_table


@dataclass(frozen=True)
class Held:
    """What a version holds, by how it differs from the bundle as it was when it was first read."""

    n_items: int
    added: frozenset[str]
    removed: frozenset[str]


class Versions:
    """Versions of a gallery by fingerprint; the log is read again where one is met that is not known.

    Parameters
    ----------
    folder
        The bundle.
    spec
        Its ``gallery.json``.

    Attributes
    ----------
    labels
        Readable label of every item that any version holds, by id.
    first
        Fingerprint that the gallery went by when it was first read.

    Raises
    ------
    BundleError
        Its items or its log cannot be read.
    """

    def __init__(self, folder: Path, spec: GallerySpec) -> None:
        self._folder = folder
        items = read_items_table(folder, spec)
        self.labels = dict(zip(items.column("id"), items.column("label"), strict=True))
        self._base = frozenset(self.labels)
        self._state = self._now()
        log = read_log(folder, spec)
        self._known = {log.head.name: Held(len(self._base), frozenset(), frozenset())}
        self._follow(log)
        self.first = log.name

    def knows(self, name: str) -> bool:
        """Whether a fingerprint is of this gallery, at any time."""
        if name not in self._known and (state := self._now()) != self._state:
            self._state = state
            try:
                self._read_again()
            except BundleError:
                return False  # another bundle stands there now, and answers by it are foreign
        return name in self._known

    def holds(self, name: str, item: str) -> bool:
        """Whether a known version holds an item."""
        held = self._known[name]
        return item in held.added or (item in self._base and item not in held.removed)

    def size(self, name: str) -> int:
        """Items of a known version."""
        return self._known[name].n_items

    def _read_again(self) -> None:
        log = read_log(self._folder)
        if log.head.name not in self._known and set(log.head.was) & set(self._known):
            # edited and then compacted, between two looks
            items = read_items_table(self._folder, read_gallery_spec(self._folder))
            ids = set(items.column("id"))
            self.labels |= dict(zip(items.column("id"), items.column("label"), strict=True))
            self._known[log.head.name] = Held(len(ids), frozenset(ids - self._base), self._base - ids)
        if log.head.name in self._known:
            self._follow(log)

    def _follow(self, log: Log) -> None:
        held = self._known[log.head.name]
        for edit in log.edits:
            gone, new = frozenset(edit.remove), frozenset(item.id for item in edit.add)
            self.labels |= {item.id: item.label for item in edit.add}
            size = held.n_items - len(gone) + len(new)
            held = Held(size, (held.added - gone) | new, held.removed | (gone & self._base))
            self._known.setdefault(edit.name, held)

    def _now(self) -> tuple[int, int] | None:
        try:
            state = (self._folder / GALLERY_EDITS).stat()
        except OSError:
            return None
        return state.st_ino, state.st_size
