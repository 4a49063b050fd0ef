"""Indexes of gallery bundles: built, stopped and taken up again, kept, chosen by the settings, and damaged."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from rich.console import Console
from typer.testing import CliRunner

from config.bundles import GALLERY_VECTORS, Item
from config.errors import BundleError, SettingsError
from config.index_spec import INDEX_ARRAYS, INDEX_JSON, read_index_spec
from config.settings import InferenceSettings
from eegseek.cli_gallery import app
from eegseek.gallery_index_screens import index_table, spec_table
from inference.encoders.base import unit_norm
from inference.gallery import Gallery, write_gallery
from inference.gallery_index import PARTIAL, index_gallery, vectors_of
from inference.index import ExactIndex, mapped
from inference.indexes.eight import EightBit
from inference.indexes.kinds import TABLE

N, DIM = 2500, 16


def vectors(n: int = N) -> NDArray[np.float32]:
    return unit_norm(np.random.default_rng(0).standard_normal((n, DIM)) + 0.5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_gallery(tmp_path / "g", [Item(id=str(k), label="x") for k in range(N)], vectors(), space="s", model="m")
    return tmp_path / "g"


@pytest.mark.parametrize("name", TABLE)
def test_every_kind_is_built_kept_and_searched(folder: Path, name: str) -> None:
    before = Gallery.load(folder).fingerprint
    spec = index_gallery(folder, name)
    assert spec.kind == name and spec.asked == name and spec.recall_at_10 >= 0.95
    assert not (folder / PARTIAL).exists()
    gallery = Gallery.load(folder)
    # the same vectors under the same name, whatever they are searched with
    assert gallery.fingerprint == before and gallery.choice.built == spec
    assert mapped(gallery.vectors) == (TABLE[name].vectors != "memory")
    cosines, rows = gallery.search(vectors()[7:9], 3)
    assert rows[:, 0].tolist() == [7, 8] and np.allclose(cosines[:, 0], 1, atol=0.01)
    assert gallery.index.memory_bytes == spec.memory_bytes
    assert gallery.neighbours("7", 3)


def test_what_stands_in_files_takes_no_memory(folder: Path) -> None:
    codes = N * DIM // 8
    assert index_gallery(folder, "disk").memory_bytes == codes
    assert index_gallery(folder, "disk-16").memory_bytes == codes
    assert index_gallery(folder, "disk-8").memory_bytes == codes
    assert index_gallery(folder, "pq").memory_bytes == codes + N * DIM


def test_a_kind_takes_the_place_of_another(folder: Path) -> None:
    index_gallery(folder, "pq")
    assert (folder / INDEX_ARRAYS).is_file()
    index_gallery(folder, "8bit")
    assert not (folder / INDEX_ARRAYS).exists()
    assert isinstance(Gallery.load(folder).index, EightBit)
    assert isinstance(Gallery.load(folder, "flat").index, ExactIndex)


def test_auto_is_by_size(folder: Path) -> None:
    assert isinstance(Gallery.load(folder).index, EightBit)
    spec = index_gallery(folder)
    assert (spec.kind, spec.asked) == ("8bit", "auto")
    # the first ten are those of exact search
    assert spec.recall_at_10 == 1


def test_settings_name_the_index(folder: Path) -> None:
    assert InferenceSettings().index == "auto"
    assert InferenceSettings(index="pq").index == "pq"
    assert InferenceSettings(index="milvus:http://host:19530").index == "milvus:http://host:19530"
    for wrong in ("annoy", "milvus:", "", "mypq"):
        with pytest.raises(ValueError, match=r"give auto, flat, 8bit, .*, or milvus:ADDRESS"):
            InferenceSettings(index=wrong)
    gallery = Gallery.load(folder, "hnsw")
    with pytest.raises(BundleError, match="'hnsw' must be built first, and the gallery has none; build it with"):
        gallery.search(vectors(1), 3)
    index_gallery(folder, "pq")
    with pytest.raises(BundleError, match=r"the gallery has 'pq'; build it with .* --kind hnsw"):
        Gallery.load(folder, "hnsw").search(vectors(1), 3)
    with pytest.raises(SettingsError, match="no index 'annoy'"):
        index_gallery(folder, "annoy")


class Stopped(BaseException):
    """As Ctrl-C."""


def test_a_stopped_build_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inference.indexes.build.PIECE", 512)
    index_gallery(folder, "ivf-pq")
    wanted = [(folder / name).read_bytes() for name in (INDEX_JSON, INDEX_ARRAYS)]
    for name in (INDEX_JSON, INDEX_ARRAYS):
        (folder / name).unlink()

    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("encoding") and done >= 1024:
            raise Stopped

    with pytest.raises(Stopped):
        index_gallery(folder, "ivf-pq", told=stop)
    pieces = {path.name: path.stat().st_mtime_ns for path in (folder / PARTIAL).glob("rows-*")}
    assert len(pieces) == 2
    # what is there so far is no index: the gallery is searched as before
    assert Gallery.load(folder).choice.built is None

    def look(what: str, done: int, total: int) -> None:
        if what.startswith("encoding") and done == total:
            kept = {path.name: path.stat().st_mtime_ns for path in (folder / PARTIAL).glob("rows-*")}
            assert pieces.items() <= kept.items() and len(kept) == 5

    index_gallery(folder, "ivf-pq", told=look)
    assert [(folder / name).read_bytes() for name in (INDEX_JSON, INDEX_ARRAYS)] == wanted
    assert not (folder / PARTIAL).exists()


def test_a_stop_while_it_is_measured_leaves_no_half(folder: Path) -> None:
    index_gallery(folder, "binary")

    def stop(what: str, done: int, total: int) -> None:
        if what.startswith("measuring"):
            raise Stopped

    with pytest.raises(Stopped):
        index_gallery(folder, "pq", told=stop)
    assert Gallery.load(folder).choice.built is None
    assert index_gallery(folder, "pq").kind == "pq"


@pytest.mark.parametrize("harm", ["cut", "changed", "gone", "json", "effort", "kind", "other vectors", "extra"])
def test_a_damaged_index_is_refused(folder: Path, harm: str) -> None:
    index_gallery(folder, "pq")
    arrays, about = folder / INDEX_ARRAYS, folder / INDEX_JSON
    said = json.loads(about.read_text())
    if harm == "cut":
        arrays.write_bytes(arrays.read_bytes()[:-9])
    elif harm == "changed":
        raw = bytearray(arrays.read_bytes())
        raw[-1] ^= 1
        arrays.write_bytes(raw)
    elif harm == "gone":
        arrays.unlink()
    elif harm == "json":
        about.write_text("{")
    else:
        changes = {
            "effort": {"effort": -1},
            "kind": {"kind": "annoy"},
            "other vectors": {"vectors_sha256": "0" * 64},
            "extra": {"load": "anything"},
        }
        about.write_text(json.dumps({**said, **changes[harm]}))
    with pytest.raises(BundleError) as caught:
        Gallery.load(folder)
    assert "\n" not in str(caught.value) and str(folder) in str(caught.value)
    # and it can be built again over that
    assert index_gallery(folder, "pq").kind == "pq"
    assert read_index_spec(folder, Gallery.load(folder).spec.vectors_sha256) is not None


def test_arrays_of_another_kind_with_the_right_hash(folder: Path) -> None:
    index_gallery(folder, "binary")
    said = json.loads((folder / INDEX_JSON).read_text())
    (folder / INDEX_JSON).write_text(json.dumps({**said, "kind": "hnsw"}))
    with pytest.raises(BundleError, match="no fitting array 'neighbours'; build the index again"):
        Gallery.load(folder).search(vectors(1), 3)


def test_vectors_that_are_searched_where_they_stand(folder: Path) -> None:
    spec = Gallery.load(folder).spec
    there = vectors_of(folder, spec, mapped=True)
    assert mapped(there) and np.array_equal(there, vectors()) is bool(np.array_equal(there, vectors()))
    assert np.allclose(there, vectors(), atol=1e-6)
    from safetensors.numpy import save_file

    # of any norm: brought to unit length in memory
    save_file({"embeddings": 3 * vectors()}, folder / GALLERY_VECTORS)
    moved = vectors_of(folder, spec, mapped=True)
    assert not mapped(moved) and np.allclose(moved, vectors(), atol=1e-6)
    for wrong, said in ((np.full((N, DIM), np.nan, np.float32), "non-finite"), (vectors()[:9], "no embeddings of")):
        save_file({"embeddings": wrong}, folder / GALLERY_VECTORS)
        with pytest.raises(BundleError, match=said):
            vectors_of(folder, spec, mapped=True)


def drawn(what: object) -> str:
    screen = Console(file=io.StringIO(), width=120)
    screen.print(what)
    return screen.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_screens(folder: Path) -> None:
    assert "8bit" in drawn(index_table(Gallery.load(folder)))
    spec = index_gallery(folder, "pq")
    text = drawn(index_table(Gallery.load(folder)))
    for part in ("pq: every vector in 4-bit product codes", "queries at cosine 0.2", "effort of a search", "MiB"):
        assert part in text
    assert "note" not in text
    assert "take 8bit" in drawn(spec_table(spec.model_copy(update={"effort": 8000}), 1.01))


def test_the_commands(folder: Path) -> None:
    ran = CliRunner().invoke(app, ["index", str(folder), "--kind", "binary"])
    assert ran.exit_code == 0 and "recall@10" in ran.output
    ran = CliRunner().invoke(app, ["info", str(folder)])
    assert ran.exit_code == 0 and "binary" in ran.output
    assert CliRunner().invoke(app, ["index", str(folder), "--kind", "annoy"]).exit_code == 2
    missing = CliRunner().invoke(app, ["index", str(folder / "none")])
    assert isinstance(missing.exception, BundleError)
