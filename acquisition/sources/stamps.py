"""From a sender's stamps to our clock: the measured correction, or one fixed difference for foreign clocks. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FOREIGN_S = 3600.0
"""A corrected stamp further than this from now is not of LSL's clock."""
_DAY_S = 86400.0
_PLAUSIBLE_LAG_S = (-1.0, 60.0)


class ForeignClocks:
    """Fixed differences to our clock, one for each host's wall clock, so that its EEG and its markers agree.

    Parameters
    ----------
    here
        Name of this host: its wall clock is read directly, another's is judged by when its stamps arrive.
    wall
        This host's wall clock, seconds.
    """

    def __init__(self, here: str, wall: Callable[[], float]) -> None:
        self._here = here
        self._wall = wall
        self._differences: dict[str, float] = {}

    def difference(self, host: str, stream: str, raw: NDArray[np.float64], now: float) -> tuple[float, bool]:
        """What to add to the stamps of a stream, and whether they are of a wall clock.

        Stamps of a clock that is neither LSL's nor a wall clock belong to their stream alone.
        """
        wall = self._wall()
        is_wall = abs(float(raw[-1]) - wall) < _DAY_S
        key = host if is_wall else f"{host}\n{stream}"
        if key not in self._differences:
            lag = wall - float(raw[-1])
            known = is_wall and host == self._here and _PLAUSIBLE_LAG_S[0] < lag < _PLAUSIBLE_LAG_S[1]
            # elsewhere the least delayed sample of the first chunk is the best that can be had
            self._differences[key] = now - wall if known else now - float(raw.max())
        return self._differences[key], is_wall


class StampConverter:
    """Decide once, on the first stamps of a stream, how they become ours."""

    def __init__(self, stream: str, host: str, clocks: ForeignClocks) -> None:
        self._stream = stream
        self._host = host
        self._clocks = clocks
        self._decided = False
        self._fixed: float | None = None
        self.note = ""

    def offset(self, raw: NDArray[np.float64], correction: float, now: float) -> float:
        """Seconds to add to ``raw`` (times,), given the measured clock correction and the time of arrival."""
        if not self._decided and raw.size:
            self._decide(raw, correction, now)
        return correction if self._fixed is None else self._fixed

    def _decide(self, raw: NDArray[np.float64], correction: float, now: float) -> None:
        self._decided = True
        away = float(raw[-1]) + correction - now
        if abs(away) <= FOREIGN_S or not math.isfinite(away):
            return
        self._fixed, is_wall = self._clocks.difference(self._host, self._stream, raw, now)
        clock = "the wall clock" if is_wall else "an unknown clock"
        self.note = f"stamps of '{self._stream}' were of {clock}, converted once by {self._fixed:.6f} s"


class WallDifference:
    """From wall-clock stamps that were made on this machine just now to our clock.

    Two readings a moment apart differ by microseconds, so small changes are noise and the former value stands; a change
    beyond ``noise_s`` is the wall clock being set or slewed, and is followed. Stamps that cannot be of this machine's
    wall clock now (another machine's, or a recording's) get one fixed difference, by their arrival.
    """

    def __init__(self, noise_s: float = 0.0005) -> None:
        self._noise_s = noise_s
        self._difference: float | None = None
        self._fixed: float | None = None
        self._decided = False

    def offset(self, raw: NDArray[np.float64], before: float, wall: float, after: float) -> float:
        """What to add to the stamps of a chunk.

        Parameters
        ----------
        raw
            (times,) wall-clock stamps, seconds; may be empty.
        before, wall, after
            Our clock, the wall clock, and our clock again, read one after the other, seconds.
        """
        fresh = (before + after) / 2 - wall
        # read with an interruption in between, they say nothing
        trusted = after - before < self._noise_s / 2
        if self._difference is None or (trusted and abs(fresh - self._difference) > self._noise_s):
            self._difference = fresh
        if raw.size and not self._decided:
            self._decided = True
            lag = wall - float(raw[-1])
            if not _PLAUSIBLE_LAG_S[0] < lag < _PLAUSIBLE_LAG_S[1]:
                self._fixed = after - float(raw.max())
        return self._difference if self._fixed is None else self._fixed
