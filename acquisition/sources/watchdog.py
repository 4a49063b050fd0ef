"""Whether samples still come: connected, stalled, lost, recovered. Pure; the clock is the caller's."""

from __future__ import annotations


class Watchdog:
    """Judge silence by what was read, so that a reader that was itself held up does not blame the stream.

    Parameters
    ----------
    stalled_s, lost_s
        Silence after which the stream is called stalled, then lost, seconds.
    give_up_s
        Time in ``lost`` after which there is no hope, seconds.
    """

    def __init__(self, stalled_s: float, lost_s: float, give_up_s: float) -> None:
        self._stalled_s = stalled_s
        self._lost_s = lost_s
        self._give_up_s = give_up_s
        self._silent_since: float | None = None
        self._lost_at: float | None = None
        self.state = "connected"

    def update(self, started: float, now: float, got: bool) -> str:
        """State after a read that lasted from ``started`` to ``now`` and brought samples or not.

        ``recovered`` holds for one read.
        """
        if got:
            was_away = self.state in ("stalled", "lost")
            self._silent_since = self._lost_at = None
            self.state = "recovered" if was_away else "connected"
            return self.state
        if self._silent_since is None:
            self._silent_since = started
        silence = now - self._silent_since
        if self._lost_at is None and silence >= self._lost_s:
            self._lost_at = now
        if self._lost_at is not None:
            self.state = "lost"
        elif silence >= self._stalled_s:
            self.state = "stalled"
        elif self.state == "recovered":
            self.state = "connected"
        return self.state

    def lose(self, now: float) -> None:
        """The connection itself says that the stream is gone."""
        if self._lost_at is None:
            self._lost_at = now
        if self._silent_since is None:
            self._silent_since = now
        self.state = "lost"

    def silence_s(self, now: float) -> float:
        """Seconds without a sample."""
        return 0.0 if self._silent_since is None else now - self._silent_since

    def gave_up(self, now: float) -> bool:
        """Whether it has been lost for too long."""
        return self._lost_at is not None and now - self._lost_at >= self._give_up_s
