"""Curves in braille: two columns and four rows of dots a cell. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

BLOCKS = "▁▂▃▄▅▆▇█"
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]], dtype=np.uint32)
"""Bit of each dot, from the top, left and right (Unicode 2800)."""


def trace(low: NDArray[np.float32], high: NDArray[np.float32], half: float, rows: int) -> list[str]:
    """One curve.

    Parameters
    ----------
    low, high
        (columns,) of each dot column, an even number; NaN where there is nothing. Values beyond ``half`` are drawn at
        the edge.
    half
        Value at the upper edge; the lower is its negative.
    rows
        Rows of cells.

    Returns
    -------
    list of str
        ``rows`` strings of ``columns / 2`` cells.
    """
    levels = 4 * rows
    there = ~(np.isnan(low) | np.isnan(high))
    top = _level(np.where(there, high, 0.0), half, levels)
    bottom = _level(np.where(there, low, 0.0), half, levels)
    level = np.arange(levels)[:, None]
    dots = there & (level >= top) & (level <= bottom)
    cells = dots.reshape(rows, 4, -1, 2).astype(np.uint32)
    codes = 0x2800 + np.einsum("rycx,yx->rc", cells, _DOTS)
    return ["".join(map(chr, row)) for row in codes.tolist()]


def _level(values: NDArray[np.floating], half: float, levels: int) -> NDArray[np.int64]:
    """Dot rows from the top."""
    place = np.floor((half - values) / (2 * half) * levels)
    return np.asarray(np.clip(place, 0, levels - 1), dtype=np.int64)


def blocks(values: list[float], width: int, top: float) -> str:
    """Values as blocks from 0 to ``top``, the newest at the right; of several in a cell the largest."""
    if not values or top <= 0:
        return ""
    per = -(-len(values) // width)
    start = len(values) % per  # the oldest few, so that cells hold the same values as they move on
    groups = [values[k : k + per] for k in range(start, len(values), per)]
    return "".join(BLOCKS[min(int(max(group) / top * 8), 7)] for group in groups)
