"""A board's wrapping sample counter as a running one. Pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MODULO = {
    "SYNTHETIC_BOARD": 256,
    "CYTON_BOARD": 256,
    "CYTON_WIFI_BOARD": 256,
    "FREEEEG32_BOARD": 256,
    "UNICORN_BOARD": 1 << 32,
}
"""Boards whose counter rises by one a sample, and where it wraps.

Others are left alone, their losses show in the stamps: a Muse counts packets of 12 samples, a Ganglion pairs, a Daisy
every second sample.
"""


class SampleCounter:
    """Unwrap a counter that rises by one a sample, modulo ``modulo``."""

    def __init__(self, modulo: int) -> None:
        self._modulo = modulo
        self._raw: int | None = None
        self._count = -1

    def unwrap(self, values: NDArray[np.float64]) -> NDArray[np.int64]:
        """Running count, from 0, of the next raw values (times,); a loss of less than one round shows as a step."""
        raw = values.astype(np.int64)
        if not raw.size:
            return raw
        before = (raw[0] - 1) if self._raw is None else self._raw
        steps = np.diff(raw, prepend=before) % self._modulo
        counts: NDArray[np.int64] = self._count + np.cumsum(steps)
        self._raw, self._count = int(raw[-1]), int(counts[-1])
        return counts

    def restart(self, missing: int) -> None:
        """The board begins to count anew, about ``missing`` samples later."""
        self._raw = None
        self._count += max(0, missing)
