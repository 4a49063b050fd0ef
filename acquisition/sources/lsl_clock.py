"""Clock offset of an LSL stream, measured on connections of its own that carry no data and are renewed."""

from __future__ import annotations

from typing import Any

import pylsl
from pylsl.util import TimeoutError as LslTimeout

RENEW_S = 600.0
"""liblsl 1.18 leaves a pending receive behind with every estimation (``src/time_receiver.cpp``: each starts another
chain), about 270 bytes every 2 s for as long as the inlet lives: 1 MB an hour and stream pair without renewal."""
_LEAST_BUFFER_S = 1


class ClockOffset:
    """Seconds that bring a sender's clock to ours.

    Parameters
    ----------
    info
        The ``pylsl.StreamInfo``, as resolved.
    offset_s
        To be used until it has been measured, or None.

    Attributes
    ----------
    offset_s
        Last measured; None before the first where none was given.
    """

    def __init__(self, info: Any, offset_s: float | None = None) -> None:
        self.offset_s = offset_s
        self._info = info
        self._used: Any = None
        self._next: Any = None
        self._renew_s = 0.0

    def ask(self, now: float) -> float | None:
        """The last estimate, without waiting; the first call starts the measurement. About 0.3 ms.

        Raises
        ------
        pylsl.util.LostError
            The stream went away.
        """
        if self._used is None:
            self._take(self._connection(), now)
        elif self._next is None and now >= self._renew_s:
            self._next = self._connection()
        fresh = None if self._next is None else _estimate(self._next)
        if fresh is not None:
            self._take(self._next, now)
        found = _estimate(self._used) if fresh is None else fresh
        if found is not None:
            self.offset_s = found
        return self.offset_s

    def wait(self, now: float, timeout_s: float) -> float:
        """Wait for the first measurement, about 0.7 s.

        Raises
        ------
        pylsl.util.LostError, pylsl.util.TimeoutError
            The sender did not answer.
        """
        self.ask(now)
        self.offset_s = float(self._used.time_correction(timeout_s))
        return self.offset_s

    def close(self) -> None:
        """Stop measuring; harmless twice."""
        self._used = self._next = None  # pylsl disconnects when its object goes

    def _take(self, connection: Any, now: float) -> None:
        self._used, self._next, self._renew_s = connection, None, now + RENEW_S

    def _connection(self) -> Any:
        return pylsl.StreamInlet(self._info, max_buflen=_LEAST_BUFFER_S, recover=False)


def _estimate(connection: Any) -> float | None:
    try:
        return float(connection.time_correction(0.0))
    except LslTimeout:
        return None
