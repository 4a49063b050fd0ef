"""What the signal page draws, prepared once for all its viewers: columns, markers, band powers. No page, no socket."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from display.bands import band_powers
from display.decimate import Decimator, columns_hz, pack
from wire.packets import Preview

SECONDS = 10.0
"""Of signal on the screen."""
BANDS_S = 4.0
"""Of signal behind the band powers."""
LABEL = 40
"""Characters of a marker that are shown."""


@dataclass(frozen=True)
class Layout:
    """What must be the same for columns to be drawn beside each other."""

    number: int
    channels: tuple[str, ...]
    rate_hz: float
    hz: float


@dataclass(frozen=True)
class Piece:
    """A run of columns, ready to be sent.

    Attributes
    ----------
    number
        Running number of the piece, from 1.
    first, n
        Number of its first column, and how many.
    packed
        (channels, columns, 2) int16, base64.
    """

    number: int
    first: int
    n: int
    packed: str


@dataclass(frozen=True)
class Marker:
    """A marker to draw: seconds on the clock of the columns, label, and whether it is a stimulus."""

    number: int
    time_s: float
    label: str
    stimulus: bool


@dataclass(frozen=True)
class News:
    """What a viewer has not seen.

    Attributes
    ----------
    layout
        Of the pieces; None where nothing has come yet.
    pieces, markers
        In order.
    number
        Up to here it has seen everything now.
    """

    layout: Layout | None
    pieces: tuple[Piece, ...]
    markers: tuple[Marker, ...]
    number: int


class Feed:
    """Previews in, pieces out. `take` is called in one thread, the others in another."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._layout: Layout | None = None
        self._decimator: Decimator | None = None
        self._pieces: deque[tuple[Piece, float]] = deque()
        self._markers: deque[Marker] = deque()
        self._samples: deque[NDArray[np.float32]] = deque()
        self._number = 0
        self._expected: tuple[int, int] | None = None

    def take(self, preview: Preview) -> None:
        """A preview has come."""
        with self._lock:
            layout = self._layout
            if layout is None or (layout.channels, layout.rate_hz) != (preview.channels, preview.rate_hz):
                layout = self._begin(preview)
            decimator = self._decimator
            if decimator is None:
                return
            end_s = preview.first_s + preview.times / preview.rate_hz
            for run in decimator.add(preview.first_s, preview.data):
                self._number += 1
                packed = base64.b64encode(pack(run).tobytes()).decode("ascii")
                self._pieces.append((Piece(self._number, run.first, run.n, packed), (run.first + run.n) / run.hz))
            for mark in preview.marks:
                self._number += 1
                self._markers.append(Marker(self._number, mark.time_s, mark.label[:LABEL], mark.stimulus))
            self._keep(preview)
            self._forget(end_s)

    def since(self, number: int) -> News:
        """What has come after ``number`` and is still on the screen; all of it for 0."""
        with self._lock:
            pieces = tuple(piece for piece, _ in self._pieces if piece.number > number)
            return News(
                self._layout, pieces, tuple(mark for mark in self._markers if mark.number > number), self._number
            )

    def bands(self) -> NDArray[np.float64] | None:
        """Power in each band of the last 4 s, (bands, channels) µV²; None before there is enough without a hole."""
        with self._lock:
            layout, samples = self._layout, list(self._samples)
        if layout is None or sum(piece.shape[1] for piece in samples) < 2 * layout.rate_hz:
            return None
        return band_powers(np.hstack(samples), layout.rate_hz)

    def _begin(self, preview: Preview) -> Layout:
        """Other channels or another rate: what is on the screen no longer fits."""
        self._number += 1
        hz = columns_hz(preview.rate_hz)
        self._layout = Layout(self._number, preview.channels, preview.rate_hz, hz)
        self._decimator = Decimator(len(preview.channels), preview.rate_hz)
        self._pieces.clear()
        self._samples.clear()
        return self._layout

    def _keep(self, preview: Preview) -> None:
        """Samples of one stretch without holes."""
        if self._expected != (preview.segment, preview.sequence):
            self._samples.clear()
        self._expected = (preview.segment, preview.sequence + preview.times)
        self._samples.append(preview.data)
        while sum(piece.shape[1] for piece in self._samples) - self._samples[0].shape[1] >= BANDS_S * preview.rate_hz:
            self._samples.popleft()

    def _forget(self, end_s: float) -> None:
        """What has left the screen, or is of a clock that began anew."""
        while self._pieces and not end_s - SECONDS - 1 <= self._pieces[0][1] <= end_s + 1:
            self._pieces.popleft()
        while self._markers and not end_s - SECONDS - 1 <= self._markers[0].time_s <= end_s + SECONDS:
            self._markers.popleft()


class Shared:
    """A feed that asks for previews only while somebody looks.

    Parameters
    ----------
    listen
        Begins to hear previews, and gives what ends it.
    """

    def __init__(self, listen: Callable[[Callable[[Preview], None]], Callable[[], None]]):
        self.feed = Feed()
        self.viewers = 0
        self._listen = listen
        self._end: Callable[[], None] | None = None

    def join(self) -> Callable[[], None]:
        """One more looks; the function that says it has left, harmless when called twice."""
        self.viewers += 1
        if self._end is None:
            self._end = self._listen(self.feed.take)
        left = False

        def leave() -> None:
            nonlocal left
            if left:
                return
            left = True
            self.viewers -= 1
            if self.viewers == 0 and self._end is not None:
                self._end()
                self._end = None

        return leave
