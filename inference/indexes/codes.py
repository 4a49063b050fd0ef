"""Vectors in 8 bits about their mean, and the quickest ways to multiply them."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors
from inference.index import Rows

Codes = NDArray[np.int8]
Scores = NDArray[np.int32]
"""(m, n): sums of whole numbers, of each query with each code."""
Whole = NDArray[np.int16]
"""(m, dim): queries in whole numbers."""
TOP = 127
"""Largest code."""
BASE = 128
QUERY_TOP = 63 * BASE + 63
"""Largest whole number of a query: of two digits of 7 bits, and so that sums stay whole up to 2,048 dimensions."""
FEW = 8
"""Queries up to which reading the codes for each is quicker than preparing them for many."""
PIECE = 65_536
GRACE = 1e-6
"""More than float64 can round off where candidates are proved."""


@dataclass(frozen=True)
class Rounded:
    """Vectors as ``mean + step x codes``.

    Attributes
    ----------
    codes
        (n, dim) int8.
    step
        What a code counts.
    mean
        (dim,) float32. Image embeddings share a large mean, whose part in a cosine is the same for all.
    error
        Largest Euclidean distance of a vector from its rounded self.
    longest
        Largest Euclidean length of codes, times ``step``.
    """

    codes: Codes
    step: float
    mean: Vectors
    error: float
    longest: float


def mean_and_step(vectors: Vectors) -> tuple[Vectors, float]:
    """Mean (dim,) and step of 8-bit codes that reach every value."""
    mean = np.asarray(vectors.mean(axis=0, dtype=np.float64), np.float32)
    high = max((float(np.abs(part - mean).max(initial=0)) for part in _parts(vectors)), default=0.0)
    return mean, max(high, 1e-12) / TOP


def rounded(vectors: Vectors) -> Rounded:
    """Vectors (n, dim) float32 in 8 bits."""
    mean, step = mean_and_step(vectors)
    codes = np.empty(vectors.shape, np.int8)
    error = longest = 0.0
    for start, part in zip(range(0, len(vectors), PIECE), _parts(vectors), strict=True):
        centred = (part - mean) / np.float32(step)
        whole = np.rint(centred)
        codes[start : start + len(part)] = whole
        error = max(error, float(np.linalg.norm(centred - whole, axis=1).max(initial=0)) * step)
        longest = max(longest, float(np.linalg.norm(whole, axis=1).max(initial=0)) * step)
    return Rounded(codes, step, mean, error, longest)


@dataclass(frozen=True)
class Candidates:
    """What a first stage found for m queries.

    Attributes
    ----------
    rows
        (m, n) int64, rising.
    least
        (m,) float64: no vector outside has a rounded cosine (without the mean's part, in steps of a code) above it.
    left
        (m,) float64: Euclidean length of what was rounded off the query.
    """

    rows: Rows
    least: NDArray[np.float64]
    left: NDArray[np.float64]


@dataclass(frozen=True)
class Ahead:
    """What a first stage knows of queries before they come, by m queries near them.

    Attributes
    ----------
    rows
        (m, n) int64, rising: the codes that the near queries lead to.
    most
        (m,) float64: the product of a near query with no other code is above it.
    near, step
        (m, dim) int16 and (m,) float64: these queries in whole numbers, and what one counts.
    codes
        (m, n, dim) int8: the codes side by side, as memory hands them over most quickly.
    """

    rows: Rows
    most: NDArray[np.float64]
    near: Whole
    step: NDArray[np.float64]
    codes: Codes


class FirstStage:
    """Finds candidates among 8-bit codes by exact sums of whole numbers: the same alone and among others.

    A few queries read the codes once (`inference.kernels`). For many, torch's quantised product (FBGEMM, x86-64 with
    AVX2 or more) is three times as quick; it is prepared when it is first wanted, and only where torch is loaded
    already, as it is beside a network: importing it for a search would cost seconds of start-up.

    Parameters
    ----------
    codes
        (n, dim) int8.
    longest
        Euclidean length of the longest of them, or more.

    Attributes
    ----------
    tried, helped
        Times that queries came of which something was known ahead, and times that it was enough.
    """

    def __init__(self, codes: Codes, longest: float) -> None:
        self._codes = np.ascontiguousarray(codes)
        self._longest = longest
        self._top = min(QUERY_TOP, (2**31 - 1) // (TOP * max(codes.shape[1], 1)))
        self._packed: Packed | None = None
        self.tried = self.helped = 0

    @property
    def memory_bytes(self) -> int:
        """Bytes of the codes as they are kept."""
        return self._codes.nbytes * (1 if self._packed is None else 2)

    def candidates(self, queries: Vectors, n: int, ahead: Ahead | None = None) -> Candidates:
        """``n`` candidates of each query (m, dim): the same, whatever was known ahead."""
        whole, step, left = self._whole(queries)
        if ahead is not None and (found := self._among(ahead, whole, step, n)):
            rows, least = found
        else:
            many = len(queries) > FEW and self._packs()
            rows, least = _best(self._many(whole) if many else self._few(whole), n)
        return Candidates(rows, least * step, left)

    def ahead(self, near: Vectors, n: int) -> Ahead:
        """What there is to know of queries near these (m, dim): the ``n`` codes that they lead to."""
        from inference import kernels

        whole, step, _ = self._whole(near)
        rows, least = _best(self._few(whole), n)
        codes = np.empty((*rows.shape, self._codes.shape[1]), np.int8)
        kernels.take(self._codes, rows, codes)
        return Ahead(rows, least * step, whole, step, codes)

    @staticmethod
    def lead(ahead: Ahead, n: int) -> Rows:
        """Rows (m, n), rising, of the ``n`` codes that the near queries lead to before all others."""
        from inference import kernels

        picked, least = np.empty((len(ahead.rows), n), np.int64), np.empty(len(ahead.rows), np.int64)
        kernels.best_of(ahead.codes, ahead.near, picked, least)
        return np.take_along_axis(ahead.rows, picked, axis=1)

    def _among(
        self, ahead: Ahead, whole: Whole, step: NDArray[np.float64], n: int
    ) -> tuple[Rows, NDArray[np.int64]] | None:
        """The candidates, if they are proved to be among the codes that are known ahead.

        A product changes by no more than the query has moved, times the length of the code: where the least of the
        candidates is above that, no other code can be one, nor be equal to the last.
        """
        from inference import kernels

        if ahead.rows.shape[0] != len(whole) or ahead.rows.shape[1] < n:
            return None
        m = len(whole)
        picked, least, moved = np.empty((m, n), np.int64), np.empty(m, np.int64), np.empty(m)
        kernels.best_of(ahead.codes, whole, picked, least)
        kernels.moved(whole, step, ahead.near, ahead.step, moved)
        proved = bool((least * step > ahead.most + (1 + GRACE) * moved * self._longest).all())
        if moved.any():  # the near queries themselves, as in rehearsals, tell nothing
            self.tried += 1
            self.helped += proved
        if not proved:
            return None
        return ahead.rows[np.arange(m)[:, None], picked], least

    def _whole(self, queries: Vectors) -> tuple[Whole, NDArray[np.float64], NDArray[np.float64]]:
        """Queries in whole numbers, what one counts, and the length of what was rounded off."""
        # compiled code takes a while to load: not for those who never search
        from inference import kernels

        m = len(queries)
        whole, step, left = np.empty(queries.shape, np.int16), np.empty(m), np.empty(m)
        kernels.whole(queries, self._top, whole, step, left)
        return whole, step, left

    def _few(self, whole: Whole) -> Scores:
        from inference import kernels

        scores = np.empty((len(whole), len(self._codes)), np.int32)
        kernels.whole_products(self._codes, whole, scores)
        return scores

    def _many(self, whole: Whole) -> Scores:
        if self._packed is None:
            self._packed = Packed(self._codes)
        return self._packed.products(whole)

    def _packs(self) -> bool:
        return "torch" in sys.modules and self._top == QUERY_TOP and Packed.works()


class Packed:
    """``quantized::linear_dynamic`` of FBGEMM.

    A query is taken as two rows of 7 bits, its upper and its lower: 7 bits never saturate the kernel of machines
    without VNNI. Two columns of zeros are added to the codes, and 63 and -64 to the rows: their range is then 127 wide,
    so that the scale which torch finds is 1 and its rounding leaves whole numbers as they are.
    """

    MAX_DIM = 2048
    """Up to which sums stay under 2 ** 24, where float32 is exact."""

    def __init__(self, codes: Codes) -> None:
        import torch

        engine = torch.backends.quantized.engine
        torch.backends.quantized.engine = "fbgemm"
        try:
            padded = torch.from_numpy(np.pad(codes, ((0, 0), (0, 2))))
            weight = torch._make_per_tensor_quantized_tensor(padded, 1.0, 0)
            self._packed: Any = torch.ops.quantized.linear_prepack(weight, None)
        finally:
            torch.backends.quantized.engine = engine

    @staticmethod
    def works() -> bool:
        """Whether this machine has the kernel."""
        import torch

        known = "fbgemm" in torch.backends.quantized.supported_engines
        return known and platform.machine().lower() in ("x86_64", "amd64") and torch.cpu._is_avx2_supported()

    def products(self, whole: Whole) -> Scores:
        """Sums (m, n) of queries (m, dim) of at most ``QUERY_TOP``."""
        import torch

        m, dim = whole.shape
        high = (whole + BASE // 2) // BASE
        both = np.empty((2 * m, dim + 2), np.float32)
        both[:m, :dim], both[m:, :dim], both[:, dim], both[:, dim + 1] = high, whole - BASE * high, 63, -64
        with torch.inference_mode():
            sums = torch.ops.quantized.linear_dynamic(torch.from_numpy(both), self._packed, True).numpy()
        found: Scores = sums.astype(np.int32)
        return found[:m] * BASE + found[m:]


def _best(scores: Scores, n: int) -> tuple[Rows, NDArray[np.int64]]:
    """Rows (m, n), rising, of the ``n`` best of each line, and the least of them (m,)."""
    from inference import kernels

    rows, least = np.empty((len(scores), n), np.int64), np.empty(len(scores), np.int64)
    kernels.best(scores, n, rows, least)
    return rows, least


def _parts(vectors: Vectors) -> list[Vectors]:
    return [vectors[start : start + PIECE] for start in range(0, len(vectors), PIECE)]
