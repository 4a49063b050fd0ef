"""Listens to an LSL marker stream that may come, go and come again at any time: in a thread of its own."""

from __future__ import annotations

import math
import socket
import threading
from collections import deque
from typing import Any

import numpy as np

from acquisition.sources.labels import END_LABEL, numeric_label, text_label
from acquisition.sources.lsl_inlet import Inlet
from acquisition.sources.lsl_resolve import Query, find
from acquisition.sources.stamps import FOREIGN_S
from acquisition.types import Event
from config.errors import AmbiguousStream, StreamLost, StreamNotFound
from wire import lsl_scope
from wire.clock import now

LOOK_S = 1.0
PULL_S = 0.1
MOST = 256
ANSWER_S = 5.0


class Ear:
    """Markers of a stream, as they come. The constructor only stores.

    Parameters
    ----------
    name
        Of the stream; while there are several of that name none is heard.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._events: deque[Event] = deque()
        self._remarks: deque[str] = deque()
        self._said = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin to look for it."""
        lsl_scope.listen()
        self._stop.clear()
        self._thread = threading.Thread(target=self._listen, name="ear", daemon=True)
        self._thread.start()

    def take(self) -> list[Event]:
        """What came since the last call, on our clock."""
        return [self._events.popleft() for _ in range(len(self._events))]

    def take_remark(self) -> str:
        """What is to be said of the stream, once."""
        return "; ".join(self._remarks.popleft() for _ in range(len(self._remarks)))

    def close(self) -> None:
        """Stop; harmless twice."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(LOOK_S + ANSWER_S)
            self._thread = None

    def _listen(self) -> None:
        query = Query("marker stream", self.name, "", "", ("source.react_to", "", ""))
        while not self._stop.is_set():
            try:
                (info,) = find([query], LOOK_S)
                self._hear(info)
            except StreamNotFound:
                continue
            except AmbiguousStream as error:
                self._say(str(error))
                self._stop.wait(LOOK_S)
            except StreamLost:
                self._say(f"marker stream '{self.name}' went away: it is looked for")

    def _hear(self, info: Any) -> None:
        # on this machine there is one clock, and nothing to measure
        here = info.hostname() == socket.gethostname()
        inlet = Inlet(info, 0.0 if here else None).connect()
        try:
            inlet.start(ANSWER_S)
            self._say(f"marker stream '{self.name}' is there")
            while not self._stop.is_set():
                correction = inlet.correction(now())
                if correction is None:
                    self._stop.wait(0.01)
                    continue
                rows, raw = inlet.pull(PULL_S, MOST)
                for row, stamp in zip(rows, raw, strict=True):
                    label = text_label(row) if inlet.dtype is None else numeric_label(np.asarray(row))
                    if label and label != END_LABEL:
                        self._events.append(Event(_on_our_clock(float(stamp) + correction), label))
        finally:
            inlet.close()

    def _say(self, words: str) -> None:
        if words != self._said:
            self._said = words
            self._remarks.append(words)


def _on_our_clock(stamp: float) -> float:
    """A stamp of another clock tells nothing but that it came now."""
    return stamp if math.isfinite(stamp) and abs(stamp - now()) < FOREIGN_S else now()
