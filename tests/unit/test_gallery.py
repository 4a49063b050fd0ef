"""Galleries: round trip, exact search with ties, and every way in which one can be wrong."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from numpy.typing import NDArray

from config import bundles
from config.bundles import EncoderSpec, Item
from config.chain import ChainSettings, WindowSettings
from config.errors import BundleError
from inference.encoders.base import unit_norm
from inference.gallery import Gallery, check_fit, write_gallery

Array = NDArray[np.float32]


def encoder_spec(space: str, dim: int) -> EncoderSpec:
    return EncoderSpec(
        architecture="eegproject",
        channels=("a",),
        window=WindowSettings(),
        chain=ChainSettings(channels=("a",)),
        space=space,
        dim=dim,
        weights_sha256="0" * 64,
    )


def items(n: int) -> list[Item]:
    return [Item(id=f"item-{k}", label=f"label {k}", attributes={"colour": "red" if k % 2 else ""}) for k in range(n)]


def vectors(n: int, dim: int = 16, seed: int = 0) -> Array:
    return np.random.default_rng(seed).standard_normal((n, dim)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_gallery(tmp_path / "gallery", items(30), 5 * vectors(30), space="test:16", model="random")
    return tmp_path / "gallery"


def test_round_trip(folder: Path) -> None:
    gallery = Gallery.load(folder)
    assert gallery.items == tuple(items(30))
    assert gallery.row_of["item-7"] == 7
    assert (gallery.spec.space, gallery.spec.dim, gallery.spec.n_items, len(gallery)) == ("test:16", 16, 30, 30)
    assert np.allclose(gallery.vectors, unit_norm(vectors(30)), atol=1e-6)
    assert gallery.vectors.dtype == np.float32
    assert gallery.fingerprint == bundles.fingerprint(gallery.spec)


@pytest.mark.parametrize("k", [1, 5, 200, 700])
@pytest.mark.parametrize("queries", [1, 2, 40])
def test_search_equals_brute_force(tmp_path: Path, k: int, queries: int) -> None:
    write_gallery(tmp_path / "g", items(700), vectors(700), space="s", model="m")
    gallery = Gallery.load(tmp_path / "g")
    wanted = unit_norm(vectors(queries, seed=1))
    cosines, rows = gallery.search(wanted, k)
    every = gallery.cosines(wanted)
    assert cosines.shape == rows.shape == (queries, k)
    assert np.allclose(cosines, -np.sort(-every, axis=1)[:, :k], atol=1e-6)
    assert np.allclose(np.take_along_axis(every, rows, axis=1), cosines, atol=1e-6)
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert all(len(set(row)) == k for row in rows.tolist())


@pytest.mark.parametrize("k", [3, 10, 50])
def test_ties_come_by_row(tmp_path: Path, k: int) -> None:
    # five vectors, each ten times: whole groups of exact ties, and a cut through one of them
    distinct = vectors(5)
    write_gallery(tmp_path / "g", items(50), np.tile(distinct, (10, 1)), space="s", model="m")
    gallery = Gallery.load(tmp_path / "g")
    query = unit_norm(distinct[2:3] + 0.1 * distinct[1:2])
    cosines, rows = gallery.search(query, k)
    order = np.lexsort((np.arange(50), -np.round(gallery.cosines(query)[0], 5)))
    assert np.allclose(cosines[0], np.sort(gallery.cosines(query)[0])[::-1][:k], atol=1e-6)
    assert rows[0, : k - k % 10].tolist() == order[: k - k % 10].tolist()
    assert set(rows[0] % 5) == set(order[:k] % 5)
    again = gallery.search(query, k)
    assert np.array_equal(rows, again[1])


def test_more_than_there_are(folder: Path) -> None:
    cosines, rows = Gallery.load(folder).search(unit_norm(vectors(1)), 1000)
    assert cosines.shape == (1, 30)
    assert sorted(rows[0].tolist()) == list(range(30))


def test_search_by_item(folder: Path) -> None:
    gallery = Gallery.load(folder)
    found = gallery.neighbours("item-3", 4)
    cosines = gallery.vectors @ gallery.vectors[3]
    cosines[3] = -2
    best = np.argsort(-cosines)[:4]
    assert [item.id for item, _ in found] == [f"item-{row}" for row in best]
    assert np.allclose([cosine for _, cosine in found], cosines[best], atol=1e-6)
    with pytest.raises(BundleError, match="no item 'item-33'; nearest: 'item-3'"):
        gallery.neighbours("item-33", 4)


def test_queries_of_another_dimension(folder: Path) -> None:
    with pytest.raises(BundleError, match="do not fit gallery 'test:16' of 16"):
        Gallery.load(folder).search(vectors(1, dim=15), 3)


def test_pictures_are_copied(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"picture")
    item = Item(id="a", label="a", picture="pictures/sub/a.png")
    pictures = {item.picture: tmp_path / "a.png"}
    write_gallery(tmp_path / "g", [item], vectors(1), space="s", model="m", pictures=pictures)
    assert (tmp_path / "g" / Gallery.load(tmp_path / "g").items[0].picture).read_bytes() == b"picture"


@pytest.mark.parametrize("picture", ["../secret.png", "/etc/passwd", "pictures/../../x.png"])
def test_pictures_cannot_leave_the_bundle(tmp_path: Path, picture: str) -> None:
    item = Item(id="a", label="a", picture=picture)
    (tmp_path / "a.png").write_bytes(b"picture")
    with pytest.raises(BundleError, match="leaves the gallery"):
        write_gallery(tmp_path / "g", [item], vectors(1), space="s", model="m")
    with pytest.raises(BundleError, match="leaves the gallery"):
        pictures = {picture: tmp_path / "a.png"}
        write_gallery(tmp_path / "g", [Item(id="a", label="a")], vectors(1), space="s", model="m", pictures=pictures)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_bundle_made_to_leave_its_folder_is_refused(folder: Path) -> None:
    rows = pq.read_table(folder / bundles.GALLERY_ITEMS).to_pylist()
    rows[4]["picture"] = "../../../etc/passwd"
    pq.write_table(pa.Table.from_pylist(rows), folder / bundles.GALLERY_ITEMS)
    path = folder / bundles.GALLERY_JSON
    digest = bundles.file_sha256(folder / bundles.GALLERY_ITEMS)
    path.write_text(json.dumps({**json.loads(path.read_text()), "items_sha256": digest}))
    with pytest.raises(BundleError, match="leaves the gallery folder"):
        Gallery.load(folder)


@pytest.mark.parametrize("name", [bundles.GALLERY_ITEMS, bundles.GALLERY_VECTORS])
def test_truncated_or_missing_files(folder: Path, name: str) -> None:
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[:-5])
    with pytest.raises(BundleError, match="truncated or changed"):
        Gallery.load(folder)
    (folder / name).unlink()
    with pytest.raises(BundleError, match="missing"):
        Gallery.load(folder)


def test_an_encoder_bundle_is_no_gallery(folder: Path) -> None:
    (folder / bundles.GALLERY_JSON).write_text('{"format": "eegseek-encoder", "version": 1}')
    with pytest.raises(BundleError, match="not a valid gallery bundle"):
        Gallery.load(folder)


@pytest.mark.parametrize(
    ("ids", "values", "message"),
    [
        (["a", "a"], vectors(2), "'a' is empty or stands twice"),
        (["a", ""], vectors(2), "'' is empty"),
        (["a", "b", "c"], vectors(2), "3 items"),
        ([], vectors(0), "0 items"),
        (["a", "b"], np.array([[1, 0], [0, 0]], np.float32), "'b' is zero"),
        (["a", "b"], np.array([[1, np.inf], [0, 1]], np.float32), "'a' is zero or not finite"),
        (["a", "b"], np.eye(2, dtype=int), "int64"),
    ],
)
def test_items_and_vectors_must_fit(tmp_path: Path, ids: list[str], values: Array, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        write_gallery(tmp_path / "g", [Item(id=i, label=i) for i in ids], values, space="s", model="m")
    assert not list(tmp_path.iterdir())


def test_spaces_that_differ_name_both_sides_and_the_way_out(folder: Path) -> None:
    gallery = Gallery.load(folder).spec
    check_fit(encoder_spec("test:16", 16), gallery)
    for space, dim in (("pixels-v1:128", 16), ("test:16", 15)):
        with pytest.raises(BundleError, match=rf"'{space}' \({dim}-d\).*'test:16' \(16-d\).*gallery build"):
            check_fit(encoder_spec(space, dim), gallery)


def test_searching_leaves_torchs_threads_alone(folder: Path) -> None:
    """FAISS and torch share one OpenMP: a search while training must not slow the training down."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        Gallery.load(folder).search(unit_norm(vectors(1)), 3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
