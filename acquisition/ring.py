"""The last seconds of a stream, raw and filtered, addressed by absolute sample index."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Ring:
    """Preallocated; each sample is written twice, a ring's length apart, so that every slice is one contiguous view.

    Parameters
    ----------
    raw_rows, filtered_rows
        Channels of the raw and of the filtered signal.
    size
        Samples held.

    Attributes
    ----------
    end
        Absolute index after the last sample: how many were received.
    runs
        Indices at which an uninterrupted run of samples begins: 0 and every confirmed gap still held.
    refiltered
        Times that filtered samples were replaced.
    """

    def __init__(self, raw_rows: int, filtered_rows: int, size: int) -> None:
        self.size = size
        self.end = 0
        self.runs: list[int] = [0]
        self.refiltered = 0
        self._raw = np.zeros((raw_rows, 2 * size), dtype=np.float32)
        self._filtered = np.zeros((filtered_rows, 2 * size))
        self._stamps = np.zeros(2 * size)
        self._arrived = np.zeros(2 * size)
        self._bad = np.zeros(2 * size, dtype=bool)
        self._unsure = np.zeros(2 * size, dtype=bool)

    @property
    def start(self) -> int:
        """Index of the oldest sample held."""
        return max(0, self.end - self.size)

    def append(
        self,
        raw: NDArray[np.float32],
        filtered: NDArray[np.float64],
        stamps: NDArray[np.float64],
        bad: NDArray[np.bool_] | bool,
        unsure: NDArray[np.bool_] | bool,
        arrived: float,
    ) -> None:
        """Add samples, at most ``size``: (rows, times) signals, (times,) others."""
        for at in self._places(self.end, stamps.shape[0]):
            self._raw[:, at[0]] = raw[:, at[1]]
            self._filtered[:, at[0]] = filtered[:, at[1]]
            self._stamps[at[0]] = stamps[at[1]]
            self._arrived[at[0]] = arrived
            self._bad[at[0]] = bad if isinstance(bad, bool) else bad[at[1]]
            self._unsure[at[0]] = unsure if isinstance(unsure, bool) else unsure[at[1]]
        self.end += stamps.shape[0]
        # the run that the oldest sample belongs to stays known
        while len(self.runs) > 1 and self.runs[1] <= self.start:
            self.runs.pop(0)

    def restamp(self, begin: int, stamps: NDArray[np.float64], unsure: bool) -> None:
        """Replace the corrected stamps from index ``begin`` on."""
        skip = max(0, self.start - begin)
        stamps = stamps[skip:]
        for at in self._places(begin + skip, stamps.shape[0]):
            self._stamps[at[0]] = stamps[at[1]]
            self._unsure[at[0]] = unsure

    def refilter(self, begin: int, filtered: NDArray[np.float64]) -> None:
        """Replace the filtered samples from index ``begin`` on."""
        self.refiltered += 1
        for at in self._places(begin, filtered.shape[1]):
            self._filtered[:, at[0]] = filtered[:, at[1]]

    def raw(self, begin: int, end: int) -> NDArray[np.float32]:
        """(raw rows, end - begin) view."""
        return self._raw[:, self._span(begin, end)]

    def filtered(self, begin: int, end: int) -> NDArray[np.float64]:
        """(filtered rows, end - begin) view."""
        return self._filtered[:, self._span(begin, end)]

    def stamps(self, begin: int, end: int) -> NDArray[np.float64]:
        """Corrected stamps: (end - begin,) view."""
        return self._stamps[self._span(begin, end)]

    def stamp(self, index: int) -> float:
        """Corrected stamp of one sample."""
        return float(self._stamps[index % self.size])

    def arrived(self, index: int) -> float:
        """When the chunk of one sample was received."""
        return float(self._arrived[index % self.size])

    def any_bad(self, begin: int, end: int) -> bool:
        """Whether a used channel was non-finite between two indices."""
        return bool(self._bad[self._span(begin, end)].any())

    def any_unsure(self, begin: int, end: int) -> bool:
        """Whether a corrected stamp between two indices may be wrong by half a sample."""
        return bool(self._unsure[self._span(begin, end)].any())

    def _span(self, begin: int, end: int) -> slice:
        first = begin % self.size
        return slice(first, first + end - begin)

    def _places(self, begin: int, count: int) -> list[tuple[slice, slice]]:
        """Pairs of (where in the ring, which of the new samples), both copies."""
        first, size = begin % self.size, self.size
        if first + count <= size:
            whole = slice(0, count)
            return [(slice(first, first + count), whole), (slice(first + size, first + size + count), whole)]
        head = size - first
        return [
            (slice(first, first + count), slice(0, count)),
            (slice(first + size, 2 * size), slice(0, head)),
            (slice(0, count - head), slice(head, count)),
        ]
