"""Products of a few rows with large arrays, compiled: for the one window that somebody waits for.

Libraries are made for many rows. For one or two, on a machine that did other things in between, they take up to four
times as long as memory needs to hand the array over (docs/performance.md); these read it once, from front to back.
Every row's result is the same alone and among others.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
FEW = 4
"""Rows up to which this is quicker than a library."""
BITS = 10
DIGITS = 1 << BITS
HALF_ROOT = np.float32(math.sqrt(0.5))


def _compiled(function: Callable[..., Any]) -> Any:
    """Kept on disk. Sums may be reordered, which is what lets them be done sixteen at a time; nothing else may."""
    return numba.njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})(function)


@_compiled
def products(weight: Floats, x: Floats, start: Floats, out: Floats) -> None:
    """``out = start + x @ weight.T``: weight (o, d), x (n, d), start (n, o) or (1, o), out (n, o)."""
    shared = len(start) == 1
    for i in range(weight.shape[0]):
        for j in range(x.shape[0]):
            total = np.float32(0)
            for k in range(weight.shape[1]):
                total += weight[i, k] * x[j, k]
            out[j, i] = total + start[0 if shared else j, i]


@_compiled
def elu(x: Floats) -> None:
    """In place, (n, d)."""
    for j in range(x.shape[0]):
        for k in range(x.shape[1]):
            value = x[j, k]
            x[j, k] = value if value > 0 else math.exp(value) - np.float32(1)


@_compiled
def strided(start: Floats, samples: Floats, weight: Floats, out: Floats) -> None:
    """``out = elu(start + samples @ weight)``: start and out (n, f), samples (n, s), weight (s, f)."""
    for j in range(start.shape[0]):
        for f in range(start.shape[1]):
            out[j, f] = start[j, f]
        for s in range(samples.shape[1]):
            for f in range(start.shape[1]):
                out[j, f] += samples[j, s] * weight[s, f]
    elu(out)


@_compiled
def head(x: Floats, weight: Floats, bias: Floats, scale: Floats, shift: Floats, eps: float, out: Floats) -> None:
    """``layer_norm(x + bias + gelu(x) @ weight.T)``: x and out (n, d), weight (d, d), bias, scale and shift (d,)."""
    n, d = x.shape
    active = np.empty((n, d), np.float32)
    for j in range(n):
        for k in range(d):
            active[j, k] = np.float32(0.5) * x[j, k] * (np.float32(1) + math.erf(x[j, k] * HALF_ROOT))
    for i in range(d):
        for j in range(n):
            total = np.float32(0)
            for k in range(d):
                total += weight[i, k] * active[j, k]
            out[j, i] = x[j, i] + bias[i] + total
    for j in range(n):
        mean = np.float32(0)
        for k in range(d):
            mean += out[j, k]
        mean /= np.float32(d)
        spread = np.float32(0)
        for k in range(d):
            spread += (out[j, k] - mean) ** 2
        factor = np.float32(1) / np.sqrt(spread / np.float32(d) + np.float32(eps))
        for k in range(d):
            out[j, k] = (out[j, k] - mean) * factor * scale[k] + shift[k]


@_compiled
def whole(x: Floats, top: int, out: NDArray[np.int16], step: NDArray[np.float64], left: NDArray[np.float64]) -> None:
    """Rows x (m, d) in whole numbers up to ``top``; (m,) what one counts, and the length of what was rounded off."""
    for j in range(x.shape[0]):
        high = np.float32(1e-12)
        for k in range(x.shape[1]):
            high = max(high, abs(x[j, k]))
        unit = high / np.float32(top)
        square = 0.0
        for k in range(x.shape[1]):
            value = min(max(np.rint(x[j, k] / unit), np.float32(-top)), np.float32(top))
            out[j, k] = np.int16(value)
            square += (np.float64(x[j, k]) - np.float64(value) * np.float64(unit)) ** 2
        step[j], left[j] = unit, math.sqrt(square)


@_compiled
def whole_products(codes: NDArray[np.int8], queries: NDArray[np.int16], out: NDArray[np.int32]) -> None:
    """``out = queries @ codes.T`` in whole numbers, exactly: codes (n, d), queries (m, d), out (m, n)."""
    for i in range(codes.shape[0]):
        for j in range(queries.shape[0]):
            total = np.int32(0)
            for k in range(codes.shape[1]):
                total += np.int32(codes[i, k]) * np.int32(queries[j, k])
            out[j, i] = total


@_compiled
def best(scores: NDArray[np.int32], n: int, rows: NDArray[np.int64], least: NDArray[np.int64]) -> None:
    """The ``n`` largest of each line of scores (m, count): rows (m, n), rising, and the smallest of them (m,).

    Of equal scores the first rows are taken. The n-th largest is found by its leading ten bits, then by the next ten of
    those that share them, and so on: all scores are looked at once or twice, then a few. (NumPy's partition takes
    seconds to compile.)
    """
    m, count = scores.shape
    near = np.empty(count, np.int64)
    counts = np.empty(DIGITS, np.int64)
    for j in range(m):
        line = scores[j]
        low, high = np.int64(line[0]), np.int64(line[0])
        for i in range(count):
            low, high = min(low, np.int64(line[i])), max(high, np.int64(line[i]))
            near[i] = i
        shift = 0
        while (high - low) >> shift >= DIGITS:
            shift += 1
        left, kept = n, count  # still to be found among the first ``kept`` of ``near``
        while True:
            counts[:] = 0
            for i in range(kept):
                counts[(line[near[i]] - low) >> shift] += 1
            digit = DIGITS - 1
            while counts[digit] < left:
                left -= counts[digit]
                digit -= 1
            low += digit << shift
            if shift == 0:
                break
            those, kept = kept, 0
            for i in range(those):
                above = line[near[i]] - low
                if above >= 0 and above >> shift == 0:
                    near[kept] = near[i]
                    kept += 1
            shift = max(0, shift - BITS)
        at = 0
        for i in range(count):
            if line[i] > low or (line[i] == low and left > 0):
                left -= line[i] == low
                rows[j, at] = i
                at += 1
        least[j] = low


@_compiled
def take(codes: NDArray[np.int8], rows: NDArray[np.int64], out: NDArray[np.int8]) -> None:
    """``out = codes[rows]``: codes (n, d), rows (m, k), out (m, k, d)."""
    for j in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            row = rows[j, i]
            for k in range(codes.shape[1]):
                out[j, i, k] = codes[row, k]


@_compiled
def best_of(
    codes: NDArray[np.int8], queries: NDArray[np.int16], rows: NDArray[np.int64], least: NDArray[np.int64]
) -> None:
    """`whole_products` of codes (m, k, d) of each query's own, then `best` of them: rows (m, n), rising, of those."""
    scores = np.empty(codes.shape[:2], np.int32)
    for j in range(codes.shape[0]):
        for i in range(codes.shape[1]):
            total = np.int32(0)
            for k in range(codes.shape[2]):
                total += np.int32(codes[j, i, k]) * np.int32(queries[j, k])
            scores[j, i] = total
    best(scores, rows.shape[1], rows, least)


@_compiled
def moved(
    queries: NDArray[np.int16],
    step: NDArray[np.float64],
    near: NDArray[np.int16],
    near_step: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Euclidean distance (m,) of queries (m, d) in whole numbers of ``step`` (m,) from others."""
    for j in range(queries.shape[0]):
        square = 0.0
        for k in range(queries.shape[1]):
            square += (np.float64(queries[j, k]) * step[j] - np.float64(near[j, k]) * near_step[j]) ** 2
        out[j] = math.sqrt(square)
