"""One bit a dimension: an exhaustive scan by Hamming distance, and a second look at the best in bytes.

A bit says on which side of the mean a vector lies. A query's part along the mean is taken out first: it is large in
image embeddings, the same for all vectors, and would set most of the query's bits alike.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors
from inference.index import Rows, ranked
from inference.indexes import scalar
from inference.indexes.scalar import Arrays


def trained(sample: Vectors) -> Arrays:
    """``mean`` (dim,) float32."""
    return {"mean": np.asarray(sample.mean(axis=0, dtype=np.float64), np.float32)}


def encoded(arrays: Arrays, part: Vectors) -> NDArray[np.uint8]:
    """Bits (n, bytes) uint8, packed."""
    return np.packbits(part > arrays["mean"], axis=1)


class Bits:
    """Packed bits, and bytes.

    Parameters
    ----------
    arrays
        ``mean``, ``bits``, ``low``, ``width`` and ``bytes``.
    effort
        Candidates looked at twice, at least.
    """

    def __init__(self, arrays: Arrays, effort: int) -> None:
        import faiss

        self._mean = arrays["mean"]
        self._index = faiss.IndexBinaryFlat(8 * arrays["bits"].shape[1])
        self._index.add(np.ascontiguousarray(arrays["bits"]))
        self._rows = scalar.rows(arrays, np.ascontiguousarray(arrays["bytes"]))
        self.effort = effort
        self.memory_bytes = arrays["bits"].nbytes + self._rows.memory_bytes

    def __len__(self) -> int:
        return len(self._rows)

    def search(self, queries: Vectors, k: int) -> tuple[Vectors, Rows]:
        """See `inference.index.Index.search`; cosines are of the bytes, off by less than 1e-3."""
        length = max(float(self._mean @ self._mean), 1e-12)
        without = queries - ((queries @ self._mean) / np.float32(length))[:, None] * self._mean
        wanted = min(max(self.effort, 2 * k), len(self))
        _, rows = self._index.search(np.packbits(without > 0, axis=1), wanted)
        rows = np.sort(rows, axis=1)
        return ranked(self._rows.cosines(queries, rows), rows, k)
