"""Every kind of index against brute force: small sets, ties, duplicates, one item, and arrays made to do harm."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from config.errors import BundleError, SettingsError
from inference import kernels
from inference.encoders.base import aligned_copy, unit_norm
from inference.index import ExactIndex
from inference.indexes import bits, eight, graph, scalar, schema
from inference.indexes import codes as eight_bits
from inference.indexes.arrays_file import map_arrays
from inference.indexes.build import PIECE, build, make
from inference.indexes.choose import EIGHT_UP_TO, FLAT_UP_TO, candidates, serve, without_build
from inference.indexes.codes import FirstStage, Packed, rounded
from inference.indexes.eight import CERTAIN, EightBit
from inference.indexes.kinds import TABLE, kind
from inference.indexes.measure import COSINES, Truth, queries
from inference.indexes.pages import WORTH
from inference.indexes.rows import VectorRows

Array = NDArray[np.float32]
BUILT = [name for name, found in TABLE.items() if found.train]
EXACT = {"flat", "8bit", "disk"}


def vectors(n: int, dim: int = 24, seed: int = 0) -> Array:
    """About a common mean, as image embeddings are."""
    drawn = np.random.default_rng(seed).standard_normal((n, dim)) * 0.9 ** np.arange(dim)
    return unit_norm(drawn + 1)


def asked(n: int, dim: int = 24, seed: int = 1) -> Array:
    return unit_norm(np.random.default_rng(seed).standard_normal((n, dim)))


@pytest.mark.parametrize("name", TABLE)
@settings(max_examples=8, deadline=None)
@given(n=st.integers(1, 90), dim=st.integers(1, 40), k=st.integers(1, 90), seed=st.integers(0, 9))
def test_small_sets_equal_brute_force(name: str, n: int, dim: int, k: int, seed: int) -> None:
    # so few are all looked at: what is left is the rounding of the cosines
    x, q = vectors(n, dim, seed), asked(3, dim, seed)
    k = min(k, n)
    index = make(name, x, effort=4096, seed=seed)
    cosines, rows = index.search(q, k)
    every = q @ x.T
    off = 1e-5 if name in EXACT else 0.02
    assert len(index) == n and cosines.shape == rows.shape == (3, k)
    assert cosines.dtype == np.float32 and rows.dtype == np.int64
    assert all(len(set(row)) == k for row in rows.tolist())
    assert (np.diff(cosines, axis=1) <= 0).all()
    assert np.allclose(np.take_along_axis(every, rows, axis=1), cosines, atol=off)
    assert np.allclose(cosines, -np.sort(-every, axis=1)[:, :k], atol=off)


@pytest.mark.parametrize("name", TABLE)
def test_a_query_alone_and_among_others(name: str) -> None:
    x, q = vectors(3000), asked(9)
    index = make(name, x)
    cosines, rows = index.search(q, 20)
    for one in range(len(q)):
        alone = index.search(q[one : one + 1], 20)
        assert np.array_equal(alone[0][0], cosines[one]) and np.array_equal(alone[1][0], rows[one])
    again = index.search(q, 20)
    assert np.array_equal(again[0], cosines) and np.array_equal(again[1], rows)


@pytest.mark.parametrize("name", TABLE)
def test_equal_vectors(name: str) -> None:
    # 2,500 of five vectors: whole groups of ties, and a graph that does not hang together
    distinct = vectors(5)
    index = make(name, np.tile(distinct, (500, 1)))
    cosines, rows = index.search(distinct[2:3], 300)
    assert len(set(rows[0].tolist())) == 300
    assert set(rows[0] % 5) == {2}
    assert np.allclose(cosines, 1, atol=0.02)
    if name in EXACT:
        assert cosines.min() == cosines.max()


@pytest.mark.parametrize("name", TABLE)
def test_most_neighbours_are_found_among_many(name: str) -> None:
    x = vectors(4000, 32)
    index = make(name, x, effort=kind(name).efforts[-1])
    found = Truth(x, count=10).recall(index)
    assert [one.cosine for one in found] == list(COSINES)
    assert min(one.at_10 for one in found) >= (1 if name in EXACT else 0.85)


def test_8bit_ranks_are_those_of_flat() -> None:
    x, q = vectors(5000, 96), asked(70, 96)
    index, exact = EightBit(x), ExactIndex(x)
    for one in range(0, len(q), 2):
        pair = q[one : one + 2]
        cosines, rows = index.search(pair, 100)
        wanted = exact.search(pair, 100)
        assert np.array_equal(rows[:, :CERTAIN], wanted[1][:, :CERTAIN])
        assert np.array_equal(cosines[:, :CERTAIN], wanted[0][:, :CERTAIN])
        assert np.mean([len({*a} & {*b}) for a, b in zip(rows.tolist(), wanted[1].tolist(), strict=True)]) > 99
    assert index.searched == len(q) and index.uncertain < index.searched


@settings(max_examples=40, deadline=None)
@given(
    far=st.sampled_from([0.0, 1e-3, 0.01, 0.1, 2.0]), m=st.integers(1, 3), seed=st.integers(0, 9), twice=st.booleans()
)
def test_what_is_foreseen_changes_no_bit(far: float, m: int, seed: int, twice: bool) -> None:
    x = vectors(4000, 48, seed % 3)
    if twice:  # every vector has its like: ties everywhere, also at the last candidate
        x = np.concatenate([x[:2000], x[:2000]])
    index, rng = EightBit(x, spare=16), np.random.default_rng(seed)
    near = asked(m, 48, seed)
    queries = unit_norm(near + far * unit_norm(rng.standard_normal((m, 48))))
    foreseen = index.foresee(near, 30)
    assert foreseen is not None
    got, wanted = index.search(queries, 30, foreseen), index.search(queries, 30)
    assert got[0].tobytes() == wanted[0].tobytes() and got[1].tobytes() == wanted[1].tobytes()


def test_queries_near_what_was_foreseen_read_little(monkeypatch: pytest.MonkeyPatch) -> None:
    x, near = vectors(20_000, 64), asked(2, 64)
    index = EightBit(x)
    foreseen = index.foresee(near, 50)
    assert foreseen is not None
    queries = unit_norm(near + 0.003 * asked(2, 64, 5))
    wanted = index.search(queries, 50)
    # all that is read is what was foreseen
    monkeypatch.setattr(index._first, "_few", None)
    monkeypatch.setattr(index._rows, "vectors", None)
    monkeypatch.setattr(VectorRows, "__len__", lambda rows: 20_000)
    got = index.search(queries, 50, foreseen)
    assert np.array_equal(got[0], wanted[0]) and np.array_equal(got[1], wanted[1])
    assert (index._first.tried, index._first.helped) == (1, 1)


def test_what_another_index_foresaw_is_not_believed() -> None:
    one, other, near = EightBit(vectors(9000, seed=1)), EightBit(vectors(9000, seed=2)), asked(2)
    foreseen = one.foresee(near, 10)
    assert foreseen is not None and other.foresee(near, 10) is not None
    got, wanted = other.search(near, 10, foreseen), other.search(near, 10)
    assert np.array_equal(got[0], wanted[0]) and np.array_equal(got[1], wanted[1])
    # nor for another number of queries, or of neighbours
    for asked_for, k in ((near[:1], 10), (near, 200)):
        got, wanted = one.search(asked_for, k, foreseen), one.search(asked_for, k)
        assert np.array_equal(got[0], wanted[0]) and np.array_equal(got[1], wanted[1])


def test_nothing_is_foreseen_where_it_is_of_no_use() -> None:
    assert EightBit(vectors(1500)).foresee(asked(2), 10) is None  # few vectors
    index = EightBit(vectors(9000))
    assert index.foresee(asked(20), 10) is None  # many queries
    for k in range(eight.TRIES):
        foreseen = index.foresee(asked(2, seed=k), 10)
        assert foreseen is not None
        index.search(asked(2, seed=100 + k), 10, foreseen)  # these lie elsewhere
    assert index.foresee(asked(2), 10) is None


def test_8bit_searches_exactly_what_it_cannot_prove() -> None:
    # all cosines within less than the codes can tell apart
    rng = np.random.default_rng(0)
    x = unit_norm(1 + 1e-3 * rng.standard_normal((3000, 64)))
    x[0] = unit_norm(rng.standard_normal((1, 64)))[0]
    index, exact = EightBit(x), ExactIndex(x)
    for query in unit_norm(1 + 0.1 * rng.standard_normal((5, 64)))[:, None]:
        got, wanted = index.search(query, 50), exact.search(query, 50)
        assert np.array_equal(got[1], wanted[1]) and np.array_equal(got[0], wanted[0])
    assert index.uncertain == 5


@settings(max_examples=25, deadline=None)
@given(dim=st.integers(1, 70), seed=st.integers(0, 99), stretch=st.floats(1, 1e4))
def test_no_vector_outside_the_candidates_is_above_the_bar(dim: int, seed: int, stretch: float) -> None:
    # one dimension may be far larger than the others, as in CLIP's embeddings
    rng = np.random.default_rng(seed)
    x, q = rng.standard_normal((400, dim)), rng.standard_normal((3, dim))
    x[:, 0] *= stretch
    q[:, -1] *= stretch
    index = EightBit(unit_norm(x))
    found = index._first.candidates(unit_norm(q), 30)
    bar = index._bar(unit_norm(q), found)
    for query, rows, least in zip(unit_norm(q), found.rows, bar, strict=True):
        outside = np.setdiff1d(np.arange(400), rows)
        assert (unit_norm(x)[outside] @ query <= least).all()


@settings(max_examples=20, deadline=None)
@given(dim=st.integers(1, 150), seed=st.integers(0, 99))
def test_many_queries_are_multiplied_as_few_are(dim: int, seed: int) -> None:
    if not Packed.works():
        pytest.skip("no FBGEMM")
    rng = np.random.default_rng(seed)
    codes = rng.integers(-127, 128, (300, dim)).astype(np.int8)
    whole = rng.integers(-eight_bits.QUERY_TOP, eight_bits.QUERY_TOP + 1, (9, dim)).astype(np.int16)
    whole[:, 0] = rng.choice([-eight_bits.QUERY_TOP, eight_bits.QUERY_TOP], 9)
    exact = whole.astype(np.int64) @ codes.T.astype(np.int64)
    assert np.array_equal(Packed(codes).products(whole), exact)
    assert np.array_equal(FirstStage(codes, 1e6)._few(whole), exact)


def test_sums_of_many_dimensions_do_not_overflow() -> None:
    codes = np.full((20, 5000), 127, np.int8)
    found = FirstStage(codes, 1e6).candidates(np.ones((1, 5000), np.float32), 3)
    assert found.least[0] == pytest.approx(127 * 5000, rel=1e-3)


@pytest.mark.parametrize("n", [2, 40])
def test_torch_is_not_imported_for_a_search(n: int) -> None:
    torch = sys.modules.pop("torch", None)
    try:
        EightBit(vectors(2000)).search(asked(n), 5)
        assert "torch" not in sys.modules
    finally:
        if torch is not None:
            sys.modules["torch"] = torch


def best(scores: NDArray[np.int32], n: int) -> NDArray[np.int64]:
    rows, least = np.empty((1, n), np.int64), np.empty(1, np.int64)
    kernels.best(scores[None], n, rows, least)
    assert least[0] == scores[rows].min()
    return rows[0]


@given(st.integers(1, 3000), st.integers(0, 9), st.booleans())
def test_the_best_are_found(n: int, seed: int, equal: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, 3 if equal else 2**31 - 1, 3000).astype(np.int32)
    wanted = np.lexsort((np.arange(3000), -scores.astype(np.int64)))[:n]
    assert np.array_equal(best(scores, n), np.sort(wanted))


def test_a_bar_guessed_too_high() -> None:
    # every sixteenth is large, the others are not: the bar lets too few pass
    scores = (np.where(np.arange(3200) % 16, 0, 10_000) + np.arange(3200)).astype(np.int32)
    assert np.array_equal(np.sort(scores[best(scores, 250)]), np.sort(scores)[-250:])


def test_rounding_is_within_what_is_said() -> None:
    x = vectors(500)
    codes = rounded(x)
    back = codes.mean + codes.step * codes.codes
    assert np.linalg.norm(back - x, axis=1).max() <= codes.error + 1e-6
    assert codes.error < 0.02


@pytest.mark.parametrize("offset", [0, 4, 12, 32])
def test_cosines_do_not_depend_on_where_vectors_stand(offset: int) -> None:
    x, q = vectors(300, 50), asked(2, 50)
    raw = np.empty(x.nbytes + 128, np.uint8)
    start = -raw.ctypes.data % 64 + offset
    moved = raw[start : start + x.nbytes].view(np.float32).reshape(x.shape)
    moved[...] = x
    for made in (ExactIndex(moved), ExactIndex(aligned_copy(x))):
        cosines, rows = made.search(q, 300)
        assert np.array_equal(VectorRows(moved).cosines(q, rows), cosines)


def test_rows_that_are_not_there() -> None:
    rows = VectorRows(vectors(5))
    assert rows.cosines(asked(1), np.array([[0, -1]]))[0, 1] == -np.inf
    for wrong in (5, -2):
        with pytest.raises(IndexError, match="of 5 vectors"):
            rows.cosines(asked(1), np.array([[0, wrong]]))


def test_queries_have_the_cosine_that_is_asked_for() -> None:
    x = vectors(3000, 64)
    for cosine in COSINES:
        made = queries(x, cosine, 40, seed=3)
        assert np.allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
        picked = np.sort(np.random.default_rng((3, round(1e6 * cosine))).integers(len(x), size=40))
        assert np.allclose((made * x[picked]).sum(axis=1), cosine, atol=1e-4)
        assert np.array_equal(made, queries(x, cosine, 40, seed=3))


def test_recall_counts_what_is_missing() -> None:
    x = vectors(400)

    class Wrong:
        memory_bytes = 0

        def __len__(self) -> int:
            return len(x)

        def search(self, q: Array, k: int) -> tuple[Array, NDArray[np.int64]]:
            cosines, rows = ExactIndex(x).search(q, k)
            rows[:, 5:] = rows[:, :1]
            return cosines, rows

    assert {one.at_10 for one in Truth(x, count=5).recall(Wrong())} == {0.5}


def test_auto_is_by_size_and_memory() -> None:
    assert without_build(FLAT_UP_TO) == "flat" and without_build(FLAT_UP_TO + 1) == "8bit"
    assert candidates(200, 512, None) == ("flat",)
    assert candidates(EIGHT_UP_TO, 512, 0) == ("8bit",)
    assert candidates(1_000_000, 512, None) == ("pq", "8bit")
    assert candidates(1_000_000, 512, 2 << 30) == ("pq",)
    assert candidates(1_000_000, 512, 1 << 29) == ("disk",)


def test_unknown_and_unbuilt_kinds() -> None:
    with pytest.raises(SettingsError, match="no index 'annoy'; choose auto, flat, 8bit"):
        kind("annoy")
    with pytest.raises(BundleError, match="'pq' must be built first, and the gallery has none; build it with"):
        serve(vectors(10), "pq")
    assert isinstance(serve(vectors(10)), ExactIndex)
    assert isinstance(serve(vectors(FLAT_UP_TO + 1)), EightBit)


class Stopped(Exception):
    pass


@pytest.mark.parametrize("name", BUILT)
def test_a_resumed_build_equals_one_that_never_stopped(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("inference.indexes.build.PIECE", 256)
    x = vectors(256 * 4 + 7 if name != "hnsw" else 32 * 4 + 7)
    wanted = build(name, x)
    folder = tmp_path / "partial"
    for until in (0, 2, 3):
        told: list[int] = []

        def stop(what: str, done: int, total: int, until: int = until, told: list[int] = told) -> None:
            told.append(done)
            if len(told) > until:
                raise Stopped

        with pytest.raises(Stopped):
            build(name, x, partial=folder, identity="a", told=stop)
    # a piece that was cut short is made again
    some = sorted(folder.glob("*.safetensors"))[0]
    some.write_bytes(some.read_bytes()[:-3])
    encoded: list[str] = []
    found = build(name, x, partial=folder, identity="a", told=lambda what, done, total: encoded.append(what))
    assert found.keys() == wanted.keys()
    for key in wanted:
        assert np.array_equal(found[key], wanted[key]), key
    # another build's pieces are not used
    other = vectors(len(x), seed=5)
    fresh = build(name, other)
    for key, array in build(name, other, partial=folder, identity="b").items():
        assert np.array_equal(array, fresh[key])
    assert PIECE > 256


@pytest.mark.parametrize("name", BUILT)
@pytest.mark.parametrize("harm", ["missing", "type", "shape", "rows", "values"])
def test_arrays_made_to_do_harm(name: str, harm: str) -> None:
    x = vectors(300)
    found = kind(name)
    arrays = build(name, x)
    schema.check(arrays, found.schema or {}, *x.shape)
    for key in list(found.schema or {}):
        bad = dict(arrays)
        array = arrays[key]
        if harm == "missing":
            del bad[key]
        elif harm == "type":
            bad[key] = array.astype(np.float64)
        elif harm == "shape":
            bad[key] = array[..., None]
        elif harm == "rows" and key == "centres":
            continue  # lists without vectors do no harm
        elif harm == "rows":
            bad[key] = np.concatenate([array, array])
        elif key == "list":
            bad[key] = np.full_like(array, len(arrays["centres"]))
        elif array.dtype == np.float32:
            bad[key] = np.full_like(array, np.nan)
        elif key in ("neighbours", "offsets", "levels", "entry"):
            bad[key] = array + 10**6
        else:
            continue
        with pytest.raises(BundleError, match="build"):
            schema.check(bad, found.schema or {}, *x.shape)
            found.restore(bad, x, 10)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_changed_graph_is_refused_or_walked_safely(data: st.DataObject) -> None:
    x = vectors(200, 8)
    arrays = build("hnsw", x)
    key = data.draw(st.sampled_from(["neighbours", "offsets", "levels", "entry"]))
    bad = {**arrays, key: arrays[key].copy()}
    place = data.draw(st.integers(0, bad[key].size - 1))
    bad[key][place] = data.draw(st.integers(-5, 10**6))
    try:
        made = graph.Graph(bad, 50)
    except BundleError:
        return
    _, rows = made.search(asked(2, 8), 10)
    assert ((rows >= 0) & (rows < 200)).all()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x05",
        b"\xff" * 64,
        (10).to_bytes(8, "little") + b"not json!!",
        (2).to_bytes(8, "little") + b"[]",
        *(
            len(header).to_bytes(8, "little") + header + bytes(16)
            for header in (
                b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}}',
                b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,16]}}',
                b'{"a":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}}',
                b'{"a":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}}',
                b'{"a":{"dtype":"F32","shape":[-2,-2],"data_offsets":[0,16]}}',
                b'{"a":{"dtype":"F32","shape":[4],"data_offsets":[-16,0]}}',
                b'{"a":{"dtype":"OBJ","shape":[4],"data_offsets":[0,16]}}',
                b'{"a":{"shape":[4],"data_offsets":[0,16]}}',
                b'{"a":[]}',
            )
        ),
    ],
)
def test_files_that_are_none(tmp_path: Path, raw: bytes) -> None:
    path = tmp_path / "index.safetensors"
    path.write_bytes(raw)
    with pytest.raises(BundleError, match="build it again"):
        map_arrays(path)


def test_arrays_are_mapped(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    given_ = {"a": np.arange(12, dtype=np.float32).reshape(3, 4), "b": np.arange(5, dtype=np.uint8)}
    save_file(given_, tmp_path / "x.safetensors")
    got = map_arrays(tmp_path / "x.safetensors")
    assert all(np.array_equal(got[key], array) and isinstance(got[key], np.memmap) for key, array in given_.items())
    with pytest.raises(BundleError, match="cannot be read"):
        map_arrays(tmp_path / "none")


def test_memory_is_what_is_held() -> None:
    x = vectors(1000, 64)
    assert make("flat", x).memory_bytes == x.nbytes
    assert make("8bit", x).memory_bytes == x.nbytes + x.size
    assert make("pq", x).memory_bytes == x.size + x.size // 8 + x.nbytes
    assert make("binary", x).memory_bytes == x.size + x.size // 8
    assert scalar.empty(scalar.trained(x)).d == 64
    assert bits.trained(x)["mean"].shape == (64,)


def test_large_pages_change_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    x, q = vectors(30_000, 160), asked(3, 160)
    with_pages = make("pq", x).search(q, 20)
    monkeypatch.setattr("inference.indexes.pages.sys.platform", "other")
    without = make("pq", x).search(q, 20)
    assert x.size > WORTH
    assert np.array_equal(with_pages[0], without[0]) and np.array_equal(with_pages[1], without[1])
