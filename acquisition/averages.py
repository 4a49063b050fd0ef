"""Running averages of accepted repeats, by stimulus."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from numpy.typing import NDArray


class Averages:
    """At most ``limit`` running sums in float64; the stimulus seen least recently goes first and is counted.

    Attributes
    ----------
    evicted
        Averages given up so far.
    """

    def __init__(self, limit: int = 1000) -> None:
        self.limit = limit
        self.evicted = 0
        self._sums: OrderedDict[str, tuple[NDArray[np.float64], int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sums)

    def add(self, stimulus: str, window: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """Add an accepted window and return the average that includes it.

        Parameters
        ----------
        stimulus
            Marker label.
        window
            (channels, times) float32, µV.

        Returns
        -------
        mean
            (channels, times) float32, µV: a new array.
        repeats
            Windows in it.
        """
        held = self._sums.pop(stimulus, None)
        if held is None or held[0].shape != window.shape:
            held = (np.zeros(window.shape), 0)
        total, repeats = held[0], held[1] + 1
        total += window
        self._sums[stimulus] = (total, repeats)
        if len(self._sums) > self.limit:
            self._sums.popitem(last=False)
            self.evicted += 1
        return (total / repeats).astype(np.float32), repeats

    def peek(self, stimulus: str, part: NDArray[np.float32]) -> tuple[NDArray[np.float32], int]:
        """The average that a window would give whose first samples are known; nothing is kept of it.

        Parameters
        ----------
        stimulus
            Marker label.
        part
            (channels, first times of a window) float32, µV.

        Returns
        -------
        mean
            (channels, first times) float32, µV: of the accepted windows' first samples and these, a new array.
        repeats
            Windows in it, this one included.
        """
        total, repeats = self._sums.get(stimulus, (None, 0))
        if total is None or total.shape[0] != part.shape[0] or total.shape[1] < part.shape[1]:
            return part.copy(), 1
        return ((total[:, : part.shape[1]] + part) / (repeats + 1)).astype(np.float32), repeats + 1
