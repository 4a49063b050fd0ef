"""A gallery's vectors in Milvus: Milvus Lite in a file, filled, interrupted, and searched for real."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import typer
from numpy.typing import NDArray
from typer.testing import CliRunner

from config.bundles import Item
from config.errors import BundleError, SearchFailed
from config.gallery_log import read_log
from eegseek import cli_gallery_milvus
from inference import gallery_edit, milvus, milvus_client
from inference.encoders.base import unit_norm
from inference.gallery import write_gallery
from inference.gallery_version import version
from inference.index import ExactIndex
from inference.indexes.measure import Truth
from inference.milvus import connect, fill
from inference.milvus_client import Place

pytest.importorskip("milvus_lite", reason="needs the extra 'milvus'")
DIM, N = 32, 600
GALLERY = "0123456789abcdef"


@pytest.fixture(autouse=True)
def servers_have_ended() -> Iterator[None]:
    """Milvus Lite does not wait for the thread in which its server stops."""
    yield
    for thread in threading.enumerate():
        if "cancel_all_calls" in thread.name:
            thread.join(10)


def vectors(n: int, seed: int = 0) -> NDArray[np.float32]:
    return unit_norm(np.random.default_rng(seed).standard_normal((n, DIM)))


@pytest.fixture(scope="module")
def rows() -> NDArray[np.float32]:
    given = vectors(N)
    given[17] = given[5]  # a tie
    return given


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, rows: NDArray[np.float32]) -> Place:
    place = Place(str(tmp_path_factory.mktemp("milvus") / "g.db"), GALLERY, N, DIM)
    assert fill(place, rows, "FLAT") == N
    return place


def test_answers_equal_the_exact_index(
    filled: Place, rows: NDArray[np.float32], capfd: pytest.CaptureFixture[str]
) -> None:
    index, exact = connect(filled), ExactIndex(rows)
    try:
        queries = unit_norm(rows[:20] + 0.1 * vectors(20, 1))
        for k in (1, 10, N):
            cosines, found = index.search(queries, k)
            wanted, true = exact.search(queries, k)
            assert cosines.shape == found.shape == (20, k)
            assert np.allclose(cosines, wanted, atol=1e-5)
            assert [set(row) for row in found[:, : k // 2]] == [set(row) for row in true[:, : k // 2]]
        assert index.search(rows[5:6], 2)[1].tolist() == [[5, 17]], "equal ones by row"
        assert capfd.readouterr().err == "", "nothing of its own on the terminal"
        assert (len(index), index.memory_bytes, index.kind) == (N, 0, "FLAT")
    finally:
        index.close()


@pytest.mark.parametrize("kind", ["HNSW", "IVF_FLAT", "IVF_SQ8", "AUTOINDEX"])
def test_other_kinds_find_nearly_all(tmp_path: Path, rows: NDArray[np.float32], kind: milvus.Kind) -> None:
    place = Place(f"milvus:{tmp_path / 'g.db'}", GALLERY, N, DIM)
    fill(place, rows, kind)
    index = connect(place)
    try:
        assert index.kind == kind
        assert min(found.at_10 for found in Truth(rows, count=20).recall(index)) > 0.8
    finally:
        index.close()


def test_a_fill_that_was_interrupted_goes_on(
    tmp_path: Path, rows: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(milvus, "BATCH_BYTES", 64 * 4 * DIM)
    place = Place(str(tmp_path / "g.db"), GALLERY, N, DIM)

    def stop(done: int, total: int) -> None:
        if done == 192:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fill(place, rows, "FLAT", stop)
    with pytest.raises(BundleError, match=r"192 of 600 vectors.*gallery milvus"):
        connect(place)
    # as when the writer was killed within a batch: some of its rows are there
    client = milvus_client.connected(place)
    client.upsert(place.collection, [{"row": k, "vector": rows[k]} for k in range(192, 200)])
    milvus_client.close(client, place)
    seen: list[tuple[int, int]] = []
    assert fill(place, rows, "FLAT", lambda *told: seen.append(told)) == N - 192
    assert seen[0] == (256, N)
    assert seen[-1] == (N, N)
    assert fill(place, rows, "FLAT") == 0
    index = connect(place)
    assert index.search(rows, 1)[1][:, 0].tolist() == [5 if k == 17 else k for k in range(N)]
    index.close()


def test_a_collection_of_another_gallery_is_refused(
    filled: Place, rows: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Place(filled.address, "f" * 16, N, DIM)
    with pytest.raises(BundleError, match="no collection of gallery ffff"):
        connect(other)
    monkeypatch.setattr(Place, "collection", property(lambda self: f"eegseek_{GALLERY}"))
    for wrong in (other, Place(filled.address, GALLERY, N, DIM + 1)):
        with pytest.raises(BundleError, match=f"is of gallery '{GALLERY}'"):
            connect(wrong)
    with pytest.raises(BundleError, match="is of gallery"):
        fill(other, rows)
    with pytest.raises(BundleError, match="600 of 601"):
        connect(Place(filled.address, GALLERY, N + 1, DIM))


def test_a_file_is_held_by_one_process(filled: Place) -> None:
    index = connect(filled)
    words = (
        "from inference.milvus import *\nfrom inference.milvus_client import Place\n"
        f"try: connect(Place({filled.address!r}, {GALLERY!r}, {N}, {DIM}))\n"
        "except BundleError as error: print(error)"
    )
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=True)
    index.close()
    assert "another process may hold it" in said.stdout
    assert said.stdout.count("\n") == 1
    assert said.stderr == ""


def test_nobody_at_the_address(monkeypatch: pytest.MonkeyPatch, rows: NDArray[np.float32]) -> None:
    monkeypatch.setattr(milvus_client, "CONNECT_S", 1.0)
    monkeypatch.setenv(milvus_client.TOKEN_VARIABLE, "secret")
    with pytest.raises(BundleError, match=r"cannot be reached within 1 s.*EEGSEEK_MILVUS_TOKEN") as caught:
        connect(Place("http://127.0.0.1:1", GALLERY, N, DIM))
    assert "secret" not in str(caught.value)
    with pytest.raises(
        BundleError, match=r"no address of Milvus; expected http://HOST:19530, or a file ending in \.db"
    ):
        connect(Place("somewhere", GALLERY, N, DIM))


def test_a_server_by_its_address(tmp_path: Path, rows: NDArray[np.float32], monkeypatch: pytest.MonkeyPatch) -> None:
    """As a cluster is spoken to: by address, over TCP of this machine, with a token."""
    from milvus_lite.adapter.grpc.server import start_server_in_thread

    monkeypatch.setenv(milvus_client.TOKEN_VARIABLE, "name:secret")
    server, database, port = start_server_in_thread(data_dir=str(tmp_path / "served"), host="127.0.0.1", port=0)
    place = Place(f"milvus:http://127.0.0.1:{port}", GALLERY, N, DIM)
    try:
        fill(place, rows, "FLAT")
        first, second = connect(place), connect(place)
        assert first.search(rows[:3], 1)[1].tolist() == second.search(rows[:3], 1)[1].tolist() == [[0], [1], [2]]
        second.close()
        server.stop(grace=0)
        monkeypatch.setattr(milvus, "SEARCH_S", 1.0)
        with pytest.raises(SearchFailed, match="did not answer a search"):
            first.search(rows[:1], 1)
        first.close()
    finally:
        server.stop(grace=0)
        database.close()


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(milvus_client, "CONNECT_S", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(BundleError, match="reached within 1 s"):
        connect(Place(f"http://127.0.0.1:{silent.getsockname()[1]}", GALLERY, N, DIM))


def test_a_lost_connection_is_a_failed_window_and_no_more(filled: Place, rows: NDArray[np.float32]) -> None:
    from inference.worker import DECODER_ERRORS

    index = connect(filled)
    index.close()
    with pytest.raises(SearchFailed, match="did not answer a search"):
        index.search(rows[:1], 3)
    assert issubclass(SearchFailed, DECODER_ERRORS)


def test_nothing_of_it_is_imported_before_it_is_needed() -> None:
    words = "import inference.milvus, sys; print({'pymilvus', 'milvus_lite', 'grpc'} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, timeout=60, check=True)
    assert said.stdout == "set()\n"


def test_a_gallery_is_filled_searched_and_edited_by_command(tmp_path: Path, rows: NDArray[np.float32]) -> None:
    items = [Item(id=f"i{k}", label=f"label {k}") for k in range(N)]
    write_gallery(tmp_path / "g", items, rows, space="s", model="m")
    app = typer.Typer()
    app.command()(cli_gallery_milvus.milvus)
    address = str(tmp_path / "g.db")
    said = CliRunner().invoke(app, [str(tmp_path / "g"), address, "--queries", "10"], catch_exceptions=False).output
    assert f"600 vectors of {tmp_path / 'g'} (600 put in now) as HNSW" in " ".join(said.split())
    assert "recall@10" in said
    exact = gallery_edit.serving(tmp_path / "g")
    gallery = gallery_edit.serving(tmp_path / "g", f"milvus:{address}")
    try:
        assert isinstance(gallery.index, milvus.MilvusIndex)
        gallery_edit.edit(tmp_path / "g", [Item(id="new", label="new")], rows[9:10], remove=["i9"])
        edits = read_log(tmp_path / "g").edits
        here, there = version(exact).edited(edits), version(gallery).edited(edits)
        for query in rows[:20]:
            best = [[one.items[row].id for row in one.search(query[None], 3)[1][0]] for one in (here, there)]
            assert best[0] == best[1]
        assert not there.worth_folding
    finally:
        gallery.index.close()
