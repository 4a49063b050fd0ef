"""Flat search in 8 bits: every code is compared, the best are compared again in float32, and the top is certified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors
from inference.index import ExactIndex, Rows, ranked
from inference.indexes.codes import FEW, Ahead, Candidates, FirstStage, rounded
from inference.indexes.rows import VectorRows

CERTAIN = 10
"""Ranks that are proved to be those of exact search, or found by it."""
SPARE = 64
"""Candidates beyond those wanted: with 64, all 256 best of 16,540 were found (see docs/performance.md)."""
BLOCK = 64
"""Queries taken at once, so that memory stays bounded."""
ROUNDING = 1e-5
"""What float32 sums of a cosine may be off by."""
AHEAD = 3
"""So many times the candidates are kept of a query that is foreseen ..."""
FEWER = 8
"""... where that is this much less than all."""
TRIES = 16
"""Foreseen queries after which it is asked whether that was of use."""
BEYOND = 32
"""Vectors kept beyond the candidates of a query that is foreseen: they change by a few."""


@dataclass(frozen=True)
class Foreseen:
    """What `EightBit.foresee` found, for the index that found it.

    Attributes
    ----------
    first, ahead
        Whose, and what it knows ahead.
    rows
        (m, n) int64, rising: the candidates of the near queries, and a few more.
    vectors
        These, (m x n, dim) float32, side by side.
    """

    first: FirstStage
    ahead: Ahead
    rows: Rows
    vectors: VectorRows

    def cosines(self, queries: Vectors, rows: Rows) -> Vectors | None:
        """Cosines (m, k) of queries with rows (m, k); None where one of them is not here."""
        if len(rows) != len(self.rows):
            return None
        places = np.empty(rows.shape, np.int64)
        for mine, asked, out in zip(self.rows, rows, places, strict=True):
            out[:] = mine.searchsorted(asked)
        places += self.rows.shape[1] * np.arange(len(rows))[:, None]
        here = self.rows.ravel()
        if places[-1, -1] >= here.size or (here[places] != rows).any():
            return None
        return self.vectors.cosines(queries, places)


class EightBit:
    """8-bit codes first, float32 after.

    For a query q and a vector x, with q' and x' their rounded selves, ``|q.x - q'.x'| <= |x - x'| + |q - q'| |x'|``. No
    vector outside the candidates can be among the best ``CERTAIN`` where the last of these is above the worst
    candidate's rounded cosine by more than that; where it is not, the query is searched exactly. So the first ranks are
    always those of exact search, bit for bit; those behind are as good as the candidates.

    Parameters
    ----------
    vectors
        (n, dim) float32, unit norm; kept for the second look, in memory or mapped.
    spare
        Candidates beyond those wanted.

    Attributes
    ----------
    searched, uncertain
        Queries so far, and those of them that had to be searched exactly.
    """

    def __init__(self, vectors: Vectors, spare: int = SPARE) -> None:
        self._rows = VectorRows(vectors)
        codes = rounded(self._rows.vectors)
        self._mean, self._step, self._error, self._longest = codes.mean, codes.step, codes.error, codes.longest
        self._first = FirstStage(codes.codes, codes.longest / codes.step)
        self._exact = ExactIndex(self._rows.vectors)
        self._spare = spare
        self.searched = self.uncertain = 0

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def memory_bytes(self) -> int:
        """Codes, and the vectors where they are in memory."""
        return self._first.memory_bytes + self._rows.memory_bytes

    def foresee(self, near: Vectors, k: int) -> Foreseen | None:
        """See `inference.index.Foreseeing.foresee`; None, too, where it was of no use so far."""
        first, count = self._first, AHEAD * (k + self._spare)
        of_no_use = first.tried >= TRIES and 2 * first.helped < first.tried
        if len(near) > FEW or len(self) < FEWER * count or of_no_use:
            return None
        ahead = first.ahead(near, count)
        rows = first.lead(ahead, k + self._spare + BEYOND)
        vectors = self._rows.vectors.take(rows.ravel(), axis=0, mode="clip")
        return Foreseen(first, ahead, rows, VectorRows(vectors))

    def search(self, queries: Vectors, k: int, foreseen: Any = None) -> tuple[Vectors, Rows]:
        """See `inference.index.Foreseeing.search`."""
        self.searched += len(queries)
        wanted = k + self._spare
        # where half of all would be looked at twice, once is cheaper
        if 2 * wanted >= len(self):
            return self._exact.search(queries, k)
        if isinstance(foreseen, Foreseen) and foreseen.first is self._first:
            return self._search(queries, k, wanted, foreseen)
        parts = [self._search(queries[start : start + BLOCK], k, wanted) for start in range(0, len(queries), BLOCK)]
        cosines, rows = zip(*parts, strict=True) if parts else ((np.empty((0, k), np.float32),), (_no_rows(k),))
        return np.concatenate(cosines), np.concatenate(rows)

    def _search(self, queries: Vectors, k: int, wanted: int, foreseen: Foreseen | None = None) -> tuple[Vectors, Rows]:
        found = self._first.candidates(queries, wanted, None if foreseen is None else foreseen.ahead)
        near = None if foreseen is None else foreseen.cosines(queries, found.rows)
        cosines, rows = ranked(self._rows.cosines(queries, found.rows) if near is None else near, found.rows, k)
        doubtful = np.flatnonzero(cosines[:, min(k, CERTAIN) - 1] <= self._bar(queries, found))
        self.uncertain += len(doubtful)
        # one by one: exact search gives other last bits for many at once
        for one in doubtful:
            (cosines[one],), (rows[one],) = self._exact.search(queries[one : one + 1], k)
        return cosines, rows

    def _bar(self, queries: Vectors, found: Candidates) -> NDArray[np.float64]:
        """Highest cosine that a vector outside the candidates can have: (m,)."""
        rounding = self._error + found.left * self._longest + ROUNDING
        return np.asarray(found.least * self._step + queries @ self._mean + rounding, np.float64)


def _no_rows(k: int) -> Rows:
    return np.empty((0, k), np.int64)
