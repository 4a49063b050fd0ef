"""Where the vectors themselves stand that candidates are compared with: in memory or mapped from a file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, aligned_copy
from inference.index import Rows, fits, library, mapped


class VectorRows:
    """Vectors of which some rows are compared with a query.

    float32 rows are read where they stand, by the same FAISS kernel as `inference.index.ExactIndex`: their cosines are
    bit-equal to exact search. Others are rounded: float16 to 5e-4 of a cosine, bytes to half a step.

    Parameters
    ----------
    vectors
        (n, dim) float32, float16 or uint8; in memory or mapped.
    scale, offset
        (dim,) float32: what a byte counts in each dimension, and the vector of zeros.
    """

    def __init__(self, vectors: NDArray[Any], scale: Vectors | None = None, offset: Vectors | None = None) -> None:
        whole = vectors.dtype != np.float32 or fits(vectors)
        self.vectors: NDArray[Any] = vectors if whole else aligned_copy(vectors)
        self._scale, self._offset = scale, offset

    def __len__(self) -> int:
        return len(self.vectors)

    @property
    def memory_bytes(self) -> int:
        """Of the vectors; 0 where they are mapped from a file."""
        return 0 if mapped(self.vectors) else self.vectors.nbytes

    def cosines(self, queries: Vectors, rows: Rows) -> Vectors:
        """Cosines (m, n) of queries (m, dim) with rows (m, n) of their own; ``-inf`` for row -1."""
        # FAISS reads through bare pointers: a row that is not there must never reach it
        if rows.size and (rows.max() >= len(self) or rows.min() < -1):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(self)} vectors")
        if self.vectors.dtype == np.float32:
            return self._in_place(queries, np.ascontiguousarray(rows))
        out = np.empty(rows.shape, np.float32)
        for query, row, into in zip(queries, rows, out, strict=True):
            scaled = query if self._scale is None else query * self._scale
            # einsum, as BLAS gives other last bits for another number of rows
            np.einsum("nd,d->n", self.vectors[row].astype(np.float32), scaled, out=into)
            if self._offset is not None:
                into += np.einsum("d,d->", self._offset, query)
        out[rows < 0] = -np.inf
        return out

    def _in_place(self, queries: Vectors, rows: Rows) -> Vectors:
        faiss = library()
        out, queries = np.empty(rows.shape, np.float32), aligned_copy(queries)
        of = faiss.swig_ptr
        faiss.fvec_inner_products_by_idx(
            of(out), of(queries), of(self.vectors), of(rows), queries.shape[1], *rows.shape
        )
        return out
