"""Any BrainFlow board as a source: wall-clock stamps to our clock, loss by the board's counter, reconnection."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from acquisition.sources.board import PLAYBACK, STREAMING, SYNTHETIC, Board, BoardRows
from acquisition.sources.counter import MODULO, Repeats, SampleCounter
from acquisition.sources.impedance import electrodes, of_sample, said_of
from acquisition.sources.labels import number_label
from acquisition.sources.lsl_markers import MarkerStream
from acquisition.sources.lsl_resolve import Query, find, never
from acquisition.sources.stamps import ForeignClocks, WallDifference
from acquisition.sources.watchdog import Watchdog
from acquisition.types import Chunk, Event, Impedance, StreamInfo
from config.errors import SourceError, StreamLost
from config.settings import BrainFlowSource
from wire import lsl_scope
from wire.clock import now

WAIT_S = 10.0
"""How long the first sample, and a marker stream, may take."""
RETRY_S = 2.0
"""Between two attempts to connect again."""
_STEP_S = 0.002
_log = logging.getLogger(__name__)


class Session(Protocol):
    """What is asked of a board (see `acquisition.sources.board.Board`)."""

    def rows(self) -> BoardRows:
        """What its data hold."""
        ...

    def start(self) -> None:
        """Connect and stream."""
        ...

    def waiting(self) -> int:
        """Samples that can be taken."""
        ...

    def take(self, most: int) -> NDArray[np.float64]:
        """The oldest samples (rows, times)."""
        ...

    def stop(self) -> None:
        """Let go."""
        ...


@dataclass(frozen=True)
class _Taken:
    """Samples of a board that are new: (rows, times), (channels, times), (times,), and what brings stamps to us."""

    data: NDArray[np.float64]
    samples: NDArray[np.float32]
    counter: NDArray[np.int64] | None
    offset: float


class BoardReader:
    """Read a BrainFlow board (implements `acquisition.types.Source`).

    Parameters
    ----------
    settings
        Which board, its parameters, and when to call it lost.
    board
        The session, where it is not BrainFlow's own.
    """

    def __init__(self, settings: BrainFlowSource, board: Session | None = None) -> None:
        self._settings = settings
        self._board: Session = board or Board(settings)
        self._markers: MarkerStream | None = None
        self._helper: ThreadPoolExecutor | None = None
        self._restart: Future[None] | None = None
        self._open = False
        self._least = 1
        self._stopping = never

    def interrupt_when(self, stopping: Callable[[], bool]) -> None:
        """See `acquisition.types.Interruptible`; what BrainFlow itself waits for goes on to its end."""
        self._stopping = stopping

    def wait_for(self, samples: int) -> None:
        """See `acquisition.types.Patient`."""
        self._least = samples

    def open(self) -> StreamInfo:
        """Connect and wait until samples flow.

        Raises
        ------
        SourceError
            No such board, BrainFlow refuses it, or it sends nothing.
        """
        settings = self._settings
        self._rows = self._board.rows()
        modulo = MODULO.get(self._rows.name)
        self._counter = None if modulo is None else SampleCounter(modulo, self._rows.rate_hz)
        self._repeats, self._repeated, self._row = Repeats(), 0, 0
        named = electrodes(self._rows.name, self._rows.names, len(self._rows.resistance))
        self._electrodes = [(name, row, 1e-3) for name, row in zip(named, self._rows.resistance, strict=True)]
        self._latest: NDArray[np.float64] | None = None
        self._remark = ""
        self._watchdog = Watchdog(settings.stalled_s, settings.lost_s, settings.give_up_s)
        self._wall = WallDifference()
        self._last_stamp: float | None = None
        self._restarted = False
        self._tried_at = -RETRY_S
        if settings.marker_lsl:
            self._markers = self._find_markers()
        self._open = True
        try:
            if self._markers is not None:
                self._markers.open()
            self._board.start()
            self._wait_for_samples()
        except SourceError:
            self.close()
            raise
        return self._describe()

    def read(self, timeout_s: float) -> Chunk:
        """Samples and markers since the last call.

        BrainFlow has no call that waits, so the count of waiting samples is asked every 2 ms until ``timeout_s``.

        Raises
        ------
        StreamLost
            The board has been lost for ``give_up_s``, or was never opened.
        """
        if not self._open:
            raise StreamLost("the BrainFlow reader is not open; call open() first")
        started = now()
        taken = self._sift(self._take(started + timeout_s))
        arrived = now()
        # a board that says the same again and again says nothing
        state = self._watchdog.update(started, arrived, taken.data.shape[1] > 0)
        final = False
        if state == "lost":
            # a file that is played once simply ends
            final = self._settings.board == PLAYBACK and not self._settings.loop
            if not final:
                self._recover(arrived)
        return self._chunk(taken, arrived, state, final)

    def impedance(self) -> Impedance | None:
        """See `acquisition.types.Measuring`; BrainFlow gives Ω, and 0 where the board measured nothing."""
        if not self._open or self._latest is None or not self._electrodes:
            return None
        return of_sample(self._electrodes, self._rows.names, self._latest[:, -1])

    def close(self) -> None:
        """Release the board."""
        self._open = False
        if self._helper is not None:
            self._helper.shutdown(wait=True)
            self._helper = self._restart = None
        self._board.stop()
        if self._markers is not None:
            self._markers.close()
            self._markers = None

    def _find_markers(self) -> MarkerStream:
        lsl_scope.listen()
        query = Query("marker stream", self._settings.marker_lsl, "", "", ("source.marker_lsl", "", ""))
        (info,) = find([query], WAIT_S, stopping=self._stopping)
        return MarkerStream(info, ForeignClocks(socket.gethostname(), time.time))

    def _wait_for_samples(self) -> None:
        until = now() + WAIT_S
        while not self._board.waiting():
            if now() >= until or self._stopping():
                raise StreamLost(f"board '{self._settings.board}' sent no sample within {WAIT_S:g} s; check the device")
            time.sleep(_STEP_S)

    def _take(self, until: float) -> NDArray[np.float64]:
        empty = np.empty((max(*self._rows.eeg, self._rows.counter, self._rows.stamp, self._rows.marker) + 1, 0))
        most = max(1, round(self._rows.rate_hz))
        while True:
            # while it is being restarted, the session belongs to the helper
            if self._restart is None:
                try:
                    if self._board.waiting() >= (self._least if now() < until else 1):
                        return self._board.take(most)
                except SourceError as error:
                    _log.warning("%s", error)
                    self._watchdog.lose(now())
                    return empty
            left = until - now()
            if left <= 0:
                return empty
            time.sleep(min(left, _STEP_S))

    def _recover(self, arrived: float) -> None:
        """Release and prepare again, in a helper: it may take longer than a read, and there is nothing to read."""
        if self._watchdog.gave_up(arrived):
            raise StreamLost(
                f"board '{self._settings.board}' was lost and did not come back within {self._settings.give_up_s:g} s; "
                "check the device and start again"
            )
        if self._helper is None:
            self._helper = ThreadPoolExecutor(1, thread_name_prefix="brainflow")
        if self._restart is None and arrived - self._tried_at >= RETRY_S:
            self._remark = f"board '{self._settings.board}' is silent: connecting again"
            self._restart = self._helper.submit(self._start_again)
        elif self._restart is not None and self._restart.done():
            failed = self._restart.exception()
            if isinstance(failed, SourceError):
                _log.warning("%s", failed)
            elif failed is not None:
                raise failed
            self._restart = None
            self._restarted |= failed is None
            self._tried_at = arrived

    def _start_again(self) -> None:
        self._board.stop()
        self._board.start()

    def _sift(self, data: NDArray[np.float64]) -> _Taken:
        """Samples with their stamps and running counter, without those that the board sent before."""
        rows, board = self._rows, self._settings.board
        if data.shape[1]:
            self._latest = data
        offset = self._wall.offset(data[rows.stamp], now(), time.time(), now())
        counter = self._count(data[rows.counter], data[rows.stamp] + offset)
        samples = np.array(data[list(rows.eeg)], dtype=np.float32, order="C")
        if counter is None:
            return _Taken(data, samples, None, offset)
        fresh = self._repeats.fresh(counter, samples)
        if fresh is not None:
            data, counter, samples = data[:, fresh], counter[fresh], np.ascontiguousarray(samples[:, fresh])
            self._repeated += int((~fresh).sum())
            self._remark = f"board '{board}' repeated samples: {self._repeated} were left out so far"
        if self._repeats.broken:
            self._counter = counter = None
            self._remark = f"the counter of '{board}' cannot be believed: losses show in the stamps from here on"
        return _Taken(data, samples, counter, offset)

    def _chunk(self, taken: _Taken, arrived: float, state: str, final: bool) -> Chunk:
        raw = taken.data[self._rows.stamp].copy()
        stamps = raw + taken.offset
        events = tuple(self._events(taken.data[self._rows.marker], stamps, arrived))
        self._row += stamps.size
        said = [self._remark, "" if self._markers is None else self._markers.take_remark()]
        self._remark = ""
        return Chunk(
            samples=taken.samples,
            stamps=stamps,
            arrived=arrived,
            raw_stamps=raw,
            counter=taken.counter,
            events=events,
            offset_s=taken.offset,
            state=state,
            final=final,
            remark="; ".join(remark for remark in said if remark),
        )

    def _count(self, raw: NDArray[np.float64], stamps: NDArray[np.float64]) -> NDArray[np.int64] | None:
        if self._counter is None:
            return None
        if stamps.size:
            if self._restarted and self._last_stamp is not None:
                # the counter began anew with the session: what is missing is told by the clock
                self._counter.restart(round((stamps[0] - self._last_stamp) * self._rows.rate_hz) - 1)
            self._restarted = False
            self._last_stamp = float(stamps[-1])
        return self._counter.unwrap(raw, stamps)

    def _events(self, row: NDArray[np.float64], stamps: NDArray[np.float64], arrived: float) -> list[Event]:
        if self._markers is not None:
            return self._markers.read(arrived)
        # they stand on a sample, whatever its stamp
        return [Event(float(stamps[k]), number_label(row[k]), float(self._row + k)) for k in np.flatnonzero(row)]

    def _describe(self) -> StreamInfo:
        return StreamInfo(
            name=self._settings.board,
            kind="brainflow",
            rate_hz=self._rows.rate_hz,
            channels=self._rows.names,
            simulated=self._rows.name == SYNTHETIC,
            has_counter=self._counter is not None,
            notes=tuple(self._notes()),
        )

    def _notes(self) -> Iterator[str]:
        board, name = self._settings.board, self._rows.name
        packets = ", interpolated over packets of 12 samples" if name.startswith("MUSE") else ""
        yield f"stamps are the wall clock at receipt{packets}, converted"
        if name == SYNTHETIC:
            yield "the synthetic board makes sine waves: nobody wears it"
        if not self._rows.named:
            yield f"BrainFlow names no channels of '{name}': they are Ch1 and so on"
        if impedance := said_of(name, len(self._rows.resistance)):
            yield impedance
        if board in (PLAYBACK, STREAMING):
            # tried with 5.23: it sets the marker row of every sample it passes on from its own queue
            yield f"BrainFlow leaves the markers out of what '{board}' carries: use source.marker_lsl"
        if self._counter is None:
            yield f"the counter of '{name}' does not count samples: losses show in the stamps"
