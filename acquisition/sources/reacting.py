"""A simulated participant who reacts to what somebody else shows: markers over LSL in, EEG out, at real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from acquisition.participant.reaction import Reaction
from acquisition.participant.session import WARM_BLOCKS
from acquisition.sources.ear import Ear
from acquisition.sources.pace import Pace
from acquisition.sources.participant import described
from acquisition.types import Chunk, Event, StreamInfo
from config.errors import SourceError
from config.settings import ParticipantSource
from wire.clock import now

LAG_S = 0.05
"""Samples come so long after their stamps, as those of a headset do: a marker has so much longer to arrive."""


class Ears(Protocol):
    """Where markers come from (see `acquisition.sources.ear.Ear`)."""

    def open(self) -> None:
        """Begin to listen."""
        ...

    def take(self) -> list[Event]:
        """What came since the last call."""
        ...

    def take_remark(self) -> str:
        """What is to be said of it, once."""
        ...

    def close(self) -> None:
        """Stop; harmless twice."""
        ...


class ReactingReader:
    """Give background without end, and the response to each marker that comes, in chunks of ``chunk_s``.

    Row k stands at t0 + k / rate, and t0 is the first ``read``. Markers are handed on with the rows they stand on, for
    those who read the participant itself; over LSL they have a stream of their own.

    Parameters
    ----------
    settings
        Of the participant; ``react_to`` names the markers.
    ears, clock, wait
        Markers, seconds on acquisition's clock, and how to sleep: replaced in tests.
    """

    def __init__(
        self,
        settings: ParticipantSource,
        ears: Ears | None = None,
        clock: Callable[[], float] = now,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        self.settings = settings
        self.reaction: Reaction | None = None
        self._ears: Ears = ears or Ear(settings.react_to)
        self._clock = clock
        self._wait = wait

    def open(self) -> StreamInfo:
        """Find electrodes, read the responses, and begin to listen; the markers may come later.

        Raises
        ------
        SourceError
            Montage, channels or responses cannot be used, or the speed is not real time.
        """
        s = self.settings
        if s.speed != 1.0:
            raise SourceError(f"source.react_to goes at real time, and source.speed is {s.speed:g}; set it to 1")
        reaction = self.reaction = Reaction(s)
        self._parts = reaction.session.background()
        self._block = max(1, round(s.rate_hz))
        self._held: NDArray[np.float64] = np.empty((len(reaction.session.channels), 0))
        for _ in range(WARM_BLOCKS):
            self._background()
        self._row = 0
        self._chunk_rows = max(1, min(round(s.chunk_s * s.rate_hz), self._block))
        self._late = self._unknown = 0
        self._pace = Pace(1.0, self._clock, self._wait)
        self._ears.open()
        return described(s, reaction.session.channels, f"reacts to the markers of '{s.react_to}'")

    def read(self, timeout_s: float) -> Chunk:
        """The next chunk if it is due within ``timeout_s``, else an empty one.

        Raises
        ------
        SourceError
            The source is not open.
        """
        reaction = self.reaction
        if reaction is None:
            raise SourceError("the simulated participant is not open; open it before reading")
        start, rate, count = self._pace.start_s, self.settings.rate_hz, self._chunk_rows
        due = self._pace.is_due((self._row + count) / rate + LAG_S, timeout_s)
        events = tuple(self._react(reaction, event, start) for event in self._ears.take())
        remark = self._remark(reaction)
        if not due:
            empty = np.empty((len(self._held), 0), dtype=np.float32)
            return Chunk(empty, np.empty(0), self._clock(), events=events, offset_s=start, remark=remark)
        while self._held.shape[1] < count:
            self._held = np.concatenate([self._held, self._background()], axis=1)
        samples = (self._held[:, :count] + reaction.block(count)).astype(np.float32, order="C")
        self._held = self._held[:, count:]
        raw = np.arange(self._row, self._row + count) / rate
        self._row += count
        return Chunk(samples, raw + start, self._clock(), raw, events=events, offset_s=start, remark=remark)

    def close(self) -> None:
        """Stop listening."""
        self._ears.close()
        self.reaction = None

    def _background(self) -> NDArray[np.float64]:
        return np.asarray(sum(part.block(self._block) for part in self._parts))

    def _react(self, reaction: Reaction, event: Event, start: float) -> Event:
        row = (event.stamp - start) * self.settings.rate_hz
        reaction.evoke(event.label, row)
        return Event(event.stamp, event.label, row)

    def _remark(self, reaction: Reaction) -> str:
        said = [self._ears.take_remark()]
        if reaction.late > self._late:
            said.append(f"{reaction.late} markers came so late that part of their response was over")
        if reaction.unknown > self._unknown:
            said.append(f"{reaction.unknown} markers evoke nothing: '{self.settings.responses}' does not know them")
        self._late, self._unknown = reaction.late, reaction.unknown
        return "; ".join(words for words in said if words)
