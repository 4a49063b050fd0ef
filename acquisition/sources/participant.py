"""A simulated participant as a source, at their own pace, faster, or as fast as it goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from acquisition.participant.session import Block, Onset, Session, loudness
from acquisition.sources.pace import Pace
from acquisition.types import Chunk, Event, StreamInfo
from config.errors import SourceError
from config.settings import ParticipantSource
from wire.clock import now


def described(settings: ParticipantSource, channels: tuple[str, ...], *more: str) -> StreamInfo:
    """What a simulated participant says of their stream.

    Parameters
    ----------
    settings
        Of the participant.
    channels
        Electrodes.
    more
        Notes beside that they are simulated, and how loud they are.
    """
    return StreamInfo(
        name="simulated participant",
        kind="participant",
        rate_hz=settings.rate_hz,
        channels=channels,
        simulated=True,
        exact_rows=True,
        notes=("simulated, not a person", loudness(settings), *more),
        line_hz=settings.line_hz,
    )


class ParticipantReader:
    """Give a simulated session in chunks of ``chunk_s``, each when its last sample is due, by absolute deadline.

    The same settings give the same samples and markers, whatever ``chunk_s`` and ``speed``; row k stands at
    t0 + k / rate, and t0 is the first ``read``. Memory does not grow with the length of the session.

    Parameters
    ----------
    settings
        Of the participant.
    clock, wait
        Seconds on acquisition's clock, and how to sleep: replaced in tests.
    """

    def __init__(
        self,
        settings: ParticipantSource,
        clock: Callable[[], float] = now,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._wait = wait
        self._session: Session | None = None

    def open(self) -> StreamInfo:
        """Find electrodes and read the responses.

        Raises
        ------
        SourceError
            Montage, channels or responses cannot be used.
        """
        s = self.settings
        session = Session(s)
        self._session = session
        self._blocks: Iterator[Block] = session.blocks()
        self._held: NDArray[np.float32] = np.empty((len(session.channels), 0), dtype=np.float32)
        self._onsets: deque[Onset] = deque()
        self._row = 0
        self._pace = Pace(s.speed, self._clock, self._wait)
        self._chunk_rows = max(1, min(round(s.chunk_s * s.rate_hz), round(s.rate_hz)))
        return described(s, session.channels)

    def read(self, timeout_s: float) -> Chunk:
        """The next chunk if it is due within ``timeout_s``, else an empty one; ``final`` on the last and after it.

        Raises
        ------
        SourceError
            The source is not open.
        """
        session = self._session
        if session is None:
            raise SourceError("the simulated participant is not open; open it before reading")
        start = self._pace.start_s
        stop = min(self._row + self._chunk_rows, session.n_rows)
        if stop == self._row or not self._pace.is_due(stop / session.rate_hz, timeout_s):
            empty = np.empty((len(session.channels), 0), dtype=np.float32)
            return Chunk(empty, np.empty(0), self._clock(), final=stop == self._row)
        return self._take(session, stop, start)

    def close(self) -> None:
        """Let go of the session."""
        self._session = None

    def _take(self, session: Session, stop: int, start: float) -> Chunk:
        while self._held.shape[1] < stop - self._row:
            block = next(self._blocks)
            self._held = np.concatenate([self._held, block.samples], axis=1)
            self._onsets.extend(block.onsets)
        count, rate = stop - self._row, session.rate_hz
        samples, self._held = np.ascontiguousarray(self._held[:, :count]), self._held[:, count:]
        raw = np.arange(self._row, stop) / rate
        self._row = stop
        return Chunk(
            samples,
            raw + start,
            self._clock(),
            raw,
            events=self._events(stop, start, rate),
            offset_s=start,
            final=stop == session.n_rows,
        )

    def _events(self, stop: int, start: float, rate_hz: float) -> tuple[Event, ...]:
        """Onsets before row ``stop`` that were not given yet."""
        found = []
        while self._onsets and self._onsets[0].row < stop:
            onset = self._onsets.popleft()
            found.append(Event(start + onset.row / rate_hz, onset.label, onset.row))
        return tuple(found)
