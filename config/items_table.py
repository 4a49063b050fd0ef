"""The items of a gallery as a table on which each is read when it is asked for.

As objects a hundred thousand items take seconds to be made, and two kilobytes each; as the columns of the file they
take milliseconds and some hundred bytes. Everything is checked on the columns, so an item that is read is a good one.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from config.bundles import GALLERY_ITEMS, GallerySpec, Item
from config.errors import BundleError

if TYPE_CHECKING:
    import pyarrow as pa

NAMES = tuple(Item.model_fields)
KEPT = 4096
"""Items kept as objects, as the same ones are often answered; more, and all are let go."""
LISTED = 131_072
"""Items whose names are kept as objects once one has been answered: it saves 0.3 ms an answer, for 200 bytes each."""
AT_ONCE = 16_384
BASE_BYTES, MAX_ITEM_BYTES, MAX_BYTES = 1 << 20, 16 << 10, 8 << 30
"""Of the texts of all items: so much for any table, for each item on average, and at most."""


class ItemsTable(Sequence[Item]):
    """Items in the order of the vectors; equal to a tuple of the same items.

    Parameters
    ----------
    table
        Text columns ``NAMES``, checked.
    """

    def __init__(self, table: pa.Table) -> None:
        self._columns = [table[name] for name in NAMES]
        self._n = int(table.num_rows)
        self._kept: dict[int, Item] = {}
        self._named: list[tuple[str, str, str]] | None = None

    def __len__(self) -> int:
        return self._n

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> tuple[Item, ...]: ...
    def __getitem__(self, row: int | slice) -> Item | tuple[Item, ...]:
        if isinstance(row, slice):
            return tuple(self[k] for k in range(*row.indices(self._n)))
        row = range(self._n)[row]
        item = self._kept.get(row)
        if item is None:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            item = self._kept[row] = _item(column[row].as_py() for column in self._columns)
        return item

    def __iter__(self) -> Iterator[Item]:
        for begin in range(0, self._n, AT_ONCE):
            columns = (column.slice(begin, AT_ONCE).to_pylist() for column in self._columns)
            yield from map(_item, zip(*columns, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(other) != self._n:
            return NotImplemented if not isinstance(other, Sequence) else False
        return all(mine == theirs for mine, theirs in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def named(self, row: int) -> tuple[str, str, str]:
        """Id, label and modality of an item; of a table that is not too large without making the item."""
        if self._named is None:
            if self._n > LISTED:
                item = self[row]
                return item.id, item.label, item.modality
            ids, labels, modalities = (column.to_pylist() for column in self._columns[:3])
            self._named = list(zip(ids, labels, modalities, strict=True))
        return self._named[row]

    def column(self, name: str) -> list[str]:
        """One field of every item, such as ``id``."""
        return list(self._columns[NAMES.index(name)].to_pylist())

    def rows_of(self, ids: Iterable[str]) -> dict[str, int]:
        """Rows of those ids that are there, without a table of all of them."""
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(set(ids)), pa.string())
        column = self._columns[NAMES.index("id")]
        there = pc.is_in(column, value_set=wanted)
        rows = pc.indices_nonzero(there).to_pylist()
        return dict(zip(column.filter(there).to_pylist(), rows, strict=True))


def read_items_table(folder: Path, spec: GallerySpec) -> ItemsTable:
    """Items of a gallery.

    Raises
    ------
    BundleError
        The table cannot be read, has another number of rows than ``gallery.json`` says, an id twice, no id or label, or
        a picture outside the bundle.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    path = folder / GALLERY_ITEMS
    try:
        # as dictionaries, so that a long text which stands a million times takes its place once
        with pq.ParquetFile(path, read_dictionary=list(NAMES)) as file:
            # before memory is taken for as many as it claims
            _check_count(path, file.metadata.num_rows, spec)
            table = file.read(columns=list(NAMES))
        _check_size(path, table)
        table = table.select(NAMES).cast(pa.schema([(name, pa.string()) for name in NAMES]))
        table.validate(full=True)  # texts are read one by one later: here is where they are found to be none
        attributes = [_attributes(text) for text in pc.unique(table["attributes"]).to_pylist()]
    except (OSError, ValueError, KeyError, TypeError, RecursionError, pa.ArrowException) as error:
        raise BundleError(f"'{path}' is not a table of gallery items: {_first(error)}") from error
    if any(table[name].null_count for name in NAMES[:-1]) or None in attributes:
        raise BundleError(f"'{path}' is not a table of gallery items: a field is empty or no text")
    _check_count(path, table.num_rows, spec)
    if pc.count_distinct(table["id"]).as_py() != table.num_rows:
        raise BundleError(f"'{path}' holds an id twice; every item of a gallery needs its own")
    _refuse_outside(folder, table["picture"])
    return ItemsTable(table)


def _check_count(path: Path, rows: int, spec: GallerySpec) -> None:
    if rows != spec.n_items:
        raise BundleError(f"'{path}' holds {rows} items, gallery.json says {spec.n_items}; build the gallery again")


def _check_size(path: Path, table: pa.Table) -> None:
    """Whether the texts, each written out where it stands, are no longer than those of items can be."""
    import pyarrow.compute as pc

    total = 0
    for chunk in (chunk for column in table.columns for chunk in column.chunks):
        texts = getattr(chunk, "dictionary", None)
        total += chunk.nbytes if texts is None else pc.sum(pc.binary_length(texts).take(chunk.indices)).as_py() or 0
    if total > min(MAX_BYTES, BASE_BYTES + MAX_ITEM_BYTES * table.num_rows):
        raise BundleError(f"'{path}' would take {total >> 20} MB of memory for {table.num_rows} items; refused")


def _first(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]


def named(items: Sequence[Item], row: int) -> tuple[str, str, str]:
    """Id, label and modality of an item."""
    if isinstance(items, ItemsTable):
        return items.named(row)
    item = items[row]
    return item.id, item.label, item.modality


def ids_of(items: Sequence[Item]) -> list[str]:
    """Ids of items, in their order."""
    return items.column("id") if isinstance(items, ItemsTable) else [item.id for item in items]


def _item(values: Iterable[Any]) -> Item:
    fields = dict(zip(NAMES, values, strict=True))
    return Item.model_construct(**{**fields, "attributes": _attributes(fields["attributes"]) or {}})


def _attributes(text: str | None) -> dict[str, str] | None:
    """Attributes of an item; None where the text holds something else."""
    if not text or text == "{}":
        return {}
    found = json.loads(text)
    good = isinstance(found, dict) and all(isinstance(value, str) for value in found.values())
    return found if good else None


def _refuse_outside(folder: Path, pictures: pa.ChunkedArray) -> None:
    """No picture's path may lead out of the bundle, be it by its words or by a link."""
    root = folder.resolve()
    by_folder: dict[str, set[str]] = {}
    for begin in range(0, len(pictures), AT_ONCE):
        some = pictures.slice(begin, AT_ONCE)
        for picture in filter(None, some.to_pylist()):  # pyarrow's own comparison with "" loads pandas
            if "\x00" in picture:
                raise BundleError(f"picture path {picture!r:.80} of gallery '{folder}' names no file, which is refused")
            where, _, name = picture.rpartition("/")
            by_folder.setdefault(where, set()).add(name)
    for where, names in by_folder.items():
        inside = (folder / where).resolve()
        bad = names & {"", ".", ".."} if inside.is_relative_to(root) else names
        bad = bad or {name for name in names if "\\" in name}
        if not bad and inside.is_dir():
            with os.scandir(inside) as entries:
                links = [entry for entry in entries if entry.is_symlink() and entry.name in names]
            bad = {link.name for link in links if not Path(link.path).resolve().is_relative_to(root)}
        if bad:
            shown = f"{where}/{sorted(bad)[0]}" if where else sorted(bad)[0]
            raise BundleError(f"picture path '{shown}' leaves the gallery folder '{folder}', which is refused")
