"""A recording as a source, at its own pace, faster, or as fast as it goes."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from acquisition.recordings import Recording, check_usable, read_recording
from acquisition.sources.pace import Pace
from acquisition.types import Chunk, Event, StreamInfo
from config.errors import SourceError
from config.settings import RecordingSource
from wire.clock import now

DIRECT_S = 0.5
"""Shortest chunk where a recording is played as fast as it goes: what the pipeline takes in one piece."""


class RecordingReader:
    """Play a recording in chunks of ``chunk_s``, each when its last sample is due, by absolute deadline.

    Played as fast as it goes, nobody waits for a chunk: they are of ``DIRECT_S`` or longer then, which costs a fraction
    of the calls, and what the pipeline makes of them is the same. Stamps begin at the first ``read``. Rows of files
    without usable stamps stand at t0 + k / rate, lost samples counted.

    Parameters
    ----------
    settings
        File, speed (0: as fast as it is read), what to use.
    clock, wait
        Seconds on acquisition's clock, and how to sleep: replaced in tests.
    """

    def __init__(
        self,
        settings: RecordingSource,
        clock: Callable[[], float] = now,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._wait = wait
        self._recording: Recording | None = None

    def open(self) -> StreamInfo:
        """Read the file (its EEG piece by piece where it can be) and check that windows can come from it.

        Raises
        ------
        RecordingError
            It cannot be read or used.
        """
        recording = read_recording(self.settings)
        check_usable(recording)
        self._recording = recording
        chunk_s = self.settings.chunk_s if self.settings.speed else max(DIRECT_S, self.settings.chunk_s)
        self._chunk_rows = max(1, round(chunk_s * recording.rate_hz))
        self._row = 0
        self._event = 0
        self._pace = Pace(self.settings.speed, self._clock, self._wait)
        return StreamInfo(
            name=recording.file.name,
            kind="recording",
            rate_hz=recording.rate_hz,
            channels=recording.channels,
            simulated=recording.simulated,
            exact_rows=recording.stamps is None and not recording.breaks,
            has_counter=bool(recording.breaks),
            notes=(f"{recording.format}, {recording.n_rows / recording.rate_hz:.1f} s", *recording.notes),
            line_hz=recording.line_hz,
        )

    def read(self, timeout_s: float) -> Chunk:
        """The next chunk if it is due within ``timeout_s``, else an empty one; ``final`` on the last and after it.

        Raises
        ------
        SourceError
            The source is not open.
        """
        recording = self._recording
        if recording is None:
            raise SourceError(f"recording '{self.settings.file}' is not open; open it before reading")
        start = self._pace.start_s
        stop = min(self._row + self._chunk_rows, recording.n_rows)
        if stop == self._row or not self._pace.is_due(self._ends(recording, stop), timeout_s):
            empty = np.empty((len(recording.channels), 0), dtype=np.float32)
            return Chunk(empty, np.empty(0), self._clock(), final=stop == self._row)
        return self._take(recording, stop, start)

    def close(self) -> None:
        """Let go of the file."""
        self._recording = None

    def _ends(self, recording: Recording, stop: int) -> float:
        """When the chunk up to row ``stop`` ends, seconds from the start of the file."""
        last = float(_file_stamps(recording, self._row, stop).max()) + 1 / recording.rate_hz
        return last - _origin(recording)

    def _take(self, recording: Recording, stop: int, start: float) -> Chunk:
        begin, self._row = self._row, stop
        raw = _file_stamps(recording, begin, stop)
        offset = start - _origin(recording)
        final = stop == recording.n_rows
        return Chunk(
            recording.signal.read(begin, stop),
            raw + offset,
            self._clock(),
            raw,
            recording.counter(begin, stop) if recording.breaks else None,
            self._events(recording, stop, offset, final),
            offset,
            final=final,
        )

    def _events(self, recording: Recording, stop: int, offset: float, final: bool) -> tuple[Event, ...]:
        """Markers up to row ``stop``, all that are left with the last chunk."""
        first = self._event
        while self._event < len(recording.events) and (final or recording.events[self._event].row < stop):
            self._event += 1
        return tuple(
            Event(_stamp(recording, k) + offset, recording.events[k].label, _row(recording, k))
            for k in range(first, self._event)
        )


def _origin(recording: Recording) -> float:
    """Stamp of the first row, on the file's clock."""
    return 0.0 if recording.stamps is None else float(recording.stamps[0])


def _file_stamps(recording: Recording, begin: int, stop: int) -> np.ndarray:
    """Stamps on the file's clock; where it has none of use, counted from its first row."""
    if recording.stamps is None:
        return recording.counter(begin, stop) / recording.rate_hz
    return recording.stamps[begin:stop]


def _row(recording: Recording, k: int) -> float | None:
    return recording.events[k].row if recording.stamps is None else None


def _stamp(recording: Recording, k: int) -> float:
    """Stamp of a marker on the file's clock."""
    event = recording.events[k]
    if event.stamp is not None:
        return event.stamp
    whole = int(min(max(np.floor(event.row), 0), recording.n_rows - 1))
    return float(_file_stamps(recording, whole, whole + 1)[0]) + (event.row - whole) / recording.rate_hz
