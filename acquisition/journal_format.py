"""The bytes of a journal: a file head, then records of length, CRC-32, type and body. Pure; never pickle.

All numbers are little-endian. The CRC covers length, type and body, so a torn or damaged record is known as such.
Arrays stand first in a chunk's body, widest first, so that they can be used where they lie.
"""

from __future__ import annotations

import dataclasses
import json
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from acquisition.types import Chunk, Event, Gap, StreamInfo
from config.errors import JournalError
from wire.codec import Frame, decode
from wire.packets import Packet
from wire.states import Change

MAGIC = b"eegseekJ"
VERSION = 1
FILE_HEAD = struct.Struct("<8sII")
PREFIX = struct.Struct("<IIB")  # body length, CRC, type
MAX_BODY_BYTES = 256 << 20

HEADER, CHUNK, PACKET, GAP, NOTE, END, SENT, TURN, BAD = 1, 2, 3, 4, 5, 6, 7, 8, 9

_SEALED = struct.Struct("<IB")
_CHUNK = struct.Struct("<IIBBHIdd")  # channels, times, flags, bytes of state, 0, bytes of events, arrived, offset
_RAW, _COUNTER, _FINAL = 1, 2, 4
_FRAMES = struct.Struct("<HI")  # bytes of topic, bytes of header


@dataclass(frozen=True)
class Header:
    """What a segment is: the first record of each of its files.

    Attributes
    ----------
    session, segment
        Pseudonym, and running number in its folder.
    info
        The source as opened.
    settings
        Settings of the run, as text.
    versions
        Library to version.
    created
        Wall clock, ISO 8601 with UTC offset.
    clock_s
        Acquisition's clock at that moment: stamps are on it.
    part, first_sample
        Which file of the segment this is, from 1, and how many samples the files before it hold.
    boot
        Start of the machine that the clock counts from, as `wire.clock.boot` tells it.
    """

    session: str
    segment: int
    info: StreamInfo
    settings: str = ""
    versions: dict[str, str] = dataclasses.field(default_factory=dict)
    created: str = ""
    clock_s: float = 0.0
    part: int = 1
    first_sample: int = 0
    boot: str = ""


@dataclass(frozen=True)
class PacketRecord:
    """A packet as it was published: its three wire frames."""

    frames: tuple[bytes, bytes, bytes]

    @property
    def packet(self) -> Packet:
        """The packet; WireError where it is of another protocol version."""
        return decode(self.frames)


@dataclass(frozen=True)
class Note:
    """Words worth keeping: a change of state, what a person typed, a warning."""

    time_s: float
    text: str


@dataclass(frozen=True)
class Bad:
    """A person says that the last ``seconds`` before ``time_s`` (acquisition's clock) are bad, and why."""

    time_s: float
    seconds: float
    text: str


@dataclass(frozen=True)
class Sent:
    """A window as it went to a worker for the first time.

    Attributes
    ----------
    segment, sequence, part
        Which (the session is that of the header).
    sha256
        Of its float32 samples, hexadecimal: what a replay has to cut again.
    """

    segment: int
    sequence: int
    part: int
    sha256: str


@dataclass(frozen=True)
class End:
    """The segment was closed in order. A journal without it was cut off: by a kill, or a full disk."""

    time_s: float
    reason: str


@dataclass(frozen=True)
class Torn:
    """Where reading had to stop: everything before ``offset`` is whole, ``lost_bytes`` after it are not readable."""

    offset: int
    lost_bytes: int
    reason: str


Record = Header | Chunk | PacketRecord | Gap | Note | Bad | Sent | Change | End | Torn

_EVENTS_MODEL = TypeAdapter(tuple[Event, ...])
_MODELS: dict[int, TypeAdapter[Any]] = {
    HEADER: TypeAdapter(Header),
    GAP: TypeAdapter(Gap),
    NOTE: TypeAdapter(Note),
    END: TypeAdapter(End),
    SENT: TypeAdapter(Sent),
    TURN: TypeAdapter(Change),
    BAD: TypeAdapter(Bad),
}


def seal(kind: int, parts: Sequence[bytes]) -> bytes:
    """A record, ready for one write."""
    body = b"".join(parts)
    if len(body) > MAX_BODY_BYTES:
        raise JournalError(f"a record of {len(body)} bytes is too large for the journal, at most {MAX_BODY_BYTES} fit")
    return PREFIX.pack(len(body), checksum(kind, body), kind) + body


def checksum(kind: int, body: bytes) -> int:
    """CRC-32 over length, type and body."""
    return zlib.crc32(body, zlib.crc32(_SEALED.pack(len(body), kind)))


def pack_json(record: Header | Gap | Note | Bad | Sent | Change | End) -> bytes:
    """Body of a record that is not in the hot path."""
    return _json(dataclasses.asdict(record))


def _json(value: object) -> bytes:
    # half a surrogate pair cannot be read back: it becomes a question mark
    return json.dumps(value, ensure_ascii=False, default=_plain).encode(errors="replace")


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} cannot stand in a journal")


def pack_frames(frames: Sequence[Frame]) -> list[bytes]:
    """Body of a packet, as `wire.codec.encode` gives it."""
    topic, header, payload = map(bytes, frames)
    return [_FRAMES.pack(len(topic), len(header)), topic, header, payload]


def pack_chunk(chunk: Chunk) -> list[bytes]:
    """Body of a chunk: samples, raw and corrected stamps, counter and events, bit for bit.

    Raises
    ------
    JournalError
        Its arrays are not of one length.
    """
    channels, times = chunk.samples.shape
    arrays: list[tuple[NDArray[Any], str]] = [(chunk.stamps, "<f8")]
    flags = _FINAL if chunk.final else 0
    if chunk.raw_stamps.size:
        arrays.append((chunk.raw_stamps, "<f8"))
        flags |= _RAW
    if chunk.counter is not None:
        arrays.append((chunk.counter, "<i8"))
        flags |= _COUNTER
    if any(array.shape != (times,) for array, _ in arrays):
        raise JournalError(f"a chunk of {times} samples has stamps or counters of another length; this is a bug")
    events = _json([dataclasses.asdict(event) for event in chunk.events]) if chunk.events else b""
    state = chunk.state.encode()
    head = _CHUNK.pack(channels, times, flags, len(state), 0, len(events), chunk.arrived, chunk.offset_s)
    arrays.append((chunk.samples, "<f4"))
    return [head, *(array.astype(kind, copy=False).tobytes() for array, kind in arrays), state, events]


def unpack(kind: int, body: bytes) -> Record:
    """Record of a body whose CRC was right.

    Raises
    ------
    JournalError
        Its content is not what its type promises: another program wrote it.
    """
    if kind == CHUNK:
        return _unpack_chunk(body)
    if kind == PACKET:
        return _unpack_packet(body)
    model = _MODELS.get(kind)
    if model is None:
        raise JournalError(f"a record of unknown type {kind} was found, expected 1 to {BAD}; a newer eegseek wrote it")
    try:
        record: Record = model.validate_json(body)
    except (ValidationError, RecursionError) as error:
        raise JournalError(f"a record of type {kind} is malformed: {str(error).splitlines()[0]}") from error
    return record


def _unpack_packet(body: bytes) -> PacketRecord:
    if len(body) < _FRAMES.size:
        raise JournalError("a packet record is malformed: it is shorter than its head")
    topic, header = _FRAMES.unpack_from(body)
    first = _FRAMES.size + topic
    if first + header > len(body):
        raise JournalError("a packet record is malformed: its frames are longer than the record")
    return PacketRecord((body[_FRAMES.size : first], body[first : first + header], body[first + header :]))


def _unpack_chunk(body: bytes) -> Chunk:
    if len(body) < _CHUNK.size:
        raise JournalError("a chunk record is malformed: it is shorter than its head")
    channels, times, flags, state_bytes, _, event_bytes, arrived, offset_s = _CHUNK.unpack_from(body)
    columns = 1 + bool(flags & _RAW) + bool(flags & _COUNTER)
    if len(body) != _CHUNK.size + times * (8 * columns + 4 * channels) + state_bytes + event_bytes:
        raise JournalError("a chunk record is malformed: its arrays do not fill the record")
    at = _CHUNK.size

    def take(dtype: str, count: int) -> NDArray[Any]:
        nonlocal at
        array = np.frombuffer(body, dtype=dtype, count=count, offset=at)
        at += array.nbytes
        return array

    stamps = take("<f8", times)
    raw = take("<f8", times) if flags & _RAW else np.empty(0)
    counter = take("<i8", times) if flags & _COUNTER else None
    samples = take("<f4", channels * times).reshape(channels, times)
    try:
        state = body[at : at + state_bytes].decode()
        events = _EVENTS_MODEL.validate_json(body[at + state_bytes :]) if event_bytes else ()
    except (UnicodeDecodeError, ValidationError, RecursionError) as error:
        raise JournalError(f"a chunk record is malformed: {str(error).splitlines()[0]}") from error
    return Chunk(samples, stamps, arrived, raw, counter, events, offset_s, state, bool(flags & _FINAL))
