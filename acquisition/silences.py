"""Confirmed gaps in words with milliseconds: told from steps of the sender's clock by how long it was silent. Pure."""

from __future__ import annotations

from acquisition.types import Chunk, Gap

RECENT_S = 8.0
"""A gap is confirmed a second or a few after the silence that it came with."""
NOTED_S = 0.2
SETTLE = "filters settle anew, and windows over it are rejected"


class Silences:
    """Follows the arrivals of one stream's chunks.

    Attributes
    ----------
    longest_s
        The longest silence of late, seconds.
    """

    def __init__(self) -> None:
        self.longest_s = 0.0
        self._noted = float("-inf")
        self._arrived: float | None = None

    def hear(self, chunk: Chunk) -> None:
        """A chunk has come, empty or not."""
        if not chunk.stamps.size:
            return
        silence = 0.0 if self._arrived is None else chunk.arrived - self._arrived
        if silence > NOTED_S or chunk.arrived - self._noted > RECENT_S:
            self.longest_s, self._noted = silence, chunk.arrived
        self._arrived = chunk.arrived

    def tell(self, gap: Gap) -> str:
        """A confirmed gap, in words."""
        if gap.missing < 0.5:
            return f"the sender's clock stepped back; {SETTLE}"
        if gap.missing_s > self.longest_s + 1.0:
            # so much cannot have been lost while samples came
            return f"the sender's clock stepped forward by {gap.missing_s:.3f} s, or samples were lost; {SETTLE}"
        return f"a gap of {1e3 * gap.missing_s:.0f} ms (about {gap.missing:.0f} samples were lost); {SETTLE}"
