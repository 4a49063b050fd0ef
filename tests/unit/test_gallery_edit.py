"""Galleries that are edited: any history equals brute force, versions are named alike everywhere, nothing is lost."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from config.bundles import GallerySpec, Item, fingerprint, read_gallery_spec
from config.errors import BundleError
from config.gallery_log import GALLERY_EDITS, Edit, line_of, read_log
from inference import gallery_compact, gallery_edit, gallery_version
from inference.encoders.base import unit_norm
from inference.gallery import Gallery, write_gallery
from inference.gallery_version import Version, version

DIM, FIRST = 6, 12
Array = NDArray[np.float32]


def vectors(n: int, seed: int) -> Array:
    # few values, so that equal cosines are common
    return np.random.default_rng(seed).integers(-2, 3, (n, DIM)).astype(np.float32) + np.float32(0.5)


def items(names: list[str]) -> list[Item]:
    return [Item(id=name, label=f"label {name}") for name in names]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "g"
    write_gallery(folder, items([f"a{k}" for k in range(FIRST)]), vectors(FIRST, 0), space="s", model="m")
    return folder


@pytest.fixture
def folder(bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(bundle, tmp_path / "g")
    return tmp_path / "g"


def add(folder: Path, *names: str, seed: int = 1) -> str:
    return gallery_edit.edit(folder, items(list(names)), vectors(len(names), seed))


def found(gallery: Gallery, queries: Array, k: int) -> list[list[tuple[str, float]]]:
    cosines, rows = gallery.search(queries, k)
    return [
        [(gallery.items[r].id, float(c)) for c, r in zip(*pair, strict=True)]
        for pair in zip(cosines, rows, strict=True)
    ]


def same_answers(one: Gallery, other: Gallery, seed: int = 5) -> bool:
    queries = unit_norm(vectors(4, seed))
    return all(found(one, queries, k) == found(other, queries, k) for k in (1, 3, 100))


class Mirror:
    """What the gallery should hold: ids in order, with their vectors."""

    def __init__(self, gallery: Gallery) -> None:
        self.rows = {item.id: gallery.vectors[k] for k, item in enumerate(gallery.items)}

    def edit(self, remove: list[str], names: list[str], new: Array) -> None:
        for name in remove:
            del self.rows[name]
        self.rows.update(zip(names, unit_norm(unit_norm(new)), strict=True))

    def nearest(self, queries: Array, k: int) -> list[list[str]]:
        names, every = list(self.rows), queries @ np.stack(list(self.rows.values())).T
        return [[names[r] for r in np.lexsort((np.arange(len(names)), -np.round(row, 6)))[:k]] for row in every]


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[list[str], list[str]]]:
    """Edits that fit one another: ids removed, ids added, some of them again."""
    there, edits = [f"a{k}" for k in range(FIRST)], []
    for number in range(draw(st.integers(1, 6))):
        gone = draw(st.lists(st.sampled_from(there), unique=True, max_size=len(there)))
        fresh = [f"b{number}-{k}" for k in range(draw(st.integers(0, 4)))]
        back = draw(st.lists(st.sampled_from(gone), unique=True, max_size=2)) if gone else []
        left = [name for name in there if name not in gone]
        if (gone or fresh) and left + fresh + back:
            edits.append((gone, fresh + back))
            there = left + fresh + back
    return edits


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), seed=st.integers(0, 1000), fold_at=st.sampled_from([0, 3, 10_000]))
def test_any_history_equals_brute_force(
    bundle: Path,
    tmp_path_factory: pytest.TempPathFactory,
    history: list[tuple[list[str], list[str]]],
    seed: int,
    fold_at: int,
) -> None:
    folder = tmp_path_factory.mktemp("h") / "g"
    shutil.copytree(bundle, folder)
    served: Gallery = Gallery.load(folder)
    mirror = Mirror(served)
    queries = unit_norm(vectors(3, seed) + np.float32(0.01) * np.arange(DIM, dtype=np.float32))
    for number, (gone, new) in enumerate(history):
        rows = vectors(len(new), seed + number)
        name = gallery_edit.edit(folder, items(new), rows, remove=gone)
        before = found(served, queries, 5)
        kept = served
        served = version(served).edited(read_log(folder).since(served.fingerprint) or ())
        assert found(kept, queries, 5) == before, "an older version does not change"
        if served.changes > fold_at:
            served = served.folded()
        mirror.edit(gone, new, rows)
        assert served.fingerprint == name
        assert len(served) == len(mirror.rows)
        for k in (1, 4, 50):
            got = found(served, queries, k)
            wanted = mirror.nearest(queries, k)
            every = {one: queries @ row for one, row in mirror.rows.items()}
            for q, (have, want) in enumerate(zip(got, wanted, strict=True)):
                assert len(have) == len(want) == min(k, len(mirror.rows))
                assert len({one for one, _ in have}) == len(have)
                for (one, cosine), other in zip(have, want, strict=True):
                    assert abs(cosine - every[one][q]) < 1e-5
                    assert abs(cosine - every[other][q]) < 1e-5
    fresh = gallery_edit.load(folder)
    assert [item.id for item in fresh.items] == list(mirror.rows)
    assert fresh.fingerprint == served.fingerprint
    assert same_answers(fresh, served), "bit for bit, equal ones in one order"
    if history:
        gallery_compact.compact(folder)
        assert same_answers(gallery_edit.load(folder), served)
        assert Gallery.load(folder).vectors.tobytes() == fresh.vectors.tobytes()


def test_what_a_version_foresees_changes_no_bit() -> None:
    rng = np.random.default_rng(0)
    many = unit_norm(rng.standard_normal((9000, 24)))
    spec = GallerySpec(space="s", dim=24, model="m", n_items=9000, items_sha256="0" * 64, vectors_sha256="0" * 64)
    below = Gallery(spec, tuple(items([f"a{k}" for k in range(9000)])), many)
    new = unit_norm(rng.standard_normal((3, 24)))
    served = Version(below, np.arange(0, 9000, 40), tuple(items(["x", "y", "z"])), new, "f" * 16)
    near = unit_norm(rng.standard_normal((2, 24)))
    for gallery in (below, served):
        foreseen = gallery.foresee(near, 20)
        assert foreseen is not None
        for far in (0.0, 0.002, 1.0):
            queries = unit_norm(near + far * rng.standard_normal((2, 24)))
            got, wanted = gallery.search(queries, 20, foreseen), gallery.search(queries, 20)
            assert got[0].tobytes() == wanted[0].tobytes() and got[1].tobytes() == wanted[1].tobytes()
        # of the gallery before an edit, for the one after it
        got, wanted = served.search(near, 20, foreseen), served.search(near, 20)
        assert got[1].tobytes() == wanted[1].tobytes()


def test_a_version_is_named_by_what_led_to_it(folder: Path, bundle: Path, tmp_path: Path) -> None:
    base = gallery_edit.load(folder).fingerprint
    assert base == fingerprint(read_gallery_spec(folder))
    names = [add(folder, "x"), gallery_edit.edit(folder, remove=["a3"]), add(folder, "a3", seed=2)]
    assert len({base, *names}) == 4
    again = tmp_path / "again"
    shutil.copytree(bundle, again)
    assert [add(again, "x"), gallery_edit.edit(again, remove=["a3"]), add(again, "a3", seed=2)] == names
    assert read_log(folder).names == (base, *names)
    other = tmp_path / "other"
    shutil.copytree(bundle, other)
    assert add(other, "x", seed=9) != names[0], "other vectors, another version"


def test_compaction_keeps_name_items_pictures_and_bits(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "Red.PNG")
    item = Item(id="red", label="red", picture="pictures/Red.PNG", attributes={"size": "8"})
    gallery_edit.edit(folder, [item], vectors(1, 3), remove=["a0"], pictures={"pictures/Red.PNG": tmp_path / "Red.PNG"})
    before = gallery_edit.load(folder)
    served = gallery_edit.serving(folder)
    assert isinstance(served, Version)
    first = read_log(folder)
    spec = gallery_compact.compact(folder)
    after = gallery_edit.load(folder)
    assert after.fingerprint == before.fingerprint == served.fingerprint != fingerprint(spec)
    assert after.items == before.items
    assert after.vectors.tobytes() == before.vectors.tobytes()
    assert same_answers(after, served)
    assert (folder / after.items[-1].picture).is_file()
    log = read_log(folder)
    assert (log.edits, log.head.was) == ((), first.names[:-1])
    # and on it goes, from the same name
    name = add(folder, "next")
    assert read_log(folder).names == (after.fingerprint, name)
    assert version(served).edited(read_log(folder).since(served.fingerprint) or ()).fingerprint == name
    with pytest.raises(BundleError, match="no edits"):
        gallery_compact.compact(folder)
        gallery_compact.compact(folder)


def test_compaction_to_another_folder_leaves_the_first(folder: Path, tmp_path: Path) -> None:
    name = add(folder, "x")
    gallery_compact.compact(folder, tmp_path / "new")
    assert gallery_edit.load(tmp_path / "new").fingerprint == gallery_edit.load(folder).fingerprint == name
    assert len(read_log(folder).edits) == 1


def test_a_torn_last_line_was_never_promised(folder: Path) -> None:
    first = add(folder, "x")
    add(folder, "y", seed=2)
    log = folder / GALLERY_EDITS
    whole = log.read_bytes()
    begin = whole.rindex(b"\n", 0, -1) + 1
    for cut in (begin + 1, begin + 40, len(whole) - 1):
        log.write_bytes(whole[:cut])
        assert gallery_edit.load(folder).fingerprint == first
        second = add(folder, "y", seed=2)
        assert log.read_bytes() == whole, "the next edit takes its place"
        assert read_log(folder).names[-1] == second
    head = whole.index(b"\n")
    log.write_bytes(whole[: head - 3])
    assert gallery_edit.load(folder).fingerprint == read_log(folder).head.base
    add(folder, "x")
    assert gallery_edit.load(folder).fingerprint == first


def test_a_changed_or_foreign_log_is_refused(folder: Path, tmp_path: Path) -> None:
    add(folder, "x")
    add(folder, "y", seed=2)
    log = folder / GALLERY_EDITS
    lines = log.read_bytes().splitlines(keepends=True)
    changes = {
        "was changed": [lines[0], lines[1].replace(b"label x", b"label z"), lines[2]],
        "line 2 .*was changed": [lines[0], lines[2]],
        "is no edit": [lines[0], b"{}x\n", lines[2]],
        "Extra inputs": [lines[0], b'{"other": 1}\n'],
        "holds edits of gallery": [lines[0].replace(read_log(folder).head.base.encode(), b"0" * 16)],
    }
    for message, changed in changes.items():
        log.write_bytes(b"".join(changed))
        with pytest.raises(BundleError, match=message):
            gallery_edit.load(folder)
    # an edit whose hash is right but whose vectors are too short
    row = json.loads(lines[1])
    row["vectors"] = row["vectors"][:8]
    log.write_bytes(lines[0])
    base = read_log(folder)
    bad = base.and_(Edit.model_validate({**row, "name": "0" * 16}))
    log.write_bytes(lines[0] + json.dumps(bad.edits[0].model_dump(mode="json")).encode() + b"\n")
    with pytest.raises(BundleError, match=r"6 dimensions|no base 64"):
        gallery_edit.load(folder)


def test_a_picture_outside_is_refused(folder: Path) -> None:
    add(folder, "x")
    log = read_log(folder)
    for bad in ("../../secret.png", "/etc/passwd", "pictures/added/../../x.png"):
        edit = log.edits[0].model_copy(update={"add": (Item(id="x", label="x", picture=bad),)}).after(log.head.name)
        (folder / GALLERY_EDITS).write_bytes(line_of(log.head) + line_of(edit))
        with pytest.raises(BundleError, match="where no edit puts one"):
            gallery_edit.load(folder)


@pytest.mark.parametrize("reader", [gallery_edit.load, gallery_edit.serving])
def test_a_bundle_that_is_compacted_while_it_is_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch, reader: Callable[[Path], Gallery]
) -> None:
    name = add(folder, "x")
    read, times = gallery_edit.read_spec, []

    def between(where: Path) -> GallerySpec:
        """After the bundle was read, and before its log is."""
        if not times:
            times.append(1)
            monkeypatch.setattr(gallery_edit, "read_spec", read)
            gallery_compact.compact(folder)
        return read(where)

    monkeypatch.setattr(gallery_edit, "read_spec", between)
    found = reader(folder)
    assert times
    assert (found.fingerprint, len(found)) == (name, FIRST + 1)
    assert same_answers(found, gallery_edit.load(folder))


def test_a_gallery_that_is_not_there_is_said_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="cannot be read"):
        gallery_edit.serving(tmp_path / "none")


def test_writers_take_turns(folder: Path) -> None:
    with ThreadPoolExecutor(4) as writers:
        names = list(writers.map(lambda k: add(folder, f"x{k}", seed=k), range(12)))
    log = read_log(folder)
    assert sorted(log.names[1:]) == sorted(names)
    assert len(gallery_edit.load(folder)) == FIRST + 12


@pytest.mark.parametrize(
    ("names", "remove", "message"),
    [
        (["a1"], [], "has an item 'a1' already"),
        ([], ["zz"], "no item 'zz'"),
        (["n", "n"], [], "stands twice"),
        ([], ["a1", "a1"], "stands twice"),
        ([""], [], "is empty"),
        ([], ["x", *[f"a{k}" for k in range(FIRST)]], "leave the gallery empty"),
        ([], [], "nothing is to be"),
    ],
)
def test_edits_that_do_not_fit_change_nothing(folder: Path, names: list[str], remove: list[str], message: str) -> None:
    add(folder, "x")
    before = (folder / GALLERY_EDITS).read_bytes()
    with pytest.raises(BundleError, match=message):
        gallery_edit.edit(folder, items(names), vectors(len(names), 0), remove=remove)
    assert (folder / GALLERY_EDITS).read_bytes() == before


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.ones((1, DIM + 1), np.float32), "1 items come with vectors of shape"),
        (np.ones((2, DIM), np.float32), "1 items come with vectors of shape"),
        (np.ones((1, DIM), np.int64), "int64"),
        (np.zeros((1, DIM), np.float32), "zero or not finite"),
        (np.full((1, DIM), np.nan, np.float32), "zero or not finite"),
    ],
)
def test_vectors_that_do_not_fit(folder: Path, rows: Array, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        gallery_edit.edit(folder, items(["x"]), rows)
    assert not (folder / GALLERY_EDITS).exists()


def test_features_cannot_be_added_to_but_shrink(tmp_path: Path) -> None:
    features = {"layers": (("1", "2"), np.arange(24, dtype=np.float32).reshape(3, 2, 4))}
    write_gallery(tmp_path / "g", items(["a", "b", "c"]), vectors(3, 0), space="s", model="m", features=features)
    with pytest.raises(BundleError, match="further features"):
        add(tmp_path / "g", "x")
    gallery_edit.edit(tmp_path / "g", remove=["b"])
    spec = gallery_compact.compact(tmp_path / "g")
    from config.bundles import read_features

    assert np.array_equal(read_features(tmp_path / "g", spec, "layers"), features["layers"][1][[0, 2]])


def test_many_edits_are_folded_when_loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add(folder, *[f"n{k}" for k in range(20)])
    edited = gallery_edit.serving(folder)
    monkeypatch.setattr(gallery_version, "FOLD_ABOVE", 10)
    folded = gallery_edit.serving(folder)
    assert isinstance(edited, Version) and not isinstance(folded, Version)
    assert edited.fingerprint == folded.fingerprint
    assert same_answers(edited, folded)
    monkeypatch.setattr(gallery_edit, "LINE_ITEMS", 3)
    add(folder, *[f"m{k}" for k in range(7)], seed=8)
    assert [len(one.add) for one in read_log(folder).edits] == [20, 3, 3, 1]
    assert len(gallery_edit.load(folder)) == FIRST + 27


def test_removed_neighbours_are_looked_past(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """More of the nearest are gone than are asked for beyond those wanted at first."""
    monkeypatch.setattr(gallery_version, "SPARE", 1)
    query = unit_norm(vectors(1, 4))
    everything = found(gallery_edit.load(folder), query, FIRST)[0]
    gallery_edit.edit(folder, remove=[name for name, _ in everything[:8]])
    assert found(gallery_edit.serving(folder), query, 2)[0] == everything[8:10]
