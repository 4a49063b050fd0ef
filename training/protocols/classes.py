"""Classes and categories of a gallery's items: their centres, and who belongs to what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.errors import SettingsError
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery

Index = NDArray[np.int64]
MAX_CATEGORIES = 1000


@dataclass(frozen=True)
class Centres:
    """One mean of embeddings per class.

    Attributes
    ----------
    labels
        Of the classes.
    vectors
        (classes, dim), unit norm.
    of_row
        (items,), class of each gallery row; -1: it is none of these.
    others_only
        The means hold other pictures of the class than those shown, as in the field's use of class centres.
    """

    labels: tuple[str, ...]
    vectors: Vectors
    of_row: Index
    others_only: bool


def centres(gallery: Gallery, shown: Index) -> Centres:
    """Centres of the classes (item labels) of the items that were shown.

    Where every one of these classes has items that were not shown, the mean is over those alone: an answer then finds
    its class, not its own picture.
    """
    names = np.array([item.label for item in gallery.items], object).astype(str)
    labels = np.unique(names[shown])
    of_row = np.full(len(gallery), -1, np.int64)
    place = np.searchsorted(labels, names).clip(max=len(labels) - 1)
    mine = labels[place] == names
    of_row[mine] = place[mine]
    unseen = mine.copy()
    unseen[shown] = False
    others_only = len(np.unique(of_row[unseen])) == len(labels)
    used = unseen if others_only else mine
    vectors = np.stack([gallery.vectors[used & (of_row == k)].mean(axis=0) for k in range(len(labels))])
    return Centres(tuple(labels.tolist()), unit_norm(vectors), of_row, others_only)


def check_centres(gallery: Gallery, shown: Index) -> None:
    """Refuse centres that would be the pictures themselves.

    Raises
    ------
    SettingsError
        No class of the items shown has another item in the gallery.
    """
    sizes = Counter(item.label for item in gallery.items)
    if all(sizes[gallery.items[row].label] == 1 for row in shown):
        raise SettingsError(
            "every class that was shown has one picture in the gallery, so its centre is the picture itself; give a "
            "gallery with further pictures of these classes, or leave --centres out"
        )


def class_of_rows(gallery: Gallery) -> tuple[tuple[str, ...], Index]:
    """Class labels, and the class (items,) of each gallery row."""
    labels, code = np.unique([item.label for item in gallery.items], return_inverse=True)
    return tuple(map(str, labels)), np.asarray(code, np.int64)


def categories(gallery: Gallery, table: Mapping[str, frozenset[str]] | None = None) -> dict[str, NDArray[np.bool_]]:
    """Membership (items,) of each category.

    Parameters
    ----------
    gallery
        Its items' attributes give categories ``name=value`` where no table is given.
    table
        Item id or label to the categories it is of (see `read_categories`).

    Raises
    ------
    SettingsError
        There is no category.
    """
    if table is not None:
        of_item = [table.get(item.id, table.get(item.label, frozenset())) for item in gallery.items]
    else:
        of_item = [frozenset(f"{k}={v}" for k, v in item.attributes.items()) for item in gallery.items]
    names = sorted(frozenset().union(*of_item))
    found = {name: np.array([name in one for one in of_item]) for name in names}
    found = {name: member for name, member in found.items() if member.any() and not member.all()}
    if not found or len(found) > MAX_CATEGORIES:
        raise SettingsError(
            f"the gallery's items give {len(found)} categories; give a table of items and categories (--categories), "
            "or a gallery whose items have attributes"
        )
    return found


def read_categories(path: Path) -> dict[str, frozenset[str]]:
    """Categories of items from a table.

    Two forms are known, both with a header line, tab or comma separated: two columns, item (id or label) and category,
    a line for each pair; or one column of items and one for each category, with 1 where the item belongs (as in the
    table of 53 categories of THINGS [1]_).

    Raises
    ------
    SettingsError
        It cannot be read, or is neither.

    References
    ----------
    .. [1] Stoinski, Perkuhn & Hebart (2024), THINGSplus, Behavior Research Methods 56.
    """
    import csv

    try:
        text = path.read_text("utf-8-sig")
        rows = list(csv.reader(text.splitlines(), delimiter="\t" if "\t" in text.partition("\n")[0] else ","))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SettingsError(f"the table of categories '{path}' cannot be read: {error}") from error
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows if row):
        raise SettingsError(f"'{path}' is no table of items and categories with a header line and even columns")
    head, *body = [row for row in rows if row]
    found: dict[str, set[str]] = {}
    for item, *cells in body:
        if len(cells) == 1:
            found.setdefault(item, set()).add(cells[0])
            continue
        if set(cells) - {"0", "1", "0.0", "1.0", ""}:
            raise SettingsError(f"'{path}' has other values than 0 and 1 for item '{item}'; see the docs for its form")
        found.setdefault(item, set()).update(
            name for name, cell in zip(head[1:], cells, strict=True) if cell[:1] == "1"
        )
    return {item: frozenset(names) for item, names in found.items()}
