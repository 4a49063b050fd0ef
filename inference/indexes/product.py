"""Product quantisation in 4 bits, scanned in registers (FAISS' fast scan), with a second look at the best.

Vectors are centred and turned so that every group of ``GROUP`` dimensions holds as much variance (the parametric form
of OPQ [1]_): on image embeddings a quarter as many candidates then hold as many of the true neighbours. All codes are
scanned: with the intrinsic dimension of such embeddings, and queries as far away as a decoder's, a quarter of the
inverted lists (`inference.indexes.lists`) would have to be read.

References
----------
.. [1] Ge et al. 2013, Optimized product quantization for approximate nearest neighbor search, CVPR.
.. [2] André, Kermarrec, Le Scouarnec 2017, Accelerated nearest neighbor search with Quick ADC, ICMR.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, aligned_copy
from inference.index import Rows, library, ranked
from inference.indexes import pages, scalar
from inference.indexes.rows import VectorRows
from inference.indexes.scalar import Arrays

GROUP = 4
"""Dimensions that share four bits."""
CENTROIDS = 16
ROUNDS = 8
"""Of k-means."""
BEST = 32
"""Looked at in float32, where candidates are compared in bytes."""
FLOOR = 1e-6
"""Variance below which a dimension counts as this much, as a share of the largest."""


def trained(sample: Vectors, seed: int) -> Arrays:
    """Turn ``turn`` (wide, dim), its ``shift`` (wide,), ``centroids`` (groups, 16, 4); ``wide`` is a multiple of 8."""
    faiss = library()
    dim = sample.shape[1]
    mean = sample.mean(axis=0, dtype=np.float64)
    centred = np.asarray(sample, np.float64) - mean
    variances, axes = np.linalg.eigh(centred.T @ centred / len(sample))
    # codes of four bits go in pairs
    wide = -(-dim // (2 * GROUP)) * 2 * GROUP
    turn = np.zeros((wide, dim))
    turn[_balanced(variances[::-1], wide // GROUP)] = axes.T[::-1]
    shift = -turn @ mean
    turned = np.asarray(sample @ turn.T + shift, np.float32)
    quantizer = faiss.ProductQuantizer(wide, wide // GROUP, 4)
    quantizer.cp.niter, quantizer.cp.seed, quantizer.cp.min_points_per_centroid = ROUNDS, seed, 1
    quantizer.train(turned)
    centroids = faiss.vector_to_array(quantizer.centroids).reshape(wide // GROUP, CENTROIDS, GROUP)
    return {"turn": turn.astype(np.float32), "shift": shift.astype(np.float32), "centroids": centroids}


def turned(arrays: Arrays, vectors: Vectors) -> Vectors:
    """Vectors (n, dim), centred and turned: (n, wide)."""
    return np.asarray(vectors @ arrays["turn"].T + arrays["shift"], np.float32)


def encoded(arrays: Arrays, part: Vectors) -> NDArray[np.uint8]:
    """Codes (n, groups / 2), two groups a byte."""
    codes: NDArray[np.uint8] = quantizer(arrays).compute_codes(turned(arrays, part))
    return codes


def quantizer(arrays: Arrays) -> Any:
    """FAISS' product quantiser of the kept centroids."""
    faiss = library()
    groups, _, size = arrays["centroids"].shape
    made = faiss.ProductQuantizer(groups * size, groups, 4)
    faiss.copy_array_to_vector(np.ascontiguousarray(arrays["centroids"], np.float32).ravel(), made.centroids)
    return made


def scan(arrays: Arrays, codes: NDArray[np.uint8]) -> Any:
    """FAISS index that scans all codes."""
    faiss = library()
    groups, _, size = arrays["centroids"].shape
    plain = faiss.IndexPQ(groups * size, groups, 4, faiss.METRIC_INNER_PRODUCT)
    plain.pq = quantizer(arrays)
    plain.is_trained = True
    plain.add_sa_codes(np.ascontiguousarray(codes))
    made = faiss.IndexPQFastScan(plain)
    pages.large(made.codes)
    return made


def turning(arrays: Arrays, index: Any) -> Any:
    """FAISS index that turns queries before they are searched; the shift changes all scores alike and is left out."""
    faiss = library()
    wide, dim = arrays["turn"].shape
    turn = faiss.LinearTransform(dim, wide, False)
    faiss.copy_array_to_vector(np.ascontiguousarray(arrays["turn"]).ravel(), turn.A)
    turn.is_trained = True
    return faiss.IndexPreTransform(turn, index)


class Refined:
    """Candidates by a FAISS index, compared again in 8 bits by FAISS itself, and the very best once more.

    Eight bits cannot tell the tenth of a million neighbours from the eleventh; the vectors themselves can, and of these
    so few are read that they may stay in their file.

    Parameters
    ----------
    first
        Finds candidates.
    arrays
        With ``low``, ``width`` and ``bytes``: the second look.
    rows
        The vectors: the third look, at ``BEST``.
    effort
        Candidates looked at twice, at least; lists read where there are ``lists``.
    memory_bytes
        Of both.
    lists
        The inverted lists in ``first``.
    """

    def __init__(
        self,
        first: Any,
        arrays: Arrays,
        rows: VectorRows,
        effort: int,
        memory_bytes: int,
        lists: Any = None,
        candidates: int = 0,
    ) -> None:
        faiss = library()
        self._second = scalar.empty(arrays)
        self._second.add_sa_codes(np.ascontiguousarray(arrays["bytes"]))
        pages.large(self._second.codes)
        self._index = faiss.IndexRefine(first, self._second)
        self._n, self._lists, self._candidates = len(arrays["bytes"]), lists, candidates
        self._rows = rows
        self.effort = effort
        self.memory_bytes = memory_bytes

    def __len__(self) -> int:
        return self._n

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """See `inference.index.Index.search`; cosines behind the best are of the bytes, off by less than 1e-3."""
        cosines, rows = self._by_bytes(aligned_copy(queries), min(max(k, BEST), self._n))
        exact = self._rows.cosines(queries, rows[:, :BEST])
        # those behind stay behind, as the first of them may be a rounding above the last that was looked at
        behind = np.minimum(cosines[:, BEST:], exact.min(axis=1, keepdims=True))
        best = ranked(exact, rows[:, :BEST], BEST)
        cosines, rows = np.concatenate([best[0], behind], axis=1), np.concatenate([best[1], rows[:, BEST:]], axis=1)
        return cosines[:, :k], rows[:, :k]

    def _by_bytes(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        faiss = library()
        wanted = max(self._candidates or self.effort, 2 * k)
        if wanted >= self._n:
            cosines, rows = self._second.search(queries, k)
            return ranked(cosines, rows, k)
        if self._lists is not None:
            self._lists.nprobe = self.effort
        # a little more than the whole number, so that FAISS' rounding down gives it
        parameters = faiss.IndexRefineSearchParameters(k_factor=(wanted + 0.5) / k)
        cosines, rows = self._index.search(queries, k, params=parameters)
        short = np.flatnonzero((rows < 0).any(axis=1))
        if len(short):
            # the lists that were read hold too few, or all codes are the same: all bytes are compared
            cosines[short], rows[short] = self._second.search(aligned_copy(queries[short]), k)
        return ranked(cosines, rows, k)


class Looked:
    """Candidates by a FAISS index, compared again with rows wherever they stand.

    Parameters
    ----------
    first
        Finds candidates.
    rows
        What they are compared with.
    effort
        Candidates looked at twice, at least.
    memory_bytes
        Of both.
    """

    def __init__(self, first: Any, rows: VectorRows, effort: int, memory_bytes: int) -> None:
        self._first, self._rows, self.effort = first, rows, effort
        self.memory_bytes = memory_bytes

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """See `inference.index.Index.search`."""
        wanted = max(self.effort, 2 * k)
        all_rows = np.arange(len(self))
        if wanted >= len(self):
            rows = np.tile(all_rows, (len(queries), 1))
        else:
            # by rising row: a file is then read forwards
            rows = np.sort(self._first.search(aligned_copy(queries), wanted)[1], axis=1)
        cosines = self._rows.cosines(queries, rows)
        best, found = ranked(cosines, rows, k)
        # codes that are all the same tell nothing: all rows are compared
        for one in np.flatnonzero((found < 0).any(axis=1)):
            every = self._rows.cosines(queries[one : one + 1], all_rows[None])
            (best[one],), (found[one],) = ranked(every, all_rows[None], k)
        return best, found


def _balanced(variances: NDArray[np.float64], groups: int) -> NDArray[np.int64]:
    """Place (dim,) of each dimension, falling variances given: groups of about equal products."""
    logs = np.log(np.maximum(variances, FLOOR * max(float(variances[0]), FLOOR)) / (FLOOR * max(variances[0], FLOOR)))
    sums, filled = np.zeros(groups), np.zeros(groups, np.int64)
    places = np.empty(len(variances), np.int64)
    for k, log in enumerate(logs):
        group = int(np.argmin(np.where(filled < GROUP, sums, np.inf)))
        places[k] = group * GROUP + filled[group]
        sums[group] += log
        filled[group] += 1
    return places
