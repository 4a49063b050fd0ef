"""The EEG stream of an LSL reader: its connection, its clock, and getting it back when it was lost."""

from __future__ import annotations

import logging
import socket
import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.sources.layout import Layout, choose
from acquisition.sources.lsl_inlet import Finder, Inlet
from acquisition.sources.lsl_resolve import Identity, channels_of, ours
from acquisition.sources.stamps import ForeignClocks, StampConverter
from acquisition.sources.stim import StimEdges
from config.errors import SourceError, StreamLost
from config.settings import LslSource
from wire.clock import now

ANSWER_S = 5.0
"""How long a stream may take to describe itself and to open."""
RECONNECT_S = 5.0
"""A stream that is announced but silent for this long is connected to afresh: its TCP connection may be dead."""
_AWAY_S = 0.05
_log = logging.getLogger(__name__)


class EegStream:
    """Samples of one EEG stream, across interruptions.

    Parameters
    ----------
    info
        As resolved.
    settings
        Names, unit and stimulus channel.
    clocks
        Shared with the marker stream, so that both convert one wall clock alike.
    """

    layout: Layout
    identity: Identity
    edges: StimEdges
    """Of the stimulus channel; begins anew with each connection."""

    def __init__(self, info: Any, settings: LslSource, clocks: ForeignClocks) -> None:
        self._info = info
        self._settings = settings
        self._clocks = clocks
        self._inlet: Inlet | None = None
        self._finder: Finder | None = None
        self._correction_s: float | None = None
        self._remark = ""
        self._told = False

    def open(self) -> dict[str, str]:
        """Connect, subscribe and begin to measure the clock; returns what an outlet of eegseek says of itself.

        Raises
        ------
        StreamLost
            It did not answer.
        SourceError
            It is no EEG stream that can be read.
        """
        inlet = Inlet(self._info).connect()
        try:
            full = inlet.describe(ANSWER_S)
            self.layout = self._lay_out(inlet, full)
            inlet.start(ANSWER_S)
        except SourceError:
            inlet.close()
            raise
        self._use(inlet)
        return ours(full)

    def wait_correction(self) -> None:
        """Wait for the first measurement of the clock."""
        if self._inlet is not None:
            self._inlet.wait_correction(ANSWER_S)

    @property
    def connected(self) -> bool:
        """Whether there is a connection, silent or not."""
        return self._inlet is not None

    @property
    def note(self) -> str:
        """What had to be done to its stamps, if anything."""
        return self._converter.note

    def pull(self, timeout_s: float, least: int = 1) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Rows (times, channels), valid until the next pull, and raw stamps (times,); both empty where nothing came.

        Waits for ``least`` samples, or until the time is up.
        """
        if self._inlet is not None:
            try:
                rows, raw = self._inlet.pull(timeout_s, len(self._buffer), self._buffer, least)
            except StreamLost as error:
                _log.warning("%s", error)
                self._drop()
            else:
                return rows, raw
        # there is nothing to block on while the stream is away
        time.sleep(min(timeout_s, _AWAY_S))
        return self._buffer[:0], np.empty(0)

    def offset(self, raw: NDArray[np.float64], arrived: float) -> float:
        """Seconds that bring these raw stamps to our clock."""
        if self._inlet is not None:
            try:
                self._correction_s = self._inlet.correction(arrived)
            except StreamLost as error:
                _log.debug("%s", error)  # the next pull meets it too, after what is still buffered
        return self._converter.offset(raw, self._correction_s or 0.0, arrived)

    def recover(self, arrived: float) -> None:
        """Look for the stream, and connect to it once exactly one is there.

        Raises
        ------
        SourceError
            It came back with another shape, rate, channels or units.
        """
        if self._finder is None:
            self._finder = Finder(self.identity)
        found = self._finder.found()
        if len(found) > 1 and not self._told:
            self._told = True
            self._remark = f"{len(found)} streams are called like the lost one: none is taken until one is left"
        if len(found) != 1:
            return
        afresh = self._inlet is None or found[0].uid() != self.identity.uid
        if afresh or arrived - self._connected_at > RECONNECT_S:
            self._reconnect(found[0])

    def take_remark(self) -> str:
        """What is to be said, once."""
        remark, self._remark = self._remark, ""
        return remark

    def stop_looking(self) -> None:
        """Samples flow again."""
        self._told = False
        if self._finder is not None:
            self._finder.close()
            self._finder = None

    def close(self) -> None:
        """Disconnect."""
        self.stop_looking()
        self._drop()

    def _lay_out(self, inlet: Inlet, full: Any) -> Layout:
        identity, settings = inlet.identity, self._settings
        if identity.format == "string":
            raise SourceError(f"stream {identity} carries text, expected EEG samples; set source.name or source.type")
        if identity.rate_hz <= 0:
            raise SourceError(f"stream {identity} has an irregular rate, expected a sampled EEG stream; choose another")
        stim = settings.marker_channel if settings.markers == "channel" else None
        return choose(identity.name, channels_of(full), given=settings.channels, unit=settings.unit, stim=stim)

    def _use(self, inlet: Inlet) -> None:
        self._inlet = inlet
        self.identity = inlet.identity
        # at most a second is handed on at once
        self._buffer = np.empty((max(1, round(self.identity.rate_hz)), self.identity.count), dtype=inlet.dtype)
        self._converter = StampConverter(self.identity.name, self.identity.host, self._clocks)
        self.edges = StimEdges()
        self._connected_at = now()

    def _drop(self) -> None:
        if self._inlet is not None:
            self._inlet.close()
            self._inlet = None

    def _reconnect(self, info: Any) -> None:
        old, new = self.identity, Identity.of(info)
        if (new.count, new.rate_hz, new.format) != (old.count, old.rate_hz, old.format):
            raise SourceError(f"stream {old} came back as {new}; start the run again to read it so")
        # on this host the last correction serves until the new one is measured; another may have been started anew
        here = new.host == old.host == socket.gethostname()
        inlet = Inlet(info, self._correction_s if here else None).connect()
        try:
            layout = self._lay_out(inlet, inlet.describe(1.0))
            inlet.start(1.0)
            if inlet.last_correction_s is None:
                inlet.wait_correction(ANSWER_S)
        except StreamLost as error:
            _log.debug("%s", error)
            inlet.close()
            return  # gone again: it is looked for until the reader gives up
        if layout != self.layout:
            inlet.close()
            raise SourceError(f"stream {old} came back with other channels or units; start the run again to read it so")
        self._drop()
        self._use(inlet)
