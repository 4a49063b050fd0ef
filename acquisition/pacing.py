"""When each piece of a source is due to be sent, as a headset would send it. Pure."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.types import Chunk, StreamInfo


@dataclass(frozen=True)
class SampleBlock:
    """Samples sent together, when the last of them is due.

    Attributes
    ----------
    due_s
        Seconds from the start of the stream.
    rows
        (times, channels) float32 µV, C-contiguous.
    stamps_s
        (times,) seconds from the start of the stream.
    """

    due_s: float
    rows: NDArray[np.float32]
    stamps_s: NDArray[np.float64]


@dataclass(frozen=True)
class MarkerDue:
    """A marker, sent when its own stamp is due."""

    due_s: float
    label: str


class Timeline:
    """Cut a source's chunks to the size wanted and put its markers between them, in the order they are due.

    Parameters
    ----------
    info
        The source. Where its rows are exact, row ``k`` stands at ``k / rate``; else at its stamp.
    chunk
        Samples in a block; None keeps the source's own chunks.
    """

    def __init__(self, info: StreamInfo, chunk: int | None) -> None:
        self._info = info
        self._chunk = chunk
        self._start: float | None = None
        self._rows = np.empty((0, len(info.channels)), dtype=np.float32)
        self._stamps = np.empty(0)
        self._read = 0
        self._end = 0.0
        self._order = 0
        self._markers: list[tuple[float, int, str]] = []

    def feed(self, chunk: Chunk) -> list[SampleBlock | MarkerDue]:
        """What can be sent now that the source gave this chunk, in order; its last chunk empties everything."""
        self._take(chunk)
        ready: list[SampleBlock | MarkerDue] = []
        size = self._chunk or len(self._stamps)
        while size and len(self._stamps) >= size:
            ready += self._block(size)
        if chunk.final:
            if len(self._stamps):
                ready += self._block(len(self._stamps))
            ready += self._markers_until(np.inf)
        return ready

    @property
    def length_s(self) -> float:
        """Where the sample after the last one would stand, seconds from the start."""
        return self._end

    def _take(self, chunk: Chunk) -> None:
        if self._start is None and chunk.stamps.size:
            self._start = float(chunk.stamps[0])
        for event in chunk.events:
            at = self._at(event.stamp, event.row)
            heapq.heappush(self._markers, (at, self._order, event.label))
            self._order += 1
        count = chunk.samples.shape[1]
        if self._info.exact_rows:
            stamps = np.arange(self._read, self._read + count) / self._info.rate_hz
        else:
            stamps = chunk.stamps - (self._start or 0.0)
        self._read += count
        if count:
            self._end = float(stamps[-1]) + 1.0 / self._info.rate_hz
        self._rows = np.concatenate((self._rows, chunk.samples.T))
        self._stamps = np.concatenate((self._stamps, stamps))

    def _at(self, stamp: float, row: float | None) -> float:
        if self._info.exact_rows and row is not None:
            return row / self._info.rate_hz
        return 0.0 if self._start is None else stamp - self._start

    def _block(self, size: int) -> list[SampleBlock | MarkerDue]:
        rows, stamps = np.ascontiguousarray(self._rows[:size]), self._stamps[:size]
        self._rows, self._stamps = self._rows[size:], self._stamps[size:]
        due = float(stamps[-1])
        return [*self._markers_until(due), SampleBlock(due, rows, stamps)]

    def _markers_until(self, due: float) -> list[SampleBlock | MarkerDue]:
        ready: list[SampleBlock | MarkerDue] = []
        while self._markers and self._markers[0][0] <= due:
            at, _, label = heapq.heappop(self._markers)
            ready.append(MarkerDue(at, label))
        return ready
