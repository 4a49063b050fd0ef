"""Packets to frames and back: topic, JSON header, raw bytes. Never pickle."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import msgspec
import numpy as np
from msgspec.structs import asdict, astuple

from config.errors import WireError
from wire.packets import F4, PROTOCOL_VERSION, ArrayPacket, Packet
from wire.streams import STREAMS, TOPIC_OF

MAX_HEADER_BYTES = 1 << 20
Frame = bytes | memoryview

# the version stands outside the packet: it is checked before anything else is believed
_BEFORE, _AFTER = b'{"v":%d,"b":' % PROTOCOL_VERSION, b"}"


def _plain(value: object) -> object:
    """A NumPy scalar as the number or string that it is."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a {type(value).__name__} cannot stand in a packet")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def encode(packet: Packet) -> list[Frame]:
    """Frames of a packet: topic, header, payload (empty for packets without one).

    Raises
    ------
    ValueError
        A number is not finite: JSON has no words for it.
    """
    fields = packet.header() if isinstance(packet, ArrayPacket) else asdict(packet)
    body = _encode(fields)
    # NaN is written as null: then there are more of them than there should be
    nulls = body.count(b"null")
    if nulls and nulls > _missing(fields):
        _check_finite(packet, fields)
    payload: Frame = packet.data.data.cast("B") if isinstance(packet, ArrayPacket) else b""
    return [TOPIC_OF[type(packet)], b"%b%b%b" % (_BEFORE, body, _AFTER), payload]


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
    form = _FORMS.get(topic)
    if form is None:
        raise WireError(f"unknown topic {topic[:40]!r}, expected one of {sorted(t.decode() for t in _FORMS)}")
    if len(header) > MAX_HEADER_BYTES:
        raise WireError(f"a header of {len(header)} bytes arrived, at most {MAX_HEADER_BYTES} are read")
    try:
        body = form.decoder.decode(header).b
    except (ValueError, RecursionError) as error:
        raise WireError(_fault(form.name, header, error)) from error
    if not issubclass(form.packet, ArrayPacket):
        if len(payload):
            raise WireError(f"a {form.name} carries {len(payload)} payload bytes, expected none")
        packet: Packet = body
        return packet
    shape = body.expected_shape
    promised = F4.itemsize * prod(shape)
    if len(payload) != promised:
        raise WireError(f"a {form.name} carries {len(payload)} payload bytes, its header promises {promised}")
    try:
        return form.packet(data=np.frombuffer(payload, F4).reshape(shape), **asdict(body))
    except ValueError as error:
        raise WireError(f"a {form.name} is malformed: {error}") from error


@dataclass(frozen=True)
class _Form:
    """How the header of a packet is read."""

    packet: type[Packet]
    name: str
    decoder: msgspec.json.Decoder[Any]


def _form(packet: type[Packet]) -> _Form:
    fields = [("v", Literal[PROTOCOL_VERSION]), ("b", _header(packet))]
    message = msgspec.defstruct("Message", fields, forbid_unknown_fields=True)
    return _Form(packet, packet.__name__, msgspec.json.Decoder(message))


def _header(packet: type[Packet]) -> type[msgspec.Struct]:
    """The packet as it stands in a header: without its payload."""
    if not issubclass(packet, ArrayPacket):
        return packet
    fields = [
        (f.name, f.type, msgspec.field(default=f.default, default_factory=f.default_factory))  # type: ignore[call-overload]
        for f in msgspec.structs.fields(packet)
        if f.name != "data"
    ]
    shape = {"expected_shape": packet.expected_shape}
    return msgspec.defstruct(packet.__name__, fields, namespace=shape, kw_only=True, forbid_unknown_fields=True)


_FORMS = {stream.topic: _form(stream.packet) for stream in STREAMS}


def _fault(name: str, header: bytes, error: Exception) -> str:
    """What is wrong with a header that was refused."""
    try:
        outer = msgspec.json.decode(header)
    except (ValueError, RecursionError) as why:
        return f"a header is not JSON: {why}"
    if not isinstance(outer, dict) or "v" not in outer:
        return "a header carries no protocol version"
    version = outer["v"]
    if type(version) is not int or version != PROTOCOL_VERSION:
        said = str(version)[:40] if isinstance(version, int | float | str) else f"of type {type(version).__name__}"
        return f"a message of protocol version {said} arrived, this side speaks {PROTOCOL_VERSION}"
    if not isinstance(outer.get("b"), dict) or len(outer) != 2:
        return "a header is not {v, b: {...}}"
    what, _, where = str(error).partition(" - at `$.b")
    return f"a {name} is malformed at '{where.strip('.`') or name}': {what[:200]}"


def _missing(fields: dict[str, object]) -> int:
    """How many values are None by right."""
    stamps = fields.get("stamps")
    within = astuple(stamps).count(None) if isinstance(stamps, msgspec.Struct) else 0
    return within + list(fields.values()).count(None)


def _check_finite(packet: Packet, fields: dict[str, object]) -> None:
    try:
        json.dumps(msgspec.to_builtins(fields, enc_hook=_plain), allow_nan=False)
    except ValueError as error:
        raise ValueError(f"a {type(packet).__name__} holds a number that is not finite") from error
