"""Messages for the codec: one of every packet, and damage that knows where the frames and their headers are."""

from __future__ import annotations

import struct
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.fuzz.mutate import PLAIN, Mutation
from benchmarks.fuzz.shaped import json_value
from wire import packets as p
from wire.codec import decode, encode
from wire.streams import STREAMS

_SIZES = struct.Struct("<HI")
"""Bytes of topic and of header, before the three frames of a message."""
_KEY: dict[str, Any] = {"session": "s", "segment": 1, "sequence": 7}
_HIT = p.Hit(id="a", label="an a", modality="image", cosine=0.5, probability=0.25)
_STAMPS = p.Stamps(sample_due=1.0, cut=1.5, sent=2.0)

PACKETS: tuple[p.Packet, ...] = (
    p.Window(
        **_KEY, stimulus="pic", onset_s=12.5, sampling_rate_hz=250.0, first_sample_offset_s=3e-4, channels=("Oz", "é"),
        versions=2, times=3, repeats=3, stamps=_STAMPS, data=np.arange(12, dtype=np.float32).reshape(2, 2, 3),
    ),
    p.Result(
        **_KEY, stimulus="pic", onset_s=12.5, end_s=0.5, versions=1, dim=4, encoder="e", gallery="g", worker="w",
        answers=(p.Answer(hits=(_HIT, _HIT), repeats=1),), stamps=_STAMPS, data=np.full((1, 4), 0.5, np.float32),
    ),
    p.Failure(**_KEY, worker="w", reason="r"),
    p.Rejected(**_KEY, stimulus="x", onset_s=1.0, reasons=("gap", "flat")),
    p.Draft(**_KEY, channels=("a",), versions=2, times=3, data=np.ones((2, 1, 3), np.float32)),
    p.Due(sequence=3, due_s=1.0),
    p.Ready(worker="w", pid=1, encoder="e", gallery="g", credit=2, versions={"numpy": "2"}),
    p.Heartbeat(role="inference", name="w", pid=1, time_s=1.0, counters={"done": 3}),
    p.Hello(session="s"),
    p.Stop(reason="r"),
    p.Load(encoder="x", gallery="y", version="z"),
    p.Status(
        role="acquisition", name="a", pid=1, session="s", segment=0, state="connected", time_s=1.0,
        counters={"due": 3}, rejected_by={"gap": 1}, gauges={"rate_hz": 250.5},
        peers=(p.PeerState(role="display", name="d", pid=2, state="stalled", age_s=0.5),),
    ),
    p.Quality(
        time_s=1.0, channels=("a", "b"), rms_uv=(1.0, 2.0), line_ratio=(0.1, 0.2), states=("good", "railed"),
        impedance_kohm=(4.7, None), other_kohm={"reference": 2.0},
    ),
    p.Tap(
        **_KEY, stimulus="pic", onset_s=12.5, sampling_rate_hz=250.0, first_sample_offset_s=3e-4, channels=("Oz",),
        versions=1, times=3, repeats=1, stamps=_STAMPS, data=np.arange(3, dtype=np.float32).reshape(1, 1, 3),
    ),
    p.Preview(
        **_KEY, first_s=12.5, rate_hz=250.0, channels=("Oz", "é"), times=3,
        marks=(p.Mark(time_s=1.0, label="x", stimulus=True),), data=np.ones((2, 3), np.float32),
    ),
    p.Command(id="1", command="since", sequence=4, text="t"),
    p.Reply(id="1", ok=True, count=2, message="m"),
)  # fmt: skip
"""One of every kind that is on the wire."""


def missing() -> set[type[p.Packet]]:
    """Packets on the wire that `PACKETS` has none of."""
    return {stream.packet for stream in STREAMS} - {type(packet) for packet in PACKETS}


def joined(frames: list[bytes]) -> bytes:
    """Three frames as one piece of bytes."""
    topic, header, payload = frames
    return _SIZES.pack(len(topic) & 0xFFFF, len(header)) + topic + header + payload


def parted(data: bytes) -> list[bytes]:
    """The frames of a piece of bytes, as far as its sizes can be believed."""
    if len(data) < _SIZES.size:
        return [data]
    topic, header = _SIZES.unpack_from(data)
    first = _SIZES.size + topic
    return [data[_SIZES.size : first], data[first : first + header], data[first + header :]]


def damaged_frame(rng: Random, data: bytes) -> bytes:
    """One frame damaged, the others left whole: a header that stays JSON half of the time."""
    frames = parted(data)
    if len(frames) != 3:
        return data
    at = rng.choice((0, 1, 1, 1, 1, 2))
    if at == 1 and rng.random() < 0.6:
        frames[1] = json_value(rng, frames[1])
    else:
        frames[at] = rng.choice(PLAIN)(rng, frames[at])
    return joined(frames)


def other_topic(rng: Random, data: bytes) -> bytes:
    """The header and payload of one packet under the topic of another, or with another's payload."""
    frames, others = parted(data), [bytes(frame) for frame in encode(rng.choice(PACKETS))]
    if len(frames) != 3:
        return data
    frames[rng.choice((0, 2))] = others[rng.choice((0, 2))]
    return joined(frames)


def messages(folder: Path) -> list[bytes]:
    """Valid messages, one of every kind."""
    if missing():
        raise ValueError(f"nothing to fuzz {missing()} with; add an example of it")
    return [joined([bytes(frame) for frame in encode(packet)]) for packet in PACKETS]


def take(data: bytes) -> None:
    """Decode; what decodes must encode again, and then decode to the same."""
    packet = decode(parted(data))
    again = decode(encode(packet))
    if again != packet:
        raise AssertionError(f"a {type(packet).__name__} does not come back as it was sent")


def garbage(rng: Random, data: bytes) -> bytes:
    """Frames of another number or of nothing but noise behind a known topic."""
    topic = rng.choice(STREAMS).topic
    return joined([topic, rng.randbytes(rng.choice((0, 1, 8, 60))), rng.randbytes(rng.choice((0, 0, 4, 16)))])


SHAPED: tuple[Mutation, ...] = (damaged_frame, damaged_frame, damaged_frame, other_topic, garbage)
"""Damage that knows what a message is."""
