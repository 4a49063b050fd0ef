"""The packets that travel between processes; ``PROTOCOL.md`` is their law.

A packet is immutable. Its fields are the JSON header; ``data``, where it has one, is the raw payload: a C-contiguous
little-endian float32 array. Wrong shapes and types are refused at construction.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

PROTOCOL_VERSION = 1

Count = Annotated[int, Field(ge=0)]
State = Literal["waiting", "connected", "stalled", "lost", "recovered", "degraded", "paused", "stopped"]
"""The one state model of every process (see PROTOCOL.md)."""


class Key(NamedTuple):
    """What identifies a window and its result."""

    session: str
    segment: int
    sequence: int
    part: int


class Part(BaseModel):
    """Base of everything that is validated on receipt."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, arbitrary_types_allowed=True)


class Packet(Part):
    """A packet without payload."""

    payload: ClassVar[bool] = False


class Stamps(Part):
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


class ArrayPacket(Packet):
    """A packet whose payload is one float32 array. Subclasses say what its shape must be in ``expected_shape``."""

    payload: ClassVar[bool] = True
    data: NDArray[np.float32] = Field(exclude=True, repr=False)

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """Shape that the header promises."""
        raise TypeError(f"{type(self).__name__} does not say its shape")

    @model_validator(mode="after")
    def _check_array(self) -> ArrayPacket:
        array = np.ascontiguousarray(self.data, dtype="<f4")
        if array.shape != self.expected_shape:
            raise ValueError(f"payload has shape {array.shape}, the header says {self.expected_shape}")
        if array.flags.writeable:
            array = array.view()
            array.flags.writeable = False
        object.__setattr__(self, "data", array)
        return self

    def __eq__(self, other: object) -> bool:
        """Equal headers and equal payloads, NaN included."""
        if type(other) is not type(self) or not isinstance(other, ArrayPacket):
            return NotImplemented
        return self.model_dump() == other.model_dump() and np.array_equal(self.data, other.data, equal_nan=True)

    __hash__ = None  # type: ignore[assignment]


class Identified(Part):
    """Fields that identify a window, carried by Window, Result and Failure."""

    session: str
    segment: Count
    sequence: Count
    part: Count = 0

    @property
    def key(self) -> Key:
        """Identity of the window."""
        return Key(self.session, self.segment, self.sequence, self.part)


class Window(Identified, ArrayPacket):
    """The EEG of one stimulus, ready for the encoder. ``data``: (versions, channels, times) float32, µV.

    Version 0 is the single trial, version 1 the running average over the accepted repeats of this stimulus so far.
    ``stimulus`` serves averaging and truth; it never reaches the decoder.
    """

    final: bool = True
    """False for a part that ends before the window does."""
    stimulus: str
    onset_s: float
    """Onset on acquisition's clock."""
    sampling_rate_hz: Annotated[float, Field(gt=0)]
    first_sample_offset_s: float
    """Time of the first sample relative to the onset, with the sub-sample remainder that cutting could not remove."""
    channels: tuple[str, ...]
    versions: Annotated[int, Field(ge=1, le=8)]
    times: Annotated[int, Field(ge=1, le=1_000_000)]
    repeats: Annotated[int, Field(ge=1)]
    """Trials in the running average (version 1)."""
    flags: tuple[str, ...] = ()
    simulated: bool = False
    stamps: Stamps = Stamps()

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """(versions, channels, times)."""
        return (self.versions, len(self.channels), self.times)


class Hit(Part):
    """One retrieved item."""

    id: str
    label: str
    modality: str
    cosine: float
    probability: Annotated[float, Field(ge=0, le=1)]


class Answer(Part):
    """The top k items of one version of a window, best first."""

    hits: tuple[Hit, ...]
    repeats: Annotated[int, Field(ge=1)]
    """Trials behind this answer."""
    withheld: bool = False
    """True where the best item is right with less than the wanted probability: shown as withheld, not as an answer."""
    decided: bool = False
    """Of a part that is not final: the stop rule commits to this answer, and later parts no longer replace it."""


class Result(Identified, ArrayPacket):
    """The answer to a window, and its acknowledgement. ``data``: (versions, dim) float32 embeddings, unit norm."""

    final: bool = True
    end_s: float | None = None
    """End of the window, seconds after the onset."""
    stimulus: str
    onset_s: float
    versions: Annotated[int, Field(ge=1, le=8)]
    dim: Annotated[int, Field(ge=1, le=1_000_000)]
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

    @model_validator(mode="after")
    def _one_answer_a_version(self) -> Result:
        if len(self.answers) != self.versions:
            raise ValueError(f"{len(self.answers)} answers for {self.versions} versions")
        return self


class Failure(Identified, Packet):
    """A worker could not process a window; it is tried again, three times at most."""

    worker: str
    reason: str


class Rejected(Identified, Packet):
    """A stimulus whose window is not sent, and why."""

    stimulus: str
    onset_s: float
    reasons: tuple[str, ...]


class Due(Packet):
    """A window is expected to be sent at ``due_s`` (acquisition's clock): workers warm up for it."""

    sequence: Count
    due_s: float


class Draft(Identified, ArrayPacket):
    """The first samples of a window that will follow; an encoder can begin with them. ``data``: as a Window's.

    Nothing depends on it: it is not answered, not counted and not sent again, and the window brings all samples.
    """

    channels: tuple[str, ...]
    versions: Annotated[int, Field(ge=1, le=8)]
    times: Annotated[int, Field(ge=1, le=1_000_000)]

    @property
    def expected_shape(self) -> tuple[int, ...]:
        """(versions, channels, times)."""
        return (self.versions, len(self.channels), self.times)


class Ready(Packet):
    """A worker is warm and takes windows, ``credit`` at a time."""

    worker: str
    pid: Count
    encoder: str
    gallery: str
    credit: Annotated[int, Field(ge=1, le=4096)]
    spare: bool = False
    """A warm spare gets windows only while no other worker is alive."""
    device: str = "cpu"
    drafts: bool = False
    """Its encoder can begin with the first samples of a window."""
    versions: dict[str, str] = {}


class Heartbeat(Packet):
    """Sent both ways between dispatcher and workers, and from displays, every 250 ms."""

    role: Literal["acquisition", "inference", "display"]
    name: str
    pid: Count
    state: State = "connected"
    time_s: float
    counters: dict[str, Count] = {}


class Hello(Packet):
    """From a dispatcher that does not know the sender: say READY again."""

    session: str


class Stop(Packet):
    """Ask a process to finish what it has and leave."""

    reason: str


class Load(Packet):
    """Ask workers to change bundle or gallery (a path each, empty = keep)."""

    encoder: str = ""
    gallery: str = ""
    version: str = ""
    """Not empty: ``gallery`` is the one in use and was edited; its fingerprint now. Who is there already does nothing.
    """


class PeerState(Part):
    """What the dispatcher knows of a worker or a display."""

    role: Literal["inference", "display"]
    name: str
    pid: Count
    state: State
    age_s: float
    """Seconds since it was last heard."""
    counters: dict[str, Count] = {}


class Status(Packet):
    """A process's state and counters, once a second and at each change."""

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


class Quality(Packet):
    """Per-channel state of the last second."""

    time_s: float
    channels: tuple[str, ...]
    rms_uv: tuple[float, ...]
    """Of the filtered signal."""
    line_ratio: tuple[float, ...]
    """Share of the raw power that lies within 1 Hz of the line frequency."""
    states: tuple[Literal["good", "noisy", "flat", "railed", "invalid"], ...]

    @model_validator(mode="after")
    def _one_each(self) -> Quality:
        if not len(self.channels) == len(self.rms_uv) == len(self.line_ratio) == len(self.states):
            raise ValueError("channels, rms_uv, line_ratio and states must be of one length")
        return self


class Command(Packet):
    """A request on the control socket. ``id`` makes it idempotent: a repeated id gets the first reply again."""

    id: str
    command: Literal["start", "pause", "stop", "note", "load", "edit", "since", "status", "gone"]
    sequence: Count = 0
    """For ``since``: the first commit number wanted (0 or 1: everything still held)."""
    text: str = ""
    """For ``note``: the words. For ``gone``: the process id of a worker that the supervisor saw end."""
    encoder: str = ""
    gallery: str = ""
    """For ``load`` and ``edit``: its folder."""
    version: str = ""
    """For ``edit``: what the gallery goes by after the edit."""


class Reply(Packet):
    """The answer to a Command; ``since`` is answered by its Results first, then the Reply."""

    id: str
    ok: bool
    message: str = ""
    count: Count = 0
    next_sequence: Count = 0
    """For ``since``: ask from here next time."""
    workers: Count = 0
    """For ``edit``: living workers, of which ``count`` have followed."""
