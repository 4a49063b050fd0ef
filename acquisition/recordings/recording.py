"""What every reader makes of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError


class Signal(Protocol):
    """EEG of a recording, read piece by piece."""

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop``: (channels, stop - start) float32, µV, C-contiguous."""
        ...


@dataclass(frozen=True)
class ArraySignal:
    """EEG that is in memory: (channels, rows) float32, µV."""

    array: NDArray[np.float32]

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop``."""
        return np.ascontiguousarray(self.array[:, start:stop])


@dataclass(frozen=True)
class Marker:
    """A marker of a recording.

    Attributes
    ----------
    row
        The sample it stands on; fractional where it falls between two, outside the rows where no EEG covers it.
    label
        Its text; numbers without a trailing ``.0``.
    stamp
        Its own stamp on the file's clock, where the file stamps markers apart from samples.
    """

    row: float
    label: str
    stamp: float | None = None


@dataclass(frozen=True)
class Break:
    """``missing`` samples were lost (or not recorded) just before ``row``."""

    row: int
    missing: int


@dataclass(frozen=True)
class Recording:
    """A recording, its EEG not necessarily in memory.

    Attributes
    ----------
    file
        Where it was read from.
    format
        As shown to people.
    rate_hz
        Nominal sampling rate.
    channels
        EEG channel names, in the order of the rows of the signal.
    n_rows
        Samples a channel.
    signal
        The EEG.
    events
        Markers, by row.
    stamps
        (n_rows,) float64 seconds on the file's clock, jitter and all; None where rows are evenly spaced but for breaks.
    breaks
        Losses, by row (empty where there are stamps: they show there).
    resets
        Rows at which the file's clock jumps to another time.
    notes
        Facts worth a line on screen.
    line_hz
        Line frequency, if the file says.
    simulated
        The file says that its EEG is not from a living head.
    """

    file: Path
    format: str
    rate_hz: float
    channels: tuple[str, ...]
    n_rows: int
    signal: Signal
    events: tuple[Marker, ...] = ()
    stamps: NDArray[np.float64] | None = None
    breaks: tuple[Break, ...] = ()
    resets: tuple[int, ...] = ()
    notes: tuple[str, ...] = ()
    line_hz: float | None = None
    simulated: bool = False

    @property
    def samples(self) -> NDArray[np.float32]:
        """All of it: (channels, n_rows) float32, µV. For long files, ``signal.read`` takes less memory."""
        return self.signal.read(0, self.n_rows)

    def counter(self, start: int, stop: int) -> NDArray[np.int64]:
        """Sample counter of rows ``start`` to ``stop``, with steps at the breaks: (stop - start,) int64."""
        rows = np.arange(start, stop, dtype=np.int64)
        at, missing = self._steps
        return rows + missing[np.searchsorted(at, rows, side="right")]

    @cached_property
    def _steps(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Rows of the breaks, and what is missing before the first, up to the second, and so on."""
        at = np.array([gap.row for gap in self.breaks], dtype=np.int64)
        missing = np.array([0, *(gap.missing for gap in self.breaks)], dtype=np.int64)
        return at, np.cumsum(missing)


def pick_channels(file: Path, eeg: Sequence[str], others: Sequence[str], wanted: Sequence[str]) -> tuple[str, ...]:
    """Channels to use: those wanted, else all EEG.

    Parameters
    ----------
    file
        For errors.
    eeg, others
        EEG channels of the file, and further ones that may be asked for.
    wanted
        Names given in the settings.

    Raises
    ------
    RecordingError
        There is no EEG channel, or a wanted name is not there or stands twice.
    """
    if not wanted and not eeg:
        there = ", ".join(others) or "none"
        raise RecordingError(f"'{file}' has no EEG channel (its other channels: {there}); name some in source.channels")
    missing = [name for name in wanted if name not in eeg and name not in others]
    if missing:
        raise RecordingError(
            f"'{file}' has no channel {', '.join(map(repr, missing))}; source.channels can be of: "
            + ", ".join((*eeg, *others))
        )
    if not wanted and len(set(eeg)) < len(eeg):
        twice = next(name for k, name in enumerate(eeg) if name in eeg[:k])
        raise RecordingError(f"'{file}' has two channels '{twice}', which cannot be told apart; rename one")
    if len(set(wanted)) < len(wanted):
        raise RecordingError(f"source.channels names a channel twice ({', '.join(wanted)}); name each once")
    return tuple(wanted) or tuple(eeg)
