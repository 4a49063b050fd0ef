"""A marker stream: text or numbers, on its own stamps, found again when it goes away."""

from __future__ import annotations

import logging
import socket
from typing import Any

import numpy as np

from acquisition.sources.labels import END_LABEL, numeric_label, text_label
from acquisition.sources.lsl_inlet import Finder, Inlet
from acquisition.sources.lsl_resolve import channels_of
from acquisition.sources.stamps import ForeignClocks, StampConverter
from acquisition.types import Event
from config.errors import StreamLost

MOST = 256
ANSWER_S = 5.0
_log = logging.getLogger(__name__)


class MarkerStream:
    """Events of one marker stream.

    A marker stream that goes away is no reason to stop: EEG goes on, and it is looked for until it is back.

    Parameters
    ----------
    info
        As resolved.
    clocks
        Shared with the EEG stream, so that both convert one wall clock alike.
    """

    def __init__(self, info: Any, clocks: ForeignClocks) -> None:
        self._clocks = clocks
        self._finder: Finder | None = None
        self._names: tuple[str | None, ...] = ()
        self._last: str = "0"
        self._remark = ""
        self.end_raw: float | None = None
        """Raw stamp of the agreed end of a finite stream, once it came."""
        self._use(Inlet(info))

    def open(self) -> None:
        """Subscribe and begin to measure the clock, without waiting for that: markers are held until it is known.

        Raises
        ------
        StreamLost
            It did not answer.
        """
        self._names = channels_of(self.inlet.connect().describe(ANSWER_S)).labels
        self.inlet.start(ANSWER_S)

    def read(self, now: float) -> list[Event]:
        """Markers that have come, without waiting."""
        if self._finder is not None:
            self._find(now)
            return []
        try:
            return self._pull(now)
        except StreamLost as error:
            _log.debug("%s", error)
            self._remark = f"marker stream '{self.inlet.identity.name}' went away: it is looked for, EEG goes on"
            self.inlet.close()
            self._finder = Finder(self.inlet.identity)
            return []

    def take_remark(self) -> str:
        """What is to be said of it, once."""
        remark, self._remark = self._remark, ""
        return remark

    @property
    def note(self) -> str:
        """What had to be done to its stamps, if anything."""
        return self._stamps.note

    def close(self) -> None:
        """Disconnect."""
        self.inlet.close()
        if self._finder is not None:
            self._finder.close()

    def _use(self, inlet: Inlet) -> None:
        self.inlet = inlet
        identity = inlet.identity
        self._stamps = StampConverter(identity.name, identity.host, self._clocks)

    def _find(self, now: float) -> None:
        found = self._finder.found() if self._finder is not None else []
        if len(found) != 1:
            return
        # on this host the last correction serves until the new one is measured; another may have been started anew
        here = found[0].hostname() == self.inlet.identity.host == socket.gethostname()
        self._use(Inlet(found[0], self.inlet.last_correction_s if here else None).connect())
        if self._finder is not None:
            self._finder.close()
        self._finder = None
        self._remark = f"marker stream '{self.inlet.identity.name}' is back"

    def _pull(self, now: float) -> list[Event]:
        correction = self.inlet.correction(now)
        if correction is None:
            return []
        rows, raw = self.inlet.pull(0.0, MOST)
        if not raw.size:
            return []
        told = bool(self._stamps.note)
        offset = self._stamps.offset(raw, correction, now)
        if self._stamps.note and not told:
            _log.warning(self._stamps.note)
        labelled = [(self._label(row), float(stamp)) for row, stamp in zip(rows, raw, strict=True)]
        return [Event(stamp + offset, label) for label, stamp in labelled if self._is_event(label, stamp)]

    def _label(self, row: Any) -> str:
        return text_label(row) if self.inlet.dtype is None else numeric_label(np.asarray(row), self._names)

    def _is_event(self, label: str, stamp: float) -> bool:
        if label == END_LABEL:
            self.end_raw = stamp
            return False
        if self.inlet.identity.rate_hz > 0:
            # sampled like EEG: only a change to something else than zero is an event
            changed, self._last = label != self._last, label
            return bool(label) and changed and label != "0"
        return bool(label)
