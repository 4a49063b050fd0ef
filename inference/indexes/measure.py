"""The recall of an index, measured on queries as a brain decoder gives them.

A query is a vector of the gallery turned away from itself to a given cosine: 1 (the vector itself), 0.4 (an average
over many repeats) and 0.2 (few). What is added has two parts of the same length: a random mixture of other vectors of
the gallery about their mean, because a decoder's errors lie where its training pictures lie, and noise alike in all
directions. The neighbours of such queries are further away, and differ less, than a picture's own: most kinds of index
find fewer of them, and recall on pictures alone would flatter.
"""

from __future__ import annotations

import numpy as np

from config.index_spec import Recall
from inference.encoders.base import Vectors, unit_norm
from inference.index import ExactIndex, Index, Rows
from inference.indexes.rows import VectorRows

COSINES = (1.0, 0.4, 0.2)
QUERIES = 100
"""Of each cosine."""
MIXED = 32
"""Vectors in the mixture."""
AT = 10
TIE = 1e-6
"""Cosines that differ by less are taken for equal, as float32 sums are."""
FIND_ROWS = 256
"""Queries searched at once for the truth: the vectors are then read once for all of them."""


def queries(vectors: Vectors, cosine: float, count: int = QUERIES, seed: int = 0) -> Vectors:
    """Queries (count, dim) float32, unit norm, made of vectors (n, dim), unit norm.

    Parameters
    ----------
    vectors
        In memory or mapped.
    cosine
        Of every query with the vector that it is made of.
    count
        How many.
    seed
        Same seed, same queries.
    """
    rng = np.random.default_rng((seed, round(1e6 * cosine)))
    picked = np.asarray(vectors[np.sort(rng.integers(len(vectors), size=count))], np.float32)
    if cosine >= 1:
        return picked
    others = np.asarray(vectors[np.sort(rng.integers(len(vectors), size=MIXED * 8))], np.float32)
    others = others - others.mean(axis=0)
    chosen = rng.integers(len(others), size=(count, MIXED))
    weights = rng.standard_normal((count, MIXED), dtype=np.float32)
    mixed = unit_norm(np.einsum("cm,cmd->cd", weights, others[chosen]))
    added = mixed + unit_norm(rng.standard_normal(picked.shape, dtype=np.float32))
    added -= (added * picked).sum(axis=1, keepdims=True) * picked
    return unit_norm(cosine * picked + np.sqrt(1 - cosine**2) * unit_norm(added))


class Truth:
    """The nearest of a set of vectors for queries of several cosines, found once and compared with many indexes.

    Parameters
    ----------
    vectors
        (n, dim) float32, unit norm.
    seed
        Of the queries.
    count
        Queries of each cosine.
    """

    def __init__(self, vectors: Vectors, seed: int = 0, count: int = QUERIES) -> None:
        self._rows = VectorRows(vectors)
        self._at = min(AT, len(vectors))
        exact = ExactIndex(self._rows.vectors)
        self.queries = {cosine: queries(vectors, cosine, count, seed) for cosine in COSINES}
        self._bars = {cosine: self._bar(exact, asked) for cosine, asked in self.queries.items()}

    def recall(self, index: Index, k: int = AT) -> tuple[Recall, ...]:
        """Recall at ten of an index that is asked for ``k``, one query at a time, for each cosine."""
        return tuple(
            Recall(cosine=cosine, at_10=self._share(index, cosine, max(k, self._at)), queries=len(asked))
            for cosine, asked in self.queries.items()
        )

    def _share(self, index: Index, cosine: float, k: int) -> float:
        asked = self.queries[cosine]
        k = min(k, len(self._rows))
        rows: Rows = np.concatenate([index.search(query[None], k)[1][:, : self._at] for query in asked])
        found = self._rows.cosines(asked, rows) >= self._bars[cosine][:, None] - TIE
        # a row given twice counts once
        once = np.array([[row not in line[:place] for place, row in enumerate(line)] for line in rows.tolist()])
        return float((found & once).mean())

    def _bar(self, exact: ExactIndex, asked: Vectors) -> Vectors:
        """Cosine of the tenth nearest of each query."""
        parts = [asked[start : start + FIND_ROWS] for start in range(0, len(asked), FIND_ROWS)]
        return np.concatenate([exact.search(part, self._at)[0][:, -1] for part in parts])
