"""The one table of streams: topic, producer, packet, expected rate, queue policy. No topic string stands elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wire import packets as p


@dataclass(frozen=True)
class Stream:
    """One kind of message.

    Attributes
    ----------
    topic
        First frame; on the published socket also the subscription.
    packet
        Model of the message.
    producer
        Process that sends it.
    socket
        ``work`` (ROUTER to DEALER, both ways), ``results`` (XPUB) or ``control`` (ROUTER to DEALER, both ways).
        ``due`` is also published on ``results``, once a live window has been sent. ``tap`` and ``preview`` are
        published only while somebody subscribes to their topic.
    rate_hz
        Expected rate; None where it follows the stimuli or people.
    policy
        What happens when its queue is full.
    """

    topic: bytes
    packet: type[p.Packet]
    producer: Literal["acquisition", "inference", "display", "any"]
    socket: Literal["work", "results", "control"]
    rate_hz: float | None
    policy: Literal["credit", "drop_oldest", "drop_newest", "block"]


STREAMS: tuple[Stream, ...] = (
    Stream(b"window", p.Window, "acquisition", "work", None, "credit"),
    Stream(b"draft", p.Draft, "acquisition", "work", None, "drop_newest"),
    Stream(b"due", p.Due, "acquisition", "work", None, "drop_newest"),
    Stream(b"hello", p.Hello, "acquisition", "work", None, "drop_newest"),
    Stream(b"stop", p.Stop, "acquisition", "work", None, "drop_newest"),
    Stream(b"load", p.Load, "acquisition", "work", None, "drop_newest"),
    Stream(b"ready", p.Ready, "inference", "work", None, "block"),
    Stream(b"failure", p.Failure, "inference", "work", None, "block"),
    Stream(b"beat", p.Heartbeat, "any", "work", 4.0, "drop_newest"),
    Stream(b"result", p.Result, "inference", "results", None, "drop_newest"),
    Stream(b"rejected", p.Rejected, "acquisition", "results", None, "drop_newest"),
    Stream(b"quality", p.Quality, "acquisition", "results", 1.0, "drop_newest"),
    Stream(b"status", p.Status, "acquisition", "results", 4.0, "drop_newest"),
    Stream(b"tap", p.Tap, "acquisition", "results", None, "drop_newest"),
    Stream(b"preview", p.Preview, "acquisition", "results", None, "drop_newest"),
    Stream(b"command", p.Command, "display", "control", None, "block"),
    Stream(b"reply", p.Reply, "acquisition", "control", None, "block"),
)

BY_TOPIC: dict[bytes, Stream] = {stream.topic: stream for stream in STREAMS}
TOPIC_OF: dict[type[p.Packet], bytes] = {stream.packet: stream.topic for stream in STREAMS}
ON_DEMAND: tuple[bytes, ...] = (b"tap", b"preview")
"""Published only while somebody subscribes to the topic by name."""
SHOWN: tuple[bytes, ...] = (
    b"due",
    *(stream.topic for stream in STREAMS if stream.socket == "results" and stream.topic not in ON_DEMAND),
)
"""What every display subscribes to, ``status`` last: once it has one, the other subscriptions are in place."""
_OF: dict[type[p.Packet], Stream] = {stream.packet: stream for stream in STREAMS}


def alive(packet: type[p.Packet], age_s: float, missed: int = 4) -> bool:
    """Whether a stream heard ``age_s`` seconds ago is alive; streams without an expected rate always are."""
    rate = _OF[packet].rate_hz
    return rate is None or age_s <= missed / rate


def rate_ok(packet: type[p.Packet], measured_hz: float, tolerance: float = 0.5) -> bool:
    """Whether a stream's measured rate is within ``tolerance`` (a share) of the expected one."""
    rate = _OF[packet].rate_hz
    return rate is None or abs(measured_hz - rate) <= tolerance * rate
