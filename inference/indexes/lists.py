"""Inverted lists: vectors are kept by the nearest of some centres, and only the lists nearest to a query are read."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, aligned_copy
from inference.index import Rows, library, ranked
from inference.indexes import product, scalar
from inference.indexes.scalar import Arrays

ROUNDS = 8
"""Of k-means."""
PER_LIST = 40
"""Vectors a list holds, at least, on average."""


def trained(sample: Vectors, n: int, seed: int) -> Arrays:
    """``centres`` (lists, dim) of about sqrt(n) lists."""
    faiss = library()
    count = max(1, min(round(n**0.5), len(sample) // PER_LIST))
    means = faiss.Kmeans(
        sample.shape[1], count, niter=ROUNDS, seed=seed, min_points_per_centroid=1, max_points_per_centroid=128
    )
    means.train(np.ascontiguousarray(sample))
    return {"centres": means.centroids}


def nearest(arrays: Arrays, part: Vectors) -> NDArray[np.int32]:
    """Number (n,) of the list that each vector belongs to."""
    _, lists = _centres(arrays).search(np.ascontiguousarray(part), 1)
    return np.asarray(lists[:, 0], np.int32)


class Lists:
    """Bytes in inverted lists.

    Parameters
    ----------
    arrays
        ``centres``, ``list`` (n,), ``low``, ``width`` and ``bytes``.
    effort
        Lists that are read.
    """

    def __init__(self, arrays: Arrays, effort: int) -> None:
        faiss = library()
        self._centres = _centres(arrays)
        count, dim = arrays["centres"].shape
        kind = faiss.ScalarQuantizer.QT_8bit
        # not by residual: the ranges are those of the vectors
        self._index = faiss.IndexIVFScalarQuantizer(self._centres, dim, count, kind, faiss.METRIC_INNER_PRODUCT, False)
        scalar.set_ranges(self._index, arrays)
        fill(self._index, arrays["list"], arrays["bytes"])
        self.effort = effort
        self.memory_bytes = arrays["centres"].nbytes + arrays["bytes"].nbytes + 8 * len(self)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """See `inference.index.Index.search`; cosines are of the bytes, off by less than 1e-3."""
        self._index.nprobe = self.effort
        cosines, rows = self._index.search(aligned_copy(queries), k)
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            # the lists that were read hold too few: all are read
            self._index.nprobe = self._index.nlist
            cosines[short], rows[short] = self._index.search(aligned_copy(queries[short]), k)
        return ranked(cosines, rows, k)


def scan(arrays: Arrays) -> Any:
    """FAISS index of ``codes`` (see `inference.indexes.product`) in lists, for queries that are turned."""
    faiss = library()
    groups, _, size = arrays["centroids"].shape
    turned = {"centres": product.turned(arrays, arrays["centres"])}
    centres = _centres(turned)
    plain = faiss.IndexIVFPQ(centres, groups * size, len(turned["centres"]), groups, 4, faiss.METRIC_INNER_PRODUCT)
    plain.by_residual = False
    plain.pq = product.quantizer(arrays)
    plain.is_trained = True
    fill(plain, arrays["list"], arrays["codes"])
    index = faiss.IndexIVFPQFastScan(plain)
    # the plain one goes on owning the centres, and nothing else
    plain.reset()
    return index


def fill(index: Any, lists: NDArray[np.int32], codes: NDArray[np.uint8]) -> None:
    """Put codes (n, bytes) into the lists (n,) of a FAISS index; the caller has checked that these are there."""
    faiss = library()
    order = np.argsort(lists, kind="stable")
    bounds = np.searchsorted(lists[order], np.arange(index.nlist + 1))
    for number, (start, stop) in enumerate(pairwise(bounds)):
        if start < stop:
            rows = np.ascontiguousarray(order[start:stop], np.int64)
            part = np.ascontiguousarray(codes[rows])
            index.invlists.add_entries(number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(part))
    index.ntotal = len(lists)


def _centres(arrays: Arrays) -> Any:
    faiss = library()
    index = faiss.IndexFlatL2(arrays["centres"].shape[1])
    index.add(np.ascontiguousarray(arrays["centres"]))
    return index
