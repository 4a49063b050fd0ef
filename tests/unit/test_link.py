"""A worker's line to the dispatcher, in one process and with an injected clock."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import zmq

from inference.link import Link
from wire import sockets
from wire.packets import Failure, Heartbeat, Hello, Packet, Ready

READY = Ready(worker="w", pid=1, encoder="e", gallery="g", credit=2)
BEAT = Heartbeat(role="acquisition", name="a", pid=2, time_s=0.0)


class Line:
    """Both ends of an inproc line."""

    def __init__(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        self.router = sockets.make(context, zmq.ROUTER)
        self.router.bind("inproc://work")
        self.dealer = sockets.make(context, zmq.DEALER)
        self.dealer.setsockopt(zmq.IDENTITY, b"w")
        self.dealer.connect("inproc://work")
        self.link = Link(self.dealer, "w", 1, beat_s=0.25, dead_s=1.0)

    def heard(self) -> list[Packet]:
        packets = []
        while (message := sockets.receive(self.router, routed=True)) is not None:
            packets.append(message[1])
        return packets

    def say(self, packet: Packet, at: float) -> list[Packet]:
        assert sockets.send(self.router, packet, b"w")
        return self.link.receive(at)


@pytest.fixture
def line() -> Iterator[Line]:
    with zmq.Context() as context:
        line = Line(context)
        yield line
        line.router.close()
        line.dealer.close()


def failure(sequence: int) -> Failure:
    return Failure(session="s", segment=0, sequence=sequence, worker="w", reason="r")


def test_ready_comes_before_anything_else(line: Line) -> None:
    line.link.post(failure(0))
    line.link.tend(0.0)
    assert not line.link.idle
    assert [type(packet) for packet in line.heard()] == [Heartbeat]
    line.link.announce(READY)
    line.link.tend(0.1)
    assert line.link.idle
    assert line.heard() == [READY, failure(0)]


def test_beats_at_their_rate(line: Line) -> None:
    line.link.announce(READY)
    beats = 0
    for step in range(100):  # ten seconds
        line.link.tend(step * 0.1)
        beats += sum(isinstance(packet, Heartbeat) for packet in line.heard())
    assert 33 <= beats <= 41
    assert line.link.wait_s(9.9) <= 0.25


def test_hello_is_answered_with_ready(line: Line) -> None:
    line.link.announce(READY)
    line.link.tend(0.0)
    line.heard()
    assert line.say(Hello(session="s"), 0.1) == [Hello(session="s")]
    line.link.greet()
    line.link.tend(0.1)
    assert READY in line.heard()


def test_a_dispatcher_back_from_silence_hears_ready_again(line: Line) -> None:
    line.link.announce(READY)
    line.link.tend(0.0)
    assert line.link.state == "waiting"
    line.say(BEAT, 0.1)
    assert line.link.state == "connected"
    line.link.tend(1.0)
    line.heard()
    line.link.tend(1.2)
    assert line.link.state == "lost"
    line.say(BEAT, 9.0)
    assert line.link.state == "recovered"
    line.link.tend(9.0)
    assert READY in line.heard()
    line.say(BEAT, 9.5)
    line.link.tend(9.5)
    assert READY not in line.heard(), "once is enough"
    line.say(BEAT, 12.1)
    line.link.tend(12.1)
    line.say(BEAT, 12.2)
    line.link.tend(12.2)
    assert line.link.state == "connected", "recovered is told for a while"


@pytest.mark.parametrize(
    "frames",
    [
        [b""],
        [b"window", b"{}", b""],
        [b"beat", b'{"v":99,"b":{}}', b""],
        [b"nonsense", b'{"v":1,"b":{}}', b""],
        [b"window", b'{"v":1,"b":{"versions":1,"channels":["a"],"times":9}}', b"123"],
        [b"hello", b"\xff\xfe", b"", b"", b""],
    ],
)
def test_malformed_messages_are_counted_and_survived(line: Line, frames: list[bytes]) -> None:
    line.link.tend(0.0)
    line.heard()
    line.router.send_multipart([b"w", *frames])
    assert line.say(BEAT, 0.1) == [BEAT]
    assert line.link.counters["malformed"] == 1


def test_counters_travel_with_the_heartbeat(line: Line) -> None:
    line.link.counters["windows"] += 3
    line.link.beat(0.0)
    (beat,) = line.heard()
    assert isinstance(beat, Heartbeat)
    assert beat.counters == {"malformed": 0, "windows": 3}
    assert (beat.role, beat.name, beat.state) == ("inference", "w", "waiting")
