"""One version of a gallery that is edited while it serves: immutable, so that an answer is by one version as a whole.

A version shares the vectors and the index of the gallery that it was made from. What was removed is passed over in its
answers, what was added is searched beside it, exactly: so an edit costs as much as it is large, not as the gallery is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain, compress
from typing import Any, overload

import numpy as np

from config.bundles import Item
from config.errors import BundleError
from config.gallery_log import Edit
from config.items_table import ItemsTable
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery
from inference.index import Index, Rows, mapped
from inference.milvus_client import PREFIX

SPARE = 32
"""Neighbours asked for beyond those wanted, at first: some may have been removed."""
FOLD_ABOVE = 4096
"""Items added and removed beyond which a new index of all is worth its making."""
COPY_ROWS = 4096


class Version(Gallery):
    """A gallery with items added and removed, to be searched; `folded` gives one for everything else.

    Its rows are those of the gallery below, removed ones unused, then those of the added.

    Parameters
    ----------
    below
        What it was made from; not a version itself.
    gone
        Rows removed from it, ascending.
    added
        Items added, and not removed again.
    vectors
        Their embeddings (n, dim), unit norm.
    fingerprint
        What this version goes by.
    """

    def __init__(self, below: Gallery, gone: Rows, added: tuple[Item, ...], vectors: Vectors, fingerprint: str) -> None:
        # nothing here takes time in proportion to the gallery below: windows are answered meanwhile
        self.below, self.gone, self.added, self.added_vectors = below, gone, added, vectors
        self.spec, self.fingerprint = below.spec, fingerprint
        self.items = _Joined(below.items, added)
        self._beside = _index(vectors) if len(added) else None

    def __len__(self) -> int:
        return len(self.below) - len(self.gone) + len(self.added)

    @property
    def changes(self) -> int:
        """Items added and removed."""
        return len(self.gone) + len(self.added)

    @property
    def worth_folding(self) -> bool:
        """Whether `folded` would search faster: an index that was built for the bundle, or is elsewhere, stays."""
        choice = self.below.choice
        made_elsewhere = choice.built is not None or choice.asked.startswith(PREFIX) or mapped(self.below.vectors)
        return not made_elsewhere and self.changes > FOLD_ABOVE

    def foresee(self, near: Vectors, k: int) -> Any:
        """See `Gallery.foresee`: of the gallery below."""
        return self.below.foresee(near, min(k, len(self)) + self._spare)

    def search(self, queries: Vectors, k: int, foreseen: Any = None) -> tuple[Vectors, Rows]:
        """The ``k`` nearest items of each query, best first, equal ones by row; see `Gallery.search`."""
        k = min(k, len(self))
        cosines, rows = self._still_there(queries, k, foreseen)
        if self._beside is not None:
            more, beside = self._beside.search(queries, min(k, len(self.added)))
            cosines = np.concatenate([cosines, more], axis=1)
            rows = np.concatenate([rows, beside + len(self.below)], axis=1)
        order = np.lexsort((rows, -cosines), axis=-1)[:, :k]
        return np.take_along_axis(cosines, order, axis=-1), np.take_along_axis(rows, order, axis=-1)

    @property
    def _spare(self) -> int:
        return min(SPARE, len(self.gone))

    def _still_there(self, queries: Vectors, k: int, foreseen: Any) -> tuple[Vectors, Rows]:
        """The nearest below, at least ``k`` that were not removed where there are as many; removed ones at -inf."""
        wanted = k + self._spare
        while True:
            cosines, rows = self.below.search(queries, wanted, foreseen)
            if not len(self.gone):
                return cosines, rows
            near = np.minimum(np.searchsorted(self.gone, rows), len(self.gone) - 1)
            gone = self.gone[near] == rows
            if rows.shape[1] < wanted or rows.shape[1] == len(self.below) or (~gone).sum(axis=1).min() >= k:
                return np.where(gone, np.float32(-np.inf), cosines), rows
            wanted = min(2 * wanted, len(self.below))

    def edited(self, edits: Sequence[Edit]) -> Version:
        """The version after more edits.

        Raises
        ------
        BundleError
            An edit does not fit: an id is not there, or there already.
        """
        below = self._rows_below(edits)
        gone, added = set(self.gone.tolist()), dict(zip((i.id for i in self.added), self.added, strict=True))
        rows = dict(zip(added, self.added_vectors, strict=True))
        for edit in edits:
            for name in edit.remove:
                if added.pop(name, None) is not None:
                    del rows[name]
                    continue
                row = below.get(name)
                if row is None or row in gone:
                    raise BundleError(f"edit {edit.name} removes '{name}', which the gallery does not hold")
                gone.add(row)
            for item, vector in zip(edit.add, unit_norm(edit.rows(self.spec.dim)), strict=True):
                if item.id in added or (item.id in below and below[item.id] not in gone):
                    raise BundleError(f"edit {edit.name} adds '{item.id}', which the gallery holds already")
                added[item.id], rows[item.id] = item, vector
        vectors = np.stack(list(rows.values())) if rows else np.empty((0, self.spec.dim), np.float32)
        name = edits[-1].name if edits else self.fingerprint
        return Version(self.below, np.array(sorted(gone), np.int64), tuple(added.values()), vectors, name)

    def _rows_below(self, edits: Sequence[Edit]) -> dict[str, int]:
        """Rows of the ids that edits speak of, where the gallery below has them."""
        named = [name for edit in edits for name in (*edit.remove, *(item.id for item in edit.add))]
        items: Sequence[Item] = self.below.items
        if isinstance(items, ItemsTable):
            return items.rows_of(named)
        return {name: self.below.row_of[name] for name in named if name in self.below.row_of}

    def folded(self) -> Gallery:
        """The same items and vectors as one gallery with an index of its own, its rows without gaps."""
        there = np.ones(len(self.below), bool)
        there[self.gone] = False
        kept = np.flatnonzero(there)
        vectors = np.empty((len(self), self.spec.dim), np.float32)
        for k in range(0, len(kept), COPY_ROWS):  # in pieces, so that the thread that answers gets its turn
            some = kept[k : k + COPY_ROWS]
            vectors[k : k + len(some)] = self.below.vectors[some]
        vectors[len(kept) :] = self.added_vectors
        spec = self.spec.model_copy(update={"n_items": len(self)})
        whole = Gallery(spec, (*compress(self.below.items, there.tolist()), *self.added), vectors)
        whole.fingerprint = self.fingerprint
        return whole


class _Joined(Sequence[Item]):
    """Items of two tuples as one, without copying them."""

    def __init__(self, first: Sequence[Item], second: tuple[Item, ...]) -> None:
        self._first, self._second = first, second

    def __len__(self) -> int:
        return len(self._first) + len(self._second)

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, row: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(row, slice):
            return tuple(self)[row]
        return self._first[row] if row < len(self._first) else self._second[row - len(self._first)]

    def __iter__(self) -> Iterator[Item]:
        return chain(self._first, self._second)


def version(gallery: Gallery) -> Version:
    """A gallery as the version that edits begin from."""
    if isinstance(gallery, Version):
        return gallery
    nothing = np.empty(0, np.int64), (), np.empty((0, gallery.spec.dim), np.float32)
    return Version(gallery, *nothing, gallery.fingerprint)


def _index(vectors: Vectors) -> Index:
    from inference.indexes.choose import serve

    return serve(vectors)
