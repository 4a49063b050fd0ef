"""Packets through a pipe between two processes of ours: each as the lengths of its three frames, then the frames."""

from __future__ import annotations

import struct
from typing import IO

from config.errors import WireError
from wire.codec import decode, encode
from wire.packets import Packet
from wire.sockets import MAX_FRAME_BYTES

LENGTHS = struct.Struct("<III")


def put(file: IO[bytes], packet: Packet) -> None:
    """Write a packet."""
    frames = [bytes(frame) for frame in encode(packet)]
    file.write(LENGTHS.pack(*map(len, frames)) + b"".join(frames))


def take(file: IO[bytes]) -> Packet | None:
    """Read the next packet; None at the end.

    Raises
    ------
    WireError
        What is read is no packet, or the end comes within one.
    """
    head = file.read(LENGTHS.size)
    if not head:
        return None
    if len(head) < LENGTHS.size:
        raise WireError("a pipe ended within a packet's lengths; the process that wrote into it was killed")
    lengths = LENGTHS.unpack(head)
    if max(lengths) > MAX_FRAME_BYTES:
        raise WireError(f"a packet of {max(lengths)} bytes was announced in a pipe, expected {MAX_FRAME_BYTES} at most")
    frames = [file.read(length) for length in lengths]
    if any(len(frame) < length for frame, length in zip(frames, lengths, strict=True)):
        raise WireError("a pipe ended within a packet; the process that wrote into it was killed")
    return decode(frames)
