"""How far ahead of the samples a marker may lie: further where the stream was silent while markers went on. Pure."""

from __future__ import annotations

from acquisition.types import Chunk

SILENT = ("stalled", "lost")


class Patience:
    """The allowance for markers ahead of their samples.

    While a stream is silent its stimuli go on, so their markers lie ahead by the silence; where it then brings what it
    held back, they still do until that has come in. They wait, and are decided by what comes.

    Parameters
    ----------
    early_s
        Allowance while samples flow.
    rate_hz
        Of the source.
    """

    def __init__(self, early_s: float, rate_hz: float) -> None:
        self._early_s = early_s
        self._rate_hz = rate_hz
        self._arrived: float | None = None
        self._silent_s = 0.0
        self._until = -1

    def hear(self, chunk: Chunk, end: int) -> None:
        """A chunk has come, its first sample to be number ``end``."""
        if self._arrived is not None and (chunk.state in SILENT or chunk.state == "recovered"):
            self._silent_s = max(0.0, chunk.arrived - self._arrived)
            self._until = end + round((self._silent_s + 1.0) * self._rate_hz)
        elif end >= self._until:
            self._silent_s = 0.0
        if chunk.stamps.shape[0]:
            self._arrived = chunk.arrived

    @property
    def early_s(self) -> float:
        """Seconds by which a marker may lie ahead of the newest sample now."""
        return self._early_s + self._silent_s
