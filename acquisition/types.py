"""What sources hand to the pipeline, and what the pipeline hands on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StreamInfo:
    """What a source says of itself once open.

    Attributes
    ----------
    name
        As shown to people.
    kind
        ``lsl``, ``brainflow``, ``recording`` or ``participant``.
    rate_hz
        Nominal sampling rate.
    channels
        EEG channel names, in the order of the rows of every chunk.
    simulated
        The data are not from a living head: shown on every screen.
    exact_rows
        The stamps are t0 + k / rate by construction and events carry rows: no dejitter is needed.
    has_counter
        Chunks carry the device's own sample counter.
    notes
        Facts worth a line on screen, such as "stamps were wall clock, converted once".
    line_hz
        Line frequency if known.
    replayed
        The stamps are those of a former run, not of this run's clock: nothing can be timed from them.
    """

    name: str
    kind: str
    rate_hz: float
    channels: tuple[str, ...]
    simulated: bool = False
    exact_rows: bool = False
    has_counter: bool = False
    notes: tuple[str, ...] = ()
    line_hz: float | None = None
    replayed: bool = False


@dataclass(frozen=True)
class Event:
    """A marker.

    Attributes
    ----------
    stamp
        Onset on acquisition's clock, seconds.
    label
        The marker's text; numbers are written without a trailing ``.0``.
    row
        Index of the sample (from the start of the stream) it stands on, for sources whose markers stand on rows;
        fractional where it falls between two.
    """

    stamp: float
    label: str
    row: float | None = None


def _empty_stamps() -> NDArray[np.float64]:
    return np.empty(0)


@dataclass(frozen=True)
class Chunk:
    """Some consecutive samples and the events that arrived with them; either may be empty.

    Attributes
    ----------
    samples
        (channels, times) float32, µV, C-contiguous: the same array goes to the journal and the chain.
    stamps
        (times,) float64, seconds on acquisition's clock (offset applied, not dejittered).
    raw_stamps
        (times,) float64, as the sender stamped them.
    counter
        (times,) int64, the device's unwrapped sample counter, or None.
    events
        Markers that became known since the last chunk, early, late or on time.
    arrived
        When the chunk was received, acquisition's clock.
    offset_s
        Correction added to ``raw_stamps``.
    state
        The source's own view of the connection: connected, stalled, lost, recovered.
    final
        True on the last chunk of a source that ends (a file).
    remark
        What the source had to do, in words for the screen and the journal; empty where there is nothing new.
    """

    samples: NDArray[np.float32]
    stamps: NDArray[np.float64]
    arrived: float
    raw_stamps: NDArray[np.float64] = field(default_factory=_empty_stamps)
    counter: NDArray[np.int64] | None = None
    events: tuple[Event, ...] = ()
    offset_s: float = 0.0
    state: str = "connected"
    final: bool = False
    remark: str = ""


class Source(Protocol):
    """Something EEG comes from. Constructors only store; ``open`` may take seconds and raises SourceError."""

    def open(self) -> StreamInfo:
        """Connect, wait until data can flow, and say what it is."""
        ...

    def read(self, timeout_s: float) -> Chunk:
        """Samples and events since the last call, waiting at most ``timeout_s``; an empty chunk where nothing came.

        The chunk's size is bounded (a second or so), so a caller may have to read again to catch up.
        """
        ...

    def close(self) -> None:
        """Let go of everything; harmless when called twice or before ``open``."""
        ...


@runtime_checkable
class Patient(Protocol):
    """A source that can sleep through samples of which nobody waits for the first."""

    def wait_for(self, samples: int) -> None:
        """Let ``read`` wait until so many samples have come, 1 or more, or its time is up; until told otherwise."""
        ...


@runtime_checkable
class Interruptible(Protocol):
    """A source that may look for its device for long."""

    def interrupt_when(self, stopping: Callable[[], bool]) -> None:
        """Let ``open`` give up, with a SourceError, soon after this has become true."""
        ...


@dataclass(frozen=True)
class Impedance:
    """What a device says of its electrodes, as of the last samples.

    Attributes
    ----------
    channels
        kΩ by channel name, of those that are measured.
    others
        kΩ of electrodes that are no channel: reference, ground, and what the device does not name.
    """

    channels: Mapping[str, float] = field(default_factory=dict)
    others: Mapping[str, float] = field(default_factory=dict)


@runtime_checkable
class Measuring(Protocol):
    """A source whose device may measure impedance beside the EEG."""

    def impedance(self) -> Impedance | None:
        """Of the last samples; None where it measures none."""
        ...


@dataclass(frozen=True)
class Epoch:
    """An accepted window as cut, at the encoder's rate.

    Attributes
    ----------
    sequence
        Running number of its stimulus marker in this segment, from 0, in order of marker arrival.
    stimulus
        Marker label.
    onset_s
        Onset on acquisition's clock.
    first_sample_offset_s
        Time of the first sample relative to the onset, sub-sample remainder included.
    data
        (versions, channels, times) float32, µV: the single trial, then the running average.
    repeats
        Trials in the running average.
    sample_due, sample_in
        Corrected stamp of the last needed source sample, and when its chunk arrived.
    last_sample
        Index, from the start of the stream, of the last source sample that the window needed.
    """

    sequence: int
    stimulus: str
    onset_s: float
    first_sample_offset_s: float
    data: NDArray[np.float32]
    repeats: int
    sample_due: float
    sample_in: float
    last_sample: int
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Early:
    """What is known of a window at one of the planned earlier ends; the window itself is judged when it is whole.

    Attributes
    ----------
    part
        Which of the earlier ends, from 0.
    epoch
        ``data`` holds the first samples of what the whole window will hold, version 1 the average of the earlier
        accepted windows' first samples and these. ``sample_due``, ``sample_in`` and ``last_sample`` are of the part.
    """

    part: int
    epoch: Epoch


@dataclass(frozen=True)
class Refused:
    """A stimulus whose window is rejected, with every reason that holds."""

    sequence: int
    stimulus: str
    onset_s: float
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Missed:
    """A stimulus whose samples are not to be had: before the stream, already gone, or never come."""

    sequence: int
    stimulus: str
    onset_s: float
    reason: str


@dataclass(frozen=True)
class Expected:
    """A new stimulus whose window, or a part of it, will be complete at ``due_s``."""

    sequence: int
    due_s: float


@dataclass(frozen=True)
class Gap:
    """A confirmed loss: ``missing`` samples (estimated) before sample ``index`` (count of received samples).

    Before sample 0 of a segment: since the last sample of the segment before, as the session was interrupted.

    Attributes
    ----------
    stamp
        Corrected stamp of that sample.
    missing_s
        How long the gap is, seconds; 0 where the clock stepped back.
    """

    index: int
    missing: float
    stamp: float
    missing_s: float = 0.0


Output = Epoch | Early | Refused | Missed | Expected | Gap
