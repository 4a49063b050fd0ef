"""The packets that travel between processes; ``PROTOCOL.md`` is their law.

A packet is immutable. Its fields are the JSON header; ``data``, where it has one, is the raw payload: a C-contiguous
little-endian float32 array. Wrong shapes are refused at construction. Types and limits are checked where packets come
in (``wire.codec``): whoever makes one gives what the fields say.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Literal, NamedTuple

import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import asdict, force_setattr
from numpy.typing import NDArray

PROTOCOL_VERSION = 1

F4 = np.dtype("<f4")

MAX_COUNT = (1 << 63) - 1
"""Larger numbers could be read and not be written again."""
Count = Annotated[int, Meta(ge=0, le=MAX_COUNT)]
Repeats = Annotated[int, Meta(ge=1, le=MAX_COUNT)]
Versions = Annotated[int, Meta(ge=1, le=8)]
Size = Annotated[int, Meta(ge=1, le=1_000_000)]
State = Literal["waiting", "connected", "stalled", "lost", "recovered", "degraded", "paused", "stopped"]
"""The one state model of every process (see PROTOCOL.md)."""


class Key(NamedTuple):
    """What identifies a window and its result."""

    session: str
    segment: int
    sequence: int
    part: int


class Part(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything that is validated on receipt."""


class Packet(Part, frozen=True, kw_only=True):
    """Base of what travels by itself; without a payload unless it is an `ArrayPacket`."""


class Identified(Packet, frozen=True, kw_only=True):
    """Fields that identify a window, carried by Window, Draft, Result, Failure and Rejected."""

    session: str
    segment: Count
    sequence: Count
    part: Count = 0

    @property
    def key(self) -> Key:
        """Identity of the window."""
        return Key(self.session, self.segment, self.sequence, self.part)


class ArrayPacket(Identified, frozen=True, kw_only=True):
    """A packet whose payload is one float32 array. Subclasses say what its shape must be in ``expected_shape``."""

    data: NDArray[np.float32]

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """Shape that the header promises."""
        raise TypeError(f"{type(self).__name__} does not say its shape")

    def __post_init__(self) -> None:
        array = self.data
        if array.dtype != F4 or array.flags.writeable or not array.flags.c_contiguous:
            array = np.ascontiguousarray(array, dtype=F4).view()
            array.flags.writeable = False
            force_setattr(self, "data", array)
        if array.shape != self.expected_shape:
            raise ValueError(f"payload has shape {array.shape}, the header says {self.expected_shape}")

    def __eq__(self, other: object) -> bool:
        """Equal headers and equal payloads, NaN included."""
        if type(other) is not type(self) or not isinstance(other, ArrayPacket):
            return NotImplemented
        return self.header() == other.header() and np.array_equal(self.data, other.data, equal_nan=True)

    __hash__ = None  # type: ignore[assignment]

    def header(self) -> dict[str, object]:
        """Fields without the payload."""
        fields = asdict(self)
        del fields["data"]
        return fields


class Stamps(Part, frozen=True, kw_only=True):
    """When each stage was passed, in seconds on acquisition's clock (``wire.clock.now``); None where not reached."""

    sample_due: float | None = None
    """Corrected source stamp of the last sample that the window needs."""
    sample_in: float | None = None
    """The chunk holding that sample was received."""
    cut: float | None = None
    sent: float | None = None
    received: float | None = None
    embedded: float | None = None
    searched: float | None = None
    committed: float | None = None
    shown: float | None = None


class Window(ArrayPacket, frozen=True, kw_only=True):
    """The EEG of one stimulus, ready for the encoder. ``data``: (versions, channels, times) float32, µV.

    Version 0 is the single trial, version 1 the running average over the accepted repeats of this stimulus so far.
    ``stimulus`` serves averaging and truth; it never reaches the decoder.
    """

    final: bool = True
    """False for a part that ends before the window does."""
    stimulus: str
    onset_s: float
    """Onset on acquisition's clock."""
    sampling_rate_hz: Annotated[float, Meta(gt=0)]
    first_sample_offset_s: float
    """Time of the first sample relative to the onset, with the sub-sample remainder that cutting could not remove."""
    channels: tuple[str, ...]
    versions: Versions
    times: Size
    repeats: Repeats
    """Trials in the running average (version 1)."""
    flags: tuple[str, ...] = ()
    simulated: bool = False
    stamps: Stamps = Stamps()

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """(versions, channels, times)."""
        return (self.versions, len(self.channels), self.times)


class Tap(Window, frozen=True, kw_only=True):
    """A copy of a window as it was cut, for calibration and displays; sent only while somebody subscribes to it.

    Nothing depends on it: it is not answered and not counted, and a slow subscriber misses some.
    """


class Mark(Part, frozen=True, kw_only=True):
    """A marker as it came in."""

    time_s: float
    """On acquisition's clock, ``markers.delay_s`` added."""
    label: str
    stimulus: bool
    """Whether it matches the stimulus rule."""


class Preview(ArrayPacket, frozen=True, kw_only=True):
    """Filtered EEG for drawing; sent only while somebody subscribes to it. ``data``: (channels, times) float32, µV.

    All samples of the chain at the source's rate, in order: whoever draws decimates. A hole is a gap, or was missed.
    ``sequence`` is the running number of its first sample.
    """

    first_s: float
    """Corrected stamp of the first sample, acquisition's clock."""
    rate_hz: Annotated[float, Meta(gt=0)]
    channels: tuple[str, ...]
    times: Size
    marks: tuple[Mark, ...] = ()
    """Markers that came since the preview before."""
    simulated: bool = False

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """(channels, times)."""
        return (len(self.channels), self.times)


class Hit(Part, frozen=True, kw_only=True):
    """One retrieved item."""

    id: str
    label: str
    modality: str
    cosine: float
    probability: Annotated[float, Meta(ge=0, le=1)]


class Answer(Part, frozen=True, kw_only=True):
    """The top k items of one version of a window, best first."""

    hits: tuple[Hit, ...]
    repeats: Repeats
    """Trials behind this answer."""
    withheld: bool = False
    """True where the best item is right with less than the wanted probability: shown as withheld, not as an answer."""
    decided: bool = False
    """Of a part that is not final: the stop rule commits to this answer, and later parts no longer replace it."""


class Result(ArrayPacket, frozen=True, kw_only=True):
    """The answer to a window, and its acknowledgement. ``data``: (versions, dim) float32 embeddings, unit norm."""

    final: bool = True
    end_s: float | None = None
    """End of the window, seconds after the onset."""
    stimulus: str
    onset_s: float
    versions: Versions
    dim: Size
    answers: tuple[Answer, ...]
    flags: tuple[str, ...] = ()
    simulated: bool = False
    encoder: str
    """Fingerprint of the encoder bundle."""
    gallery: str
    """Fingerprint of the gallery bundle."""
    mode: Literal["exact", "throughput"] = "exact"
    worker: str = ""
    commit: Count = 0
    """Running number given by the dispatcher when it commits the result, from 1; 0 before. A gap in it is a miss."""
    stamps: Stamps = Stamps()

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """(versions, dim)."""
        return (self.versions, self.dim)

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.answers) != self.versions:
            raise ValueError(f"{len(self.answers)} answers for {self.versions} versions")


class Failure(Identified, frozen=True, kw_only=True):
    """A worker could not process a window; it is tried again, three times at most."""

    worker: str
    reason: str


class Rejected(Identified, frozen=True, kw_only=True):
    """A stimulus whose window is not sent, and why."""

    stimulus: str
    onset_s: float
    reasons: tuple[str, ...]


class Due(Packet, frozen=True, kw_only=True):
    """A window is expected to be sent at ``due_s`` (acquisition's clock): workers warm up for it."""

    sequence: Count
    due_s: float


class Draft(ArrayPacket, frozen=True, kw_only=True):
    """The first samples of a window that will follow; an encoder can begin with them. ``data``: as a Window's.

    Nothing depends on it: it is not answered, not counted and not sent again, and the window brings all samples.
    """

    channels: tuple[str, ...]
    versions: Versions
    times: Size

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """(versions, channels, times)."""
        return (self.versions, len(self.channels), self.times)


class Ready(Packet, frozen=True, kw_only=True):
    """A worker is warm and takes windows, ``credit`` at a time."""

    worker: str
    pid: Count
    encoder: str
    gallery: str
    credit: Annotated[int, Meta(ge=1, le=4096)]
    spare: bool = False
    """A warm spare gets windows only while no other worker is alive."""
    device: str = "cpu"
    drafts: bool = False
    """Its encoder can begin with the first samples of a window."""
    versions: dict[str, str] = {}


class Heartbeat(Packet, frozen=True, kw_only=True):
    """Sent both ways between dispatcher and workers, and from displays, every 250 ms."""

    role: Literal["acquisition", "inference", "display"]
    name: str
    pid: Count
    state: State = "connected"
    message: str = ""
    """Why, where there is more to say than the state."""
    time_s: float
    counters: dict[str, Count] = {}


class Hello(Packet, frozen=True, kw_only=True):
    """From a dispatcher that does not know the sender: say READY again."""

    session: str


class Stop(Packet, frozen=True, kw_only=True):
    """Ask a process to finish what it has and leave."""

    reason: str


class Load(Packet, frozen=True, kw_only=True):
    """Ask workers to change bundle or gallery (a path each, empty = keep)."""

    encoder: str = ""
    gallery: str = ""
    version: str = ""
    """Not empty: ``gallery`` is the one in use and was edited; its fingerprint now. Who is there already does nothing.
    """


class PeerState(Part, frozen=True, kw_only=True):
    """What acquisition knows of its source, a worker or a display."""

    role: Literal["source", "inference", "display"]
    name: str
    pid: Count
    """0 for the source, which is no process."""
    state: State
    message: str = ""
    """Why, where there is more to say than the state."""
    age_s: float
    """Seconds since it was last heard."""
    counters: dict[str, Count] = {}


class Status(Packet, frozen=True, kw_only=True):
    """A process's state and counters, four times a second and at each change, of its own state or of a peer's."""

    role: Literal["acquisition", "inference", "display"]
    name: str
    pid: Count
    session: str
    segment: Count
    state: State
    message: str = ""
    """The last change of state, in words."""
    time_s: float
    simulated: bool = False
    source: str = ""
    counters: dict[str, Count] = {}
    """due, sent, rejected, missed, pending, answered, expired, dropped, failed, in_flight, and others."""
    rejected_by: dict[str, Count] = {}
    gauges: dict[str, float] = {}
    """Rates and levels: ``rate_hz``, ``settling_s``, ``group_delay_s``, ``queue``, ..."""
    peers: tuple[PeerState, ...] = ()
    last: bool = False
    """True on the final Status of a run: everything is accounted for."""


class Quality(Packet, frozen=True, kw_only=True):
    """Per-channel state of the last second."""

    time_s: float
    channels: tuple[str, ...]
    rms_uv: tuple[float, ...]
    """Of the filtered signal."""
    line_ratio: tuple[float, ...]
    """Share of the raw power that lies within 1 Hz of the line frequency."""
    states: tuple[Literal["good", "noisy", "flat", "railed", "swapped", "invalid"], ...]
    impedance_kohm: tuple[float | None, ...] = ()
    """Of each channel's electrode, kΩ; None where it is not measured. Empty where the source measures none."""
    other_kohm: dict[str, float] = {}
    """Of electrodes that are no channel, kΩ: reference and ground, and what the device does not name."""

    def __post_init__(self) -> None:
        if not len(self.channels) == len(self.rms_uv) == len(self.line_ratio) == len(self.states):
            raise ValueError("channels, rms_uv, line_ratio and states must be of one length")
        if not all(map(isfinite, (*self.rms_uv, *self.line_ratio))):
            raise ValueError("rms_uv and line_ratio must be finite")
        if self.impedance_kohm and len(self.impedance_kohm) != len(self.channels):
            raise ValueError("impedance_kohm must be empty, or have a value for each channel")
        known = [kohm for kohm in self.impedance_kohm if kohm is not None]
        if not all(isfinite(kohm) and kohm >= 0 for kohm in (*known, *self.other_kohm.values())):
            raise ValueError("impedances must be finite and not negative")

    @property
    def electrodes_kohm(self) -> dict[str, float]:
        """Impedance of each electrode that is measured, kΩ: of channels first."""
        pairs = zip(self.channels, self.impedance_kohm, strict=False)
        return {**{name: kohm for name, kohm in pairs if kohm is not None}, **self.other_kohm}


class Command(Packet, frozen=True, kw_only=True):
    """A request on the control socket. ``id`` makes it idempotent: a repeated id gets the first reply again."""

    id: str
    command: Literal["start", "pause", "stop", "note", "bad", "load", "edit", "since", "status", "gone"]
    sequence: Count = 0
    """For ``since``: the first commit number wanted (0 or 1: everything still held)."""
    text: str = ""
    """For ``note``: the words. For ``bad``: why. For ``gone``: the process id of a worker that was seen to end."""
    seconds: Annotated[float, Meta(ge=0, le=3600)] = 0.0
    """For ``bad``: how long before now the bad stretch began."""
    encoder: str = ""
    gallery: str = ""
    """For ``load`` and ``edit``: its folder."""
    version: str = ""
    """For ``edit``: what the gallery goes by after the edit."""


class Reply(Packet, frozen=True, kw_only=True):
    """The answer to a Command; ``since`` is answered by its Results first, then the Reply."""

    id: str
    ok: bool
    message: str = ""
    count: Count = 0
    next_sequence: Count = 0
    """For ``since``: ask from here next time."""
    workers: Count = 0
    """For ``edit``: living workers, of which ``count`` have followed."""
