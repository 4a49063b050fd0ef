"""Nearest neighbours by inner product: exact, FAISS."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, aligned_copy

Rows = NDArray[np.int64]


class ExactIndex:
    """FAISS ``IndexFlatIP`` over unit vectors: every vector is compared.

    Parameters
    ----------
    vectors
        (n, dim) float32, unit norm.
    """

    def __init__(self, vectors: Vectors) -> None:
        # imported here, so that reading a gallery costs nothing until it is searched
        import faiss

        self._index: Any = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(aligned_copy(vectors))

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """The ``k`` nearest of each query, best first, equal ones by row.

        Parameters
        ----------
        queries
            (m, dim) float32.
        k
            At most the number of vectors.

        Returns
        -------
        Cosines (m, k) float32 and rows (m, k) int64.
        """
        cosines, rows = self._index.search(aligned_copy(queries), k)
        order = np.lexsort((rows, -cosines), axis=-1)
        return np.take_along_axis(cosines, order, axis=-1), np.take_along_axis(rows, order, axis=-1)


def limit_threads() -> None:
    """One thread for FAISS, and for whatever shares its OpenMP (torch does): for workers, which scale by processes."""
    import faiss

    faiss.omp_set_num_threads(1)
