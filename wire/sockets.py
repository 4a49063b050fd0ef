"""Sockets made one way: no lingering, bounded queues, errors that name the endpoint."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import zmq

from config.errors import EndpointError, WireError
from wire import curve
from wire.codec import Frame, decode, encode
from wire.keys import Keys
from wire.packets import Packet

HIGH_WATER = 1000
MAX_FRAME_BYTES = 256 << 20


def make(context: zmq.Context[zmq.Socket[bytes]], kind: int) -> zmq.Socket[bytes]:
    """Socket of a kind with the project's options; the caller binds or connects and closes it."""
    socket = context.socket(kind)
    socket.setsockopt(zmq.LINGER, 0)
    socket.setsockopt(zmq.SNDHWM, HIGH_WATER)
    socket.setsockopt(zmq.RCVHWM, HIGH_WATER)
    socket.setsockopt(zmq.MAXMSGSIZE, MAX_FRAME_BYTES)
    if kind == zmq.ROUTER:
        socket.setsockopt(zmq.ROUTER_MANDATORY, 1)
    if kind == zmq.XPUB:
        socket.setsockopt(zmq.XPUB_VERBOSE, 1)
    return socket


def bind(socket: zmq.Socket[bytes], endpoint: str, keys: Keys | None = None) -> None:
    """Bind, refusing to take an ``ipc`` path that a living process holds, and TCP without keys.

    Parameters
    ----------
    socket
        Not bound yet; one over TCP lets somebody in only where its context has an open `wire.curve.Door`.
    endpoint, keys
        As `wire.endpoints` gave them.

    Raises
    ------
    EndpointError
        The endpoint is in use, or its keys are missing.
    """
    curve.serve(socket, endpoint, keys)
    if endpoint.startswith("ipc://") and _held(endpoint):
        raise EndpointError(
            f"'{endpoint}' is in use by another run; stop it, or choose another run folder with --set run.folder=DIR"
        )
    try:
        socket.bind(endpoint)
    except zmq.ZMQError as error:
        raise EndpointError(
            f"cannot bind '{endpoint}': {zmq.strerror(error.errno or 0)}; choose another with --set run.folder=…"
        ) from error


def connect(socket: zmq.Socket[bytes], endpoint: str, keys: Keys | None = None) -> None:
    """Connect, with keys over TCP; acquisition may come later.

    Raises
    ------
    EndpointError
        The keys are missing, or the address cannot be used.
    """
    curve.approach(socket, endpoint, keys)
    try:
        socket.connect(endpoint)
    except zmq.ZMQError as error:
        raise EndpointError(
            f"cannot connect to '{endpoint}': {zmq.strerror(error.errno or 0)}; check run.folder"
        ) from error


def _held(endpoint: str) -> bool:
    """Whether something listens on an ipc path (libzmq silently takes the path over)."""
    import socket as plain

    path = Path(endpoint.removeprefix("ipc://"))
    if not path.exists():
        return False
    with plain.socket(plain.AF_UNIX, plain.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True


def send(socket: zmq.Socket[bytes], packet: Packet, *prefix: bytes, flags: int = zmq.DONTWAIT) -> bool:
    """Send a packet, after routing frames if any; False where the peer is gone or its queue is full."""
    frames: Sequence[Frame] = [*prefix, *encode(packet)]
    try:
        socket.send_multipart(frames, flags=flags, copy=True)
    except zmq.ZMQError as error:
        if error.errno in (zmq.EAGAIN, zmq.EHOSTUNREACH):
            return False
        raise WireError(f"sending a {type(packet).__name__} failed: {error.strerror}") from error
    return True


def waits(socket: zmq.Socket[bytes]) -> bool:
    """Whether a message waits: in a tenth of the time that it takes to try, or to poll."""
    events = socket.getsockopt(zmq.EVENTS)
    return isinstance(events, int) and bool(events & zmq.POLLIN)


def receive(socket: zmq.Socket[bytes], routed: bool = False) -> tuple[bytes, Packet] | None:
    """Next waiting packet and its routing frame (empty where not routed); None where nothing waits.

    Raises
    ------
    WireError
        The message is malformed: count it, drop it, go on.
    """
    if not waits(socket):
        return None
    try:
        frames = socket.recv_multipart(flags=zmq.DONTWAIT)
    except zmq.Again:
        return None
    if routed:
        return frames[0], decode(frames[1:])
    return b"", decode(frames)
