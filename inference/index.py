"""Nearest neighbours by inner product: what every index is, and the exact one. Other kinds: `inference.indexes`."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, aligned_copy

Rows = NDArray[np.int64]
"""Row numbers of vectors."""


class Index(Protocol):
    """Vectors of unit norm, numbered by row in the order in which they were given."""

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """The ``k`` nearest of each query, best first, equal ones by row.

        Parameters
        ----------
        queries
            (m, dim) float32, unit norm.
        k
            At most the number of vectors.

        Returns
        -------
        Cosines (m, k) float32 and rows (m, k) int64, each row once. The answer to a query does not depend on those
        beside it.
        """
        ...

    def __len__(self) -> int:
        """How many vectors can be found."""
        ...

    @property
    def memory_bytes(self) -> int:
        """Bytes of memory that searching needs, without pages that are mapped from a file."""
        ...


@runtime_checkable
class Foreseeing(Index, Protocol):
    """An index that searches in less time for queries that it was told of before."""

    def foresee(self, near: Vectors, k: int) -> Any:
        """What `search` may go by of queries that will lie near these (m, dim); None where that is nothing."""
        ...

    def search(self, queries: Vectors, k: int, foreseen: Any = None) -> tuple[Vectors, Rows]:
        """See `Index.search`; the same, bit for bit, whatever was foreseen."""
        ...


class Editable(Index, Protocol):
    """An index that changes while it serves. Row numbers never change: those of removed vectors are not used again."""

    def add(self, vectors: Vectors) -> None:
        """Vectors (n, dim) float32 of unit norm get the next ``n`` row numbers, and are found from now on."""
        ...

    def remove(self, rows: Rows) -> None:
        """Rows (n,) int64 are not found from now on."""
        ...


class ExactIndex:
    """Every vector is compared, in float32, by FAISS.

    Parameters
    ----------
    vectors
        (n, dim) float32, unit norm; kept, not copied, where they are contiguous. May be mapped from a file.
    """

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors if fits(vectors) else aligned_copy(vectors)

    def __len__(self) -> int:
        return len(self._vectors)

    @property
    def memory_bytes(self) -> int:
        """Of the vectors; 0 where they are mapped from a file."""
        return 0 if mapped(self._vectors) else self._vectors.nbytes

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """See `Index.search`."""
        # imported here, so that reading a gallery costs nothing until it is searched
        import faiss

        cosines, rows = faiss.knn(aligned_copy(queries), self._vectors, k, faiss.METRIC_INNER_PRODUCT)
        return ranked(cosines, rows, k)


def ranked(cosines: Vectors, rows: Rows, k: int) -> tuple[Vectors, Rows]:
    """The ``k`` best of candidates (m, n), best first, equal ones by row."""
    order, lines = np.lexsort((rows, -cosines), axis=-1)[:, :k], np.arange(len(rows))[:, None]
    return cosines[lines, order], rows[lines, order]


def fits(vectors: Vectors) -> bool:
    """Whether an array can be searched where it stands. FAISS gives the same bits whatever the alignment (tested)."""
    return vectors.dtype == np.float32 and vectors.flags.c_contiguous and vectors.flags.aligned


def mapped(array: NDArray[np.generic]) -> bool:
    """Whether an array, or what it is a view of, is mapped from a file."""
    part: object = array
    while isinstance(part, np.ndarray):
        if isinstance(part, np.memmap):
            return True
        part = part.base
    return False


def library() -> Any:
    """FAISS, without its stubs, which lack much; imported here, so that reading a gallery costs nothing."""
    import faiss

    return faiss


def limit_threads() -> None:
    """One thread for FAISS, and for whatever shares its OpenMP (torch does): for workers, which scale by processes."""
    import faiss

    faiss.omp_set_num_threads(1)
