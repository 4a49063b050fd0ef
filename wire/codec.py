"""Packets to frames and back: topic, JSON header, raw bytes. Never pickle."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import ValidationError
from pydantic_core import from_json

from config.errors import WireError
from wire.packets import PROTOCOL_VERSION, ArrayPacket, Packet
from wire.streams import BY_TOPIC, TOPIC_OF

MAX_HEADER_BYTES = 1 << 20
Frame = bytes | memoryview


def encode(packet: Packet) -> list[Frame]:
    """Frames of a packet: topic, header, payload (empty for packets without one)."""
    topic = TOPIC_OF[type(packet)]
    body = packet.model_dump_json()
    # the version stands outside the model: it is checked before anything else is believed
    header = f'{{"v":{PROTOCOL_VERSION},"b":{body}}}'.encode()
    payload: Frame = packet.data.data.cast("B") if isinstance(packet, ArrayPacket) else b""
    return [topic, header, payload]


def decode(frames: Sequence[Frame]) -> Packet:
    """Packet of three frames.

    Raises
    ------
    WireError
        The frames are malformed, of another protocol version, or of an unknown topic.
    """
    if len(frames) != 3:
        raise WireError(f"a message of {len(frames)} frames arrived, expected 3 (topic, header, payload)")
    topic, header, payload = bytes(frames[0]), bytes(frames[1]), frames[2]
    kind = BY_TOPIC.get(topic)
    if kind is None:
        raise WireError(f"unknown topic {topic[:40]!r}, expected one of {sorted(t.decode() for t in BY_TOPIC)}")
    return _packet(kind.packet, _body(header), payload)


def _body(header: bytes) -> dict[str, object]:
    if len(header) > MAX_HEADER_BYTES:
        raise WireError(f"a header of {len(header)} bytes arrived, at most {MAX_HEADER_BYTES} are read")
    try:
        outer = from_json(header, allow_inf_nan=False)
    except ValueError as error:
        raise WireError(f"a header is not JSON: {error}") from error
    if not isinstance(outer, dict) or "v" not in outer:
        raise WireError("a header carries no protocol version")
    if outer["v"] != PROTOCOL_VERSION or isinstance(outer["v"], bool):
        raise WireError(f"a message of protocol version {outer['v']!r} arrived, this side speaks {PROTOCOL_VERSION}")
    body = outer.get("b")
    if not isinstance(body, dict) or len(outer) != 2 or "data" in body:
        raise WireError("a header is not {v, b: {...}}")
    return body


def _packet(model: type[Packet], body: dict[str, object], payload: Frame) -> Packet:
    if model.payload:
        body = {**body, "data": _array(model, body, payload)}
    elif len(payload):
        raise WireError(f"a {model.__name__} carries {len(payload)} payload bytes, expected none")
    try:
        return model.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or model.__name__
        raise WireError(f"a {model.__name__} is malformed at '{where}': {first['msg']}") from error


def _array(model: type[Packet], body: dict[str, object], payload: Frame) -> np.ndarray:
    """Flat payload shaped as the header says; the model then checks the shape against its own fields."""
    names = ("versions", "channels", "times") if "times" in model.model_fields else ("versions", "dim")
    sizes = [len(v) if isinstance(v := body.get(name), list) else v for name in names]
    if not all(isinstance(size, int) and not isinstance(size, bool) and size >= 0 for size in sizes):
        raise WireError(f"a {model.__name__} does not give its shape ({', '.join(names)})")
    shape = tuple(int(size) for size in sizes if isinstance(size, int))
    expected = 4
    for size in shape:
        expected *= size
    if len(payload) != expected:
        raise WireError(f"a {model.__name__} carries {len(payload)} payload bytes, its header promises {expected}")
    return np.frombuffer(payload, dtype="<f4").reshape(shape)
