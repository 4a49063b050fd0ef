"""An EEG stream on LSL with its markers: clock sync without liblsl's dejitter, recovery of our own."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.sources.impedance import of_sample
from acquisition.sources.labels import number_label
from acquisition.sources.lsl_eeg import EegStream
from acquisition.sources.lsl_markers import MarkerStream
from acquisition.sources.lsl_resolve import Query, find, never
from acquisition.sources.stamps import ForeignClocks
from acquisition.sources.watchdog import Watchdog
from acquisition.types import Chunk, Event, Impedance, StreamInfo
from config.errors import SourceError, StreamLost
from config.settings import LslSource
from wire import lsl_scope
from wire.clock import now

_FIRST_PULL_S = 0.25
_MARKERS_S = 0.008
"""Markers are asked for no more often while samples flow: they come long before the windows that they begin."""


class LslReader:
    """Read an LSL stream (implements `acquisition.types.Source`).

    Parameters
    ----------
    settings
        Which streams, and when to call them lost.
    """

    def __init__(self, settings: LslSource) -> None:
        self._settings = settings
        self._eeg: EegStream | None = None
        self._markers: MarkerStream | None = None
        self._first: Chunk | None = None
        self._least = 1
        self._stopping = never

    def interrupt_when(self, stopping: Callable[[], bool]) -> None:
        """See `acquisition.types.Interruptible`."""
        self._stopping = stopping

    def wait_for(self, samples: int) -> None:
        """See `acquisition.types.Patient`: liblsl waits, no interpreter is woken."""
        self._least = samples

    def open(self) -> StreamInfo:
        """Find the streams, connect, and wait until samples flow.

        Raises
        ------
        StreamNotFound, AmbiguousStream
            None, or more than one, matches.
        StreamLost
            A stream is announced but does not answer, or sends nothing within ``wait_s``.
        SourceError
            It is no EEG stream that can be read.
        """
        lsl_scope.listen()
        settings = self._settings
        self._watchdog = Watchdog(settings.stalled_s, settings.lost_s, settings.give_up_s)
        self._last_raw = self._asked_at = -np.inf
        self._last_row: NDArray[Any] | None = None
        self._over = False
        self._row = 0
        clocks = ForeignClocks(socket.gethostname(), time.time)
        eeg, *markers = find(_queries(settings), settings.wait_s, stopping=self._stopping)
        self._eeg = EegStream(eeg, settings, clocks)
        self._markers = MarkerStream(markers[0], clocks) if markers else None
        try:
            said = self._eeg.open()
            self._finite = said.get("finite") == "true"
            if self._markers is not None:
                self._markers.open()
            # both clocks are being measured by now
            self._eeg.wait_correction()
            self._first = self._wait_for_samples(self._eeg)
        except SourceError:
            self.close()
            raise
        return _describe(self._eeg, said)

    def read(self, timeout_s: float) -> Chunk:
        """Samples and markers since the last call: waits for the first sample, or as many as `wait_for` was told.

        Raises
        ------
        StreamLost
            It has been lost for ``give_up_s``, or was never opened.
        SourceError
            It came back as another stream.
        """
        if self._eeg is None:
            raise StreamLost("the LSL reader is not open; call open() first")
        if self._first is not None:
            chunk, self._first = self._first, None
            return chunk
        started = now()
        rows, raw = self._eeg.pull(timeout_s, self._least)
        arrived = now()
        if not self._eeg.connected:
            self._watchdog.lose(arrived)
        state = self._watchdog.update(started, arrived, bool(raw.size))
        chunk = self._chunk(self._eeg, rows, raw, arrived, state)
        if raw.size:
            self._eeg.stop_looking()
        elif state == "lost" and not chunk.final:
            self._recover(self._eeg, arrived)
        return chunk

    def impedance(self) -> Impedance | None:
        """See `acquisition.types.Measuring`: of the channels that the stream types so."""
        if self._eeg is None or self._last_row is None:
            return None
        return of_sample(self._eeg.layout.impedance, self._eeg.layout.names, self._last_row)

    def close(self) -> None:
        """Disconnect."""
        for stream in (self._eeg, self._markers):
            if stream is not None:
                stream.close()
        self._eeg = self._markers = self._first = None

    def _wait_for_samples(self, eeg: EegStream) -> Chunk:
        until = now() + self._settings.wait_s
        while eeg.connected and now() < until and not self._stopping():
            rows, raw = eeg.pull(_FIRST_PULL_S)
            if raw.size:
                return self._chunk(eeg, rows, raw, now(), "connected")
        raise StreamLost(
            f"stream {eeg.identity} is there but sent no sample within {self._settings.wait_s:g} s; start the device"
        )

    def _chunk(self, eeg: EegStream, rows: NDArray[Any], raw: NDArray[np.float64], arrived: float, state: str) -> Chunk:
        offset = eeg.offset(raw, arrived)
        stamps = raw + offset
        events = self._read_markers(arrived, bool(raw.size))
        if eeg.layout.stim is not None:
            found = eeg.edges.find(rows[:, eeg.layout.stim])
            # they stand on a sample, whatever its stamp
            events += [Event(float(stamps[k]), number_label(value), float(self._row + k)) for k, value in found]
        if raw.size:
            if eeg.layout.impedance:
                self._last_row = rows[-1].copy()  # the buffer is the next pull's
            self._last_raw = float(raw[-1])
            self._row += raw.size
        return Chunk(
            samples=eeg.layout.eeg(rows),
            stamps=stamps,
            arrived=arrived,
            raw_stamps=raw,
            events=tuple(events),
            offset_s=offset,
            state=state,
            final=self._is_over(eeg, arrived),
            remark="; ".join(self._remarks(eeg)),
        )

    def _remarks(self, eeg: EegStream) -> list[str]:
        said = [eeg.take_remark(), "" if self._markers is None else self._markers.take_remark()]
        return [remark for remark in said if remark]

    def _read_markers(self, arrived: float, flowing: bool) -> list[Event]:
        if self._markers is None or (flowing and arrived - self._asked_at < _MARKERS_S):
            return []
        self._asked_at = arrived
        return self._markers.read(arrived)

    def _is_over(self, eeg: EegStream, arrived: float) -> bool:
        """Whether a finite stream has ended: every sample up to its end is read, or no more will come."""
        if self._finite and self._markers is None:
            # nobody listens to its end marker: the closing of the stream is its end
            self._over |= not eeg.connected
        elif self._finite and self._markers is not None and self._markers.end_raw is not None:
            read_all = self._last_raw >= self._markers.end_raw - 1.5 / eeg.identity.rate_hz
            silent = self._watchdog.silence_s(arrived) >= self._settings.stalled_s
            self._over |= read_all or silent or not eeg.connected
        return self._over

    def _recover(self, eeg: EegStream, arrived: float) -> None:
        if self._watchdog.gave_up(arrived):
            raise StreamLost(
                f"stream {eeg.identity} was lost and did not come back within {self._settings.give_up_s:g} s; "
                "check the sender and start again"
            )
        eeg.recover(arrived)


def _queries(settings: LslSource) -> list[Query]:
    keys = ("source.name", "source.type", "source.source_id")
    queries = [Query("EEG stream", settings.name, settings.type, settings.source_id, keys)]
    if settings.markers == "stream":
        keys = ("source.marker_name", "source.marker_type", "source.marker_source_id")
        named = (settings.marker_name, settings.marker_type, settings.marker_source_id)
        queries.append(Query("marker stream", *named, keys))
    return queries


def _describe(eeg: EegStream, said: dict[str, str]) -> StreamInfo:
    simulated = said.get("simulated") == "true"
    notes = [*eeg.layout.notes, eeg.note, "the stream says that it is simulated" if simulated else ""]
    return StreamInfo(
        name=eeg.identity.name,
        kind="lsl",
        rate_hz=eeg.identity.rate_hz,
        channels=eeg.layout.names,
        simulated=simulated,
        notes=tuple(note for note in notes if note),
        line_hz=_number(said.get("line_hz", "")),
    )


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
