"""From the thread that reads the signal to the thread that owns the sockets: batches, bounded, in order."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import zmq

from acquisition.delivery_account import Cut
from wire.packets import Draft, Due, Preview, Quality, Rejected, State, Tap, Window

WAKE = "inproc://eegseek-windows"
_WAIT_S = 0.1


@dataclass(frozen=True)
class Facts:
    """What is known of the source once it is open, for statuses."""

    source: str = ""
    simulated: bool = False
    gauges: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """What came out of one or a few chunks, with the account as it stands with them: taken as a whole or not at all.

    Attributes
    ----------
    windows, drafts, rejected, due, quality
        Packets, in order.
    taps, previews
        For those who subscribe to them; not counted.
    cut
        Account of the signal side, these windows included.
    state, message
        Of the source.
    facts
        Of the source; None where nothing has changed.
    ended
        True on the last batch.
    """

    windows: tuple[Window, ...] = ()
    drafts: tuple[Draft, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    due: tuple[Due, ...] = ()
    quality: Quality | None = None
    taps: tuple[Tap, ...] = ()
    previews: tuple[Preview, ...] = ()
    cut: Cut = field(default_factory=Cut)
    state: State = "waiting"
    message: str = ""
    facts: Facts | None = None
    ended: bool = False


class Handoff:
    """A bounded queue of batches; a byte on an inproc pair wakes the poller.

    Objects are handed over as they are: within one process nothing needs to be encoded.

    Parameters
    ----------
    limit
        Batches held before `put` waits: with policy ``block`` that is how a full dispatcher holds the reader back.
    """

    def __init__(self, limit: int) -> None:
        self._batches: deque[Batch] = deque()
        self._room = threading.Semaphore(limit)
        self._wake: zmq.Socket[bytes] | None = None

    def open(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        """Connect the writing end; called by the thread that will `put`."""
        self._wake = context.socket(zmq.PAIR)
        self._wake.setsockopt(zmq.LINGER, 0)
        self._wake.connect(WAKE)

    def close(self) -> None:
        """Let go of the writing end."""
        if self._wake is not None:
            self._wake.close()
            self._wake = None

    def put(self, batch: Batch, hurry: Callable[[], bool]) -> None:
        """Hand a batch over, waiting for room until ``hurry`` says that the run is to end."""
        while not hurry():
            if self._room.acquire(timeout=_WAIT_S):
                break
        self._batches.append(batch)
        if self._wake is not None:
            with contextlib.suppress(zmq.Again):  # wakened often enough already
                self._wake.send(b"", zmq.DONTWAIT)

    def __bool__(self) -> bool:
        return bool(self._batches)

    def take(self) -> Batch | None:
        """The next batch; None where there is none."""
        if not self._batches:
            return None
        batch = self._batches.popleft()
        self._room.release()
        return batch
