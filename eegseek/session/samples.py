"""The last seconds of filtered EEG, put together from previews. Pure."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

from wire.packets import Preview

KEEP_S = 40.0


class Samples:
    """Filtered samples by time; a segment that begins anew forgets what was before."""

    def __init__(self) -> None:
        self.channels: tuple[str, ...] = ()
        self.rate_hz = 0.0
        self._parts: deque[Preview] = deque()

    def add(self, preview: Preview) -> None:
        """Take some in."""
        if (preview.channels, preview.rate_hz) != (self.channels, self.rate_hz):
            self._parts.clear()
            self.channels, self.rate_hz = preview.channels, preview.rate_hz
        self._parts.append(preview)
        while self._parts and self._parts[0].first_s < preview.first_s - KEEP_S:
            self._parts.popleft()

    @property
    def last_s(self) -> float:
        """Stamp of the last sample, acquisition's clock; 0 before there is any."""
        if not self._parts:
            return 0.0
        last = self._parts[-1]
        return last.first_s + (last.times - 1) / last.rate_hz

    def between(self, begin_s: float, end_s: float) -> NDArray[np.float64]:
        """(channels, times) float64, µV: what lies in an interval of acquisition's clock; holes are left out."""
        found = [np.empty((len(self.channels), 0))]
        for part in self._parts:
            first = max(0, int(np.ceil((begin_s - part.first_s) * part.rate_hz)))
            stop = min(part.times, int(np.floor((end_s - part.first_s) * part.rate_hz)) + 1)
            if stop > first:
                found.append(part.data[:, first:stop].astype(np.float64))
        return np.concatenate(found, axis=1)
