"""Inlets of our own: blocking pulls into one buffer, the clock correction off the hot path, and finding a stream again.

liblsl's own recovery is off: it needs a source_id, never ends, and says nothing (see `Finder`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pylsl
from numpy.typing import NDArray
from pylsl.util import LostError
from pylsl.util import TimeoutError as LslTimeout

from acquisition.sources.lsl_clock import ClockOffset
from acquisition.sources.lsl_resolve import Identity
from config.errors import StreamLost
from wire import clock

BUFFER_S = 60
"""What liblsl keeps for a reader that is held up, seconds."""
CORRECTION_EVERY_S = 1.0
"""An amplifier's clock may be 200 ppm off: what is three seconds old is wrong by half a sample at 1 kHz."""
_FORGET_S = 2.0
SEEN_S = 0.7
"""A stream that was found is looked at for so long before it is taken: another may answer later."""


class Inlet:
    """A connection to one stream, made by `connect`.

    Parameters
    ----------
    info
        As resolved.
    correction_s
        Clock correction to use until it has been measured, or None: then no sample is pulled before.
    """

    def __init__(self, info: Any, correction_s: float | None = None) -> None:
        self.identity = Identity.of(info)
        self._info = info
        self._inlet: Any = None
        self._clock = ClockOffset(info, correction_s)
        self._next_correction = 0.0

    def connect(self) -> Inlet:
        """Make the connection, in the background; the first pull subscribes if `start` did not."""
        self._inlet = pylsl.StreamInlet(self._info, max_buflen=BUFFER_S, recover=False)
        return self

    def describe(self, timeout_s: float) -> Any:
        """The full ``pylsl.StreamInfo``, with its description.

        Raises
        ------
        StreamLost
            It did not answer.
        """
        try:
            return self._inlet.info(timeout_s)
        except (LostError, LslTimeout) as error:
            raise self._lost(f"did not describe itself within {timeout_s:g} s") from error

    def start(self, timeout_s: float) -> None:
        """Subscribe, and begin to measure the clock, without waiting for the measurement.

        Raises
        ------
        StreamLost
            It went away, or did not answer.
        """
        try:
            self._inlet.open_stream(timeout_s)
        except (LostError, LslTimeout) as error:
            raise self._lost(f"could not be opened within {timeout_s:g} s") from error
        # asked without waiting, this starts the measurement
        self.correction(clock.now())

    def wait_correction(self, timeout_s: float) -> None:
        """Wait for the first measurement of the clock: about 0.7 s, the later ones come from liblsl's background.

        Raises
        ------
        StreamLost
            It did not answer.
        """
        try:
            self._clock.wait(clock.now(), timeout_s)
        except (LostError, LslTimeout) as error:
            raise self._lost(f"did not answer the clock measurement within {timeout_s:g} s") from error

    def correction(self, now: float) -> float | None:
        """Seconds that bring the sender's clock to ours, asked again every few seconds; None while unknown."""
        if self._clock.offset_s is None or now >= self._next_correction:
            self._next_correction = now + CORRECTION_EVERY_S
            try:
                self._clock.ask(now)
            except LostError as error:
                raise self._lost("went away") from error
        return self._clock.offset_s

    def pull(
        self, timeout_s: float, most: int, into: NDArray[Any] | None = None, least: int = 1
    ) -> tuple[Any, NDArray[np.float64]]:
        """Rows (times, channels) and raw stamps (times,): waits for ``least`` samples, takes what has come.

        Parameters
        ----------
        timeout_s
            Longest wait.
        most
            Most rows.
        into
            C-contiguous buffer (most, channels) of the stream's type, of which a view is returned. Text streams: None.
        least
            Samples waited for, fewer when the time is up.

        Raises
        ------
        StreamLost
            The sender closed the stream.
        """
        waits = {"min_samples": min(least, most)} if timeout_s > 0 else {}
        try:
            rows, stamps = self._inlet.pull_chunk(timeout_s, most, dest_obj=into, as_numpy=True, **waits)
        except LostError as error:
            raise self._lost("went away") from error
        return rows, stamps

    @property
    def last_correction_s(self) -> float | None:
        """The correction last measured; None before the first."""
        return self._clock.offset_s

    @property
    def dtype(self) -> Any:
        """NumPy type of a numeric stream; None for text."""
        return self._inlet.np_dtype

    def close(self) -> None:
        """Disconnect; harmless twice."""
        self._clock.close()
        if self._inlet is not None:
            self._inlet.close_stream()
            self._inlet = None  # pylsl disconnects when its object goes

    def _lost(self, what: str) -> StreamLost:
        return StreamLost(f"stream {self.identity} {what}; check the sender")


class Finder:
    """Look for a stream again in the background, by what it was called; made when it is lost, closed when it is found.

    Parameters
    ----------
    lost
        The stream as it was.
    """

    def __init__(self, lost: Identity) -> None:
        self._lost = lost
        self._resolver: Any = None
        self._seen_s: float | None = None

    def found(self) -> list[Any]:
        """The ``pylsl.StreamInfo`` of those that bear its name, type and source_id; the first call starts."""
        if self._resolver is None:
            self._resolver = pylsl.ContinuousResolver(forget_after=_FORGET_S)
        keys = (self._lost.name, self._lost.type, self._lost.source_id)
        hits = [i for i in self._resolver.results() if (i.name(), i.type(), i.source_id()) == keys]
        if not hits:
            self._seen_s = None
        elif self._seen_s is None:
            self._seen_s = clock.now()
        return hits if self._seen_s is not None and clock.now() - self._seen_s >= SEEN_S else []

    def close(self) -> None:
        """Stop looking."""
        self._resolver = None
