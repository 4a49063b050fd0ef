"""Events from a stimulus channel: one-hot pulses or levels. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class StimEdges:
    """Find where a stimulus channel changes to another value than zero, across chunks.

    A level that already stands at the first sample began before the stream and is no event.
    """

    def __init__(self) -> None:
        self._last: float | None = None

    def find(self, values: NDArray[np.floating | np.integer]) -> list[tuple[int, float]]:
        """(row, value) of each event in the channel's next values (times,); non-finite values count as zero."""
        if not values.size:
            return []
        clean = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
        first = float(clean[0]) if self._last is None else self._last
        before = np.concatenate(([first], clean[:-1]))
        self._last = float(clean[-1])
        return [(int(row), float(clean[row])) for row in np.flatnonzero((clean != before) & (clean != 0.0))]
