"""Vectors in 8 bits about their mean, and the fastest ways to multiply them that a machine has."""

from __future__ import annotations

import math
import platform
import sys
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.encoders.base import Vectors, aligned_copy
from inference.index import Rows

Codes = NDArray[np.int8]
TOP = 127
"""Largest code."""
QUERY_TOP = 63
"""Largest whole number of a query's row where 7 bits are wanted."""
PIECE = 65_536
SAMPLED = 16
"""Every which score is looked at to guess the bar that candidates must pass."""


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
        (m, n) int64, in no order.
    least
        (m,) float64: no vector outside has a rounded cosine (without the mean's part, in steps of a code) above it.
    left
        (m,) float64: Euclidean length of what was rounded off the query.
    """

    rows: Rows
    least: NDArray[np.float64]
    left: NDArray[np.float64]


class FirstStage(Protocol):
    """Finds candidates by sums of whole numbers, which are the same alone and among others."""

    @property
    def memory_bytes(self) -> int:
        """Bytes of the codes as they are kept."""
        ...

    def candidates(self, queries: Vectors, n: int) -> Candidates:
        """``n`` candidates of each query (m, dim)."""
        ...


def first_stage(codes: Codes) -> FirstStage:
    """The fastest that this process can have.

    torch's quantised product (FBGEMM, x86-64 with AVX2 or more) reads the codes once for all queries. It is taken where
    torch is loaded already, as it is beside a network: importing it for a search would cost seconds of start-up.
    """
    if "torch" in sys.modules and codes.shape[1] <= TorchStage.MAX_DIM and TorchStage.works():
        return TorchStage(codes)
    return FaissStage(codes)


class TorchStage:
    """``quantized::linear_dynamic`` of FBGEMM.

    A query is taken as two rows of 7 bits, the second what the first leaves: 7 bits never saturate the kernel of
    machines without VNNI, and memory is what takes the time. Two columns of zeros are added to the codes, and
    ``QUERY_TOP`` and ``-QUERY_TOP - 1`` to the rows: their range is then 127 wide, so that the scale which torch finds
    is 1 and its rounding leaves whole numbers as they are.
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
        self.memory_bytes = codes.nbytes

    @staticmethod
    def works() -> bool:
        """Whether this machine has the kernel."""
        import torch

        known = "fbgemm" in torch.backends.quantized.supported_engines
        return known and platform.machine().lower() in ("x86_64", "amd64") and torch.cpu._is_avx2_supported()

    def candidates(self, queries: Vectors, n: int) -> Candidates:
        """See `FirstStage`."""
        import torch

        m, dim = queries.shape
        high, step = whole_queries(queries, QUERY_TOP)
        low, fine = whole_queries(queries - high * step, QUERY_TOP)
        both = np.empty((2 * m, dim + 2), np.float32)
        both[:m, :dim], both[m:, :dim], both[:, dim], both[:, dim + 1] = high, low, QUERY_TOP, -QUERY_TOP - 1
        with torch.inference_mode():
            sums = torch.ops.quantized.linear_dynamic(torch.from_numpy(both), self._packed, True).numpy()
        scores = sums[m:]
        scores *= fine / step
        scores += sums[:m]
        rows = np.stack([largest(row, n) for row in scores])
        least = np.take_along_axis(scores, rows, axis=1).min(axis=1)
        return Candidates(rows, least.astype(np.float64) * step[:, 0], _length(queries - high * step - low * fine))


class FaissStage:
    """FAISS' flat 8-bit index: on every machine, one pass over the codes a query, which is rounded to 8 bits."""

    def __init__(self, codes: Codes) -> None:
        import faiss

        kind = faiss.ScalarQuantizer.QT_8bit_direct_signed
        self._index: Any = faiss.IndexScalarQuantizer(codes.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
        for start in range(0, len(codes), PIECE):
            self._index.add(codes[start : start + PIECE].astype(np.float32))
        self.memory_bytes = codes.nbytes

    def candidates(self, queries: Vectors, n: int) -> Candidates:
        """See `FirstStage`."""
        whole, step = whole_queries(queries, TOP)
        sums, rows = self._index.search(aligned_copy(whole), n)
        return Candidates(rows, sums.min(axis=1).astype(np.float64) * step[:, 0], _length(queries - whole * step))


def whole_queries(queries: Vectors, top: int) -> tuple[Vectors, Vectors]:
    """Queries in whole numbers up to ``top``, as float32 (m, dim), and what one counts (m, 1)."""
    step = np.maximum(np.abs(queries).max(axis=1, keepdims=True, initial=0), np.float32(1e-12)) / np.float32(top)
    return np.clip(np.rint(queries / step), -top, top), step


def largest(scores: Vectors, n: int) -> Rows:
    """Rows (n,) of the ``n`` largest of (rows,), in no order.

    A bar is guessed from every sixteenth score; what passes it is few, and cheap to sort out. Where the guess is too
    high all are looked at.
    """
    if n >= len(scores):
        return np.arange(len(scores))
    sample = scores[::SAMPLED]
    # a tenth more than expected, and three standard deviations of how many of the best are in the sample
    wanted = math.ceil(n / SAMPLED * 1.1 + 3 * math.sqrt(n / SAMPLED))
    if wanted < len(sample) / 2:
        bar = np.partition(sample, len(sample) - wanted)[len(sample) - wanted]
        passed = np.flatnonzero(scores >= bar)
        if len(passed) >= n:
            return np.asarray(passed[np.argpartition(scores[passed], len(passed) - n)[len(passed) - n :]], np.int64)
    return np.asarray(np.argpartition(scores, len(scores) - n)[len(scores) - n :], np.int64)


def _parts(vectors: Vectors) -> list[Vectors]:
    return [vectors[start : start + PIECE] for start in range(0, len(vectors), PIECE)]


def _length(rows: Vectors) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(rows, axis=1), np.float64)
