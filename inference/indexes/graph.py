"""A graph of neighbours over bytes (HNSW [1]_): few vectors are looked at, at the price of a long build.

References
----------
.. [1] Malkov, Yashunin 2020, Efficient and robust approximate nearest neighbor search using hierarchical navigable
   small world graphs, IEEE TPAMI 42:824-836.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from config.errors import BundleError
from inference.encoders.base import Vectors, aligned_copy
from inference.index import Rows, library, ranked
from inference.indexes import scalar
from inference.indexes.scalar import Arrays

LINKS = 32
"""Neighbours of a vector on the higher levels; twice as many on the lowest."""
BUILD_EFFORT = 80
"""Vectors held in view while a new one is linked."""
LEVELS_SEED = 1
GRAPH = ("neighbours", "offsets", "levels", "entry")


def encoded(arrays: Arrays, part: Vectors, before: Arrays | None) -> Arrays:
    """The graph with more vectors, and their bytes.

    Levels are drawn by row, so that a graph that was kept and is taken up again grows as one that never stopped.
    """
    faiss = library()
    index = _index(arrays)
    if before is not None:
        _restore(index, before, before["bytes"])
    start = index.ntotal
    levels = _levels(start + len(part))
    faiss.copy_array_to_vector(levels, index.hnsw.levels)
    index.add(np.ascontiguousarray(part))
    hnsw = index.hnsw
    codes = faiss.vector_to_array(faiss.downcast_index(index.storage).codes).reshape(len(levels), -1)
    return {
        "neighbours": faiss.vector_to_array(hnsw.neighbors),
        "offsets": faiss.vector_to_array(hnsw.offsets).astype(np.int64),
        "levels": levels,
        "entry": np.array([hnsw.entry_point, hnsw.max_level], np.int32),
        "bytes": codes.copy(),
    }


class Graph:
    """A graph made by `encoded`, to be searched.

    Parameters
    ----------
    arrays
        Of `encoded`, with ``low`` and ``width``.
    effort
        Vectors held in view by a search.

    Raises
    ------
    BundleError
        The graph leads out of itself: it was damaged, or made to read where nothing is.
    """

    def __init__(self, arrays: Arrays, effort: int) -> None:
        check(arrays)
        self._index = _index(arrays)
        _restore(self._index, arrays, arrays["bytes"])
        self.effort = effort
        self.memory_bytes = sum(arrays[name].nbytes for name in (*GRAPH, "bytes"))

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """See `inference.index.Index.search`; cosines are of the bytes, off by less than 1e-3."""
        self._index.hnsw.efSearch = max(self.effort, k)
        cosines, rows = self._index.search(aligned_copy(queries), k)
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            # the graph does not hang together, as with many equal vectors: all are compared
            cosines[short], rows[short] = self._index.storage.search(aligned_copy(queries[short]), k)
        return ranked(cosines, rows, k)


def check(arrays: Arrays) -> None:
    """Whether FAISS, which checks nothing, can walk a graph without leaving it.

    Raises
    ------
    BundleError
        It cannot.
    """
    levels, offsets, neighbours = (arrays[name] for name in ("levels", "offsets", "neighbours"))
    n = len(arrays["bytes"])
    entry, top = (int(value) for value in arrays["entry"]) if arrays["entry"].shape == (2,) else (-1, -1)
    # 2 x LINKS places on the lowest level, LINKS on each above
    places = 2 * LINKS + LINKS * (levels.astype(np.int64) - 1)
    if not (
        levels.shape == (n,)
        and np.array_equal(levels, _levels(n))
        and offsets.shape == (n + 1,)
        and offsets[0] == 0
        and np.array_equal(np.diff(offsets), places)
        and neighbours.shape == (offsets[-1],)
        and neighbours.min() >= -1
        and neighbours.max() < n
        and 0 <= entry < n
        and top == levels[entry] - 1 == levels.max() - 1
        and _levels_hold(levels, offsets, neighbours, top)
    ):
        raise BundleError("the graph of the index leads out of itself; build the index again")


def _levels_hold(levels: Any, offsets: Any, neighbours: Any, top: int) -> bool:
    """Whether links of a level lead to vectors that reach it: FAISS reads on from there on the same level."""
    for level in range(1, top + 1):
        high = np.flatnonzero(levels > level)
        first = offsets[high] + 2 * LINKS + LINKS * (level - 1)
        links = neighbours[(first[:, None] + np.arange(LINKS)).ravel()]
        if (levels[links[links >= 0]] <= level).any():
            return False
    return True


def _levels(n: int) -> Any:
    """Levels (n,) int32 of the first vectors, one or more."""
    drawn = np.random.default_rng(LEVELS_SEED).random(n)
    return (np.floor(-np.log(np.maximum(drawn, 1e-12)) / np.log(LINKS)) + 1).astype(np.int32)


def _index(arrays: Arrays) -> Any:
    faiss = library()
    dim = len(arrays["low"])
    index = faiss.IndexHNSWSQ(dim, faiss.ScalarQuantizer.QT_8bit, LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = BUILD_EFFORT
    scalar.set_ranges(faiss.downcast_index(index.storage), arrays)
    index.is_trained = True
    return index


def _restore(index: Any, arrays: Arrays, codes: Any) -> None:
    faiss = library()
    faiss.downcast_index(index.storage).add_sa_codes(np.ascontiguousarray(codes))
    hnsw = index.hnsw
    faiss.copy_array_to_vector(np.ascontiguousarray(arrays["neighbours"], np.int32), hnsw.neighbors)
    faiss.copy_array_to_vector(np.ascontiguousarray(arrays["offsets"]).astype(np.uint64), hnsw.offsets)
    faiss.copy_array_to_vector(np.ascontiguousarray(arrays["levels"], np.int32), hnsw.levels)
    hnsw.entry_point, hnsw.max_level = (int(value) for value in arrays["entry"])
    index.ntotal = len(codes)
