"""Items read as a table are those that were written, and what is wrong in a file is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config import items_table
from config.bundles import GALLERY_ITEMS, GallerySpec, Item, read_gallery_spec
from config.errors import BundleError
from config.items_table import ItemsTable, ids_of, read_items_table
from inference.gallery import write_gallery

N = 50


def made(k: int) -> Item:
    attributes = {} if k % 3 else {"colour": "red", "size": str(k)}
    return Item(id=f"i{k}", label=f"läbel {k}", modality="text" if k % 2 else "image", attributes=attributes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_gallery(tmp_path / "g", [made(k) for k in range(N)], np.eye(N, dtype=np.float32), space="s", model="m")
    return tmp_path / "g"


def test_they_are_the_same_items(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(items_table, "AT_ONCE", 7)
    monkeypatch.setattr(items_table, "KEPT", 5)
    one_by_one, table = tuple(made(k) for k in range(N)), read_items_table(folder, read_gallery_spec(folder))
    assert tuple(table) == one_by_one == tuple(table[k] for k in range(N))
    assert table == one_by_one
    assert table != one_by_one[:-1]
    assert table != (*one_by_one[:-1], made(0))
    assert table[-1] == one_by_one[-1]
    assert table[3:9:2] == one_by_one[3:9:2]
    assert table[10] is table[10]
    assert ids_of(table) == ids_of(one_by_one) == [f"i{k}" for k in range(N)]
    assert table.rows_of(["i7", "i49", "zz", "i0"]) == {"i0": 0, "i7": 7, "i49": 49}
    assert table[0].model_dump() == one_by_one[0].model_dump()
    with pytest.raises(IndexError):
        table[N]


def rewrite(folder: Path, **columns: Any) -> GallerySpec:
    spec = read_gallery_spec(folder)
    given = pq.read_table(folder / GALLERY_ITEMS).to_pydict() | columns
    pq.write_table(pa.table(given), folder / GALLERY_ITEMS)
    return spec


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["i0"] * N}, "holds an id twice"),
        ({"label": [None] * N}, "a field is empty"),
        ({"attributes": ["[1]"] * N}, "no text"),
        ({"attributes": [json.dumps({"a": 1})] * N}, "no text"),
        ({"attributes": ["{"] * N}, "is not a table"),
        ({"label": [b"\xdc\x00"] * N}, "is not a table"),
        ({"picture": ["../secret.png"] * N}, "leaves the gallery"),
        ({"picture": ["/etc/passwd"] * N}, "leaves the gallery"),
        ({"picture": ["a/../../x.png"] * N}, "leaves the gallery"),
        ({"picture": ["a/.."] * N}, "leaves the gallery"),
    ],
)
def test_what_is_wrong_is_refused(folder: Path, columns: dict[str, Any], message: str) -> None:
    spec = rewrite(folder, **columns)
    with pytest.raises(BundleError, match=message):
        read_items_table(folder, spec)


def test_a_link_that_leads_outside_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "pictures").mkdir()
    (tmp_path / "secret.png").write_bytes(b"secret")
    (folder / "pictures" / "x.png").symlink_to(tmp_path / "secret.png")
    spec = rewrite(folder, picture=["pictures/x.png"] * N)
    with pytest.raises(BundleError, match=r"'pictures/x\.png' leaves the gallery"):
        read_items_table(folder, spec)
    (folder / "pictures" / "x.png").unlink()
    (folder / "pictures" / "y.png").write_bytes(b"mine")
    (folder / "pictures" / "x.png").symlink_to(folder / "pictures" / "y.png")
    assert isinstance(read_items_table(folder, spec), ItemsTable)


def test_another_number_of_rows_or_another_file(folder: Path) -> None:
    spec = read_gallery_spec(folder)
    with pytest.raises(BundleError, match=r"holds 50 items, gallery\.json says 51"):
        read_items_table(folder, spec.model_copy(update={"n_items": N + 1}))
    pq.write_table(pa.table({"id": ["a"] * N}), folder / GALLERY_ITEMS)
    with pytest.raises(BundleError, match="is not a table"):
        read_items_table(folder, spec)
    (folder / GALLERY_ITEMS).write_bytes(b"none")
    with pytest.raises(BundleError, match="is not a table"):
        read_items_table(folder, spec)


@pytest.mark.parametrize("listed", [0, 1000])
def test_names_without_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: int) -> None:
    from config import items_table

    monkeypatch.setattr(items_table, "LISTED", listed)
    items = tuple(Item(id=f"i{k}", label=f"l{k}", modality="text" if k % 2 else "image") for k in range(5))
    vectors = np.eye(5, dtype=np.float32)
    spec = write_gallery(tmp_path / "g", items, vectors, space="s", model="m")
    table = items_table.read_items_table(tmp_path / "g", spec)
    for k, item in enumerate(items):
        wanted = (item.id, item.label, item.modality)
        assert items_table.named(table, k) == items_table.named(items, k) == wanted
