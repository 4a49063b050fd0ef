"""Where windows go as they are cut: into an epochs folder one by one, or into sums by stimulus."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from acquisition.types import Epoch, StreamInfo
from training.trials.epoch_files import NewEpochs

PIECE = 256
"""Windows written at once."""


@dataclass
class Tally:
    """What is known of the windows so far."""

    labels: list[str] = field(default_factory=list)
    onsets_s: list[float] = field(default_factory=list)
    sessions: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    missed: int = 0
    after_s: float = 0.0
    """When the next session begins, in onsets."""
    notes: list[str] = field(default_factory=list)
    info: StreamInfo | None = None
    channels: tuple[str, ...] = ()


class Singles:
    """Writes every window."""

    def __init__(self, new: NewEpochs, tally: Tally) -> None:
        self._new, self._tally = new, tally
        self._held: list[NDArray[np.float32]] = []

    def take(self, epoch: Epoch, onset_s: float, session: str) -> None:
        """Take a window."""
        self._tally.labels.append(epoch.stimulus)
        self._tally.onsets_s.append(round(onset_s, 6))
        self._tally.sessions.append(session)
        self._held.append(epoch.data[0])
        if len(self._held) >= PIECE:
            self._write()

    def close(self) -> tuple[int, ...]:
        """Write what is left; trials in each window, empty where it is one."""
        self._write()
        return ()

    def _write(self) -> None:
        if self._held:
            self._new.append(np.stack(self._held))
        self._held = []


class Means:
    """Sums the windows of each stimulus in a file of its own, and writes their means at the end."""

    def __init__(self, new: NewEpochs, tally: Tally) -> None:
        self._new, self._tally = new, tally
        self._file = new.folder / ".sums"
        self._row: dict[str, int] = {}
        self._count: list[int] = []
        self._sums: NDArray[np.float32] | None = None

    def take(self, epoch: Epoch, onset_s: float, session: str) -> None:
        """Take a window."""
        row = self._row.setdefault(epoch.stimulus, len(self._row))
        if row == len(self._count):
            self._count.append(0)
            self._grow(row + 1)
        if self._sums is not None:
            self._sums[row] += epoch.data[0]
        self._count[row] += 1

    def close(self) -> tuple[int, ...]:
        """Write what is left; trials in each window, empty where it is one."""
        order = sorted(self._row)
        for start in range(0, len(order), PIECE):
            rows = [self._row[label] for label in order[start : start + PIECE]]
            counts = np.array([self._count[row] for row in rows], np.float32)[:, None, None]
            if self._sums is not None:
                self._new.append(self._sums[rows] / counts)
        self._sums = None
        self._file.unlink(missing_ok=True)
        self._tally.labels += order
        self._tally.onsets_s += [0.0] * len(order)
        return tuple(self._count[self._row[label]] for label in order)

    def _grow(self, rows: int) -> None:
        """Room for more, by doubling; what the file gains is zero."""
        have = 0 if self._sums is None else len(self._sums)
        if rows <= have:
            return
        have = max(PIECE, 2 * have)
        self._sums = None
        with self._file.open("ab") as stream:
            stream.truncate(have * 4 * self._new.shape[0] * self._new.shape[1])
        self._sums = np.memmap(self._file, np.float32, "r+", shape=(have, *self._new.shape))
