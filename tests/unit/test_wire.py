"""The codec: what goes in comes out, and nothing but WireError comes out of garbage."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from config.errors import EndpointError, WireError
from wire import packets as p
from wire.clock import now
from wire.codec import decode, encode
from wire.endpoints import endpoints
from wire.sockets import bind, make
from wire.streams import BY_TOPIC, STREAMS, alive, rate_ok


def window(**changes: object) -> p.Window:
    fields: dict[str, object] = {
        "session": "s",
        "segment": 1,
        "sequence": 7,
        "stimulus": "pic",
        "onset_s": 12.5,
        "sampling_rate_hz": 250.0,
        "first_sample_offset_s": 0.0003,
        "channels": ("Oz", "Pz", "Cz"),
        "versions": 2,
        "times": 5,
        "repeats": 3,
        "stamps": p.Stamps(sample_due=1.0, cut=1.5),
        "data": np.arange(30, dtype=np.float32).reshape(2, 3, 5),
    }
    return p.Window(**{**fields, **changes})


def result(**changes: object) -> p.Result:
    hit = p.Hit(id="a", label="an a", modality="image", cosine=0.5, probability=0.25)
    fields: dict[str, object] = {
        "session": "s",
        "segment": 1,
        "sequence": 7,
        "stimulus": "pic",
        "onset_s": 12.5,
        "versions": 1,
        "dim": 4,
        "answers": (p.Answer(hits=(hit,), repeats=1),),
        "encoder": "e",
        "gallery": "g",
        "data": np.full((1, 4), 0.5, np.float32),
    }
    return p.Result(**{**fields, **changes})


EXAMPLES: tuple[p.Packet, ...] = (
    window(),
    result(),
    p.Failure(session="s", segment=0, sequence=1, worker="w", reason="r"),
    p.Rejected(session="s", segment=0, sequence=1, stimulus="x", onset_s=1.0, reasons=("gap",)),
    p.Draft(session="s", segment=0, sequence=1, channels=("a",), versions=2, times=3, data=np.ones((2, 1, 3), "f4")),
    p.Due(sequence=3, due_s=1.0),
    p.Ready(worker="w", pid=1, encoder="e", gallery="g", credit=2),
    p.Heartbeat(role="inference", name="w", pid=1, time_s=1.0),
    p.Hello(session="s"),
    p.Stop(reason="r"),
    p.Load(encoder="x"),
    p.Status(role="acquisition", name="a", pid=1, session="s", segment=0, state="connected", time_s=1.0),
    p.Quality(time_s=1.0, channels=("a",), rms_uv=(1.0,), line_ratio=(0.1,), states=("good",)),
    p.Command(id="1", command="since", sequence=4),
    p.Reply(id="1", ok=True, count=2),
)


def test_every_stream_has_an_example() -> None:
    assert {type(e) for e in EXAMPLES} == {s.packet for s in STREAMS}


@pytest.mark.parametrize("packet", EXAMPLES, ids=lambda e: type(e).__name__)
def test_round_trip(packet: p.Packet) -> None:
    frames = [bytes(frame) for frame in encode(packet)]
    assert len(frames) == 3
    assert decode(frames) == packet


def test_payload_keeps_its_bits() -> None:
    data = np.array([np.nan, np.inf, -0.0, 1e-45, 3.4e38, 1], np.float32).reshape(1, 2, 3)
    back = decode([bytes(f) for f in encode(window(data=data, versions=1, channels=("a", "b"), times=3))])
    assert isinstance(back, p.Window)
    assert back.data.tobytes() == data.tobytes()


def test_packets_are_immutable() -> None:
    packet = window()
    with pytest.raises(ValidationError):
        packet.sequence = 8  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        packet.data[0] = 0
    source = np.zeros((2, 3, 5), np.float32)
    window(data=source)
    source[0] = 1  # the caller's own array stays the caller's to write


def test_wrong_shape_is_refused_at_construction() -> None:
    with pytest.raises(ValidationError, match="shape"):
        window(times=6)
    with pytest.raises(ValidationError, match="answers"):
        result(versions=2, data=np.zeros((2, 4), np.float32))


def test_wrong_version_is_named() -> None:
    topic, header, payload = (bytes(f) for f in encode(EXAMPLES[4]))
    other = json.dumps({**json.loads(header), "v": 99}).encode()
    with pytest.raises(WireError, match="version 99"):
        decode([topic, other, payload])


def test_payload_must_be_what_the_header_promises() -> None:
    topic, header, payload = (bytes(f) for f in encode(window()))
    for wrong in (b"", payload[:-1], payload + b"\0\0\0\0"):
        with pytest.raises(WireError, match="promises"):
            decode([topic, header, wrong])
    huge = json.loads(header)
    huge["b"]["times"] = 10**30
    with pytest.raises(WireError):
        decode([topic, json.dumps(huge).encode(), payload])


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=80), max_size=4))
def test_garbage_gives_only_our_error(frames: list[bytes]) -> None:
    with pytest.raises(WireError):
        decode(frames)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_mutated_header_gives_a_packet_or_our_error(packet: p.Packet, data: st.DataObject) -> None:
    topic, header, payload = (bytes(f) for f in encode(packet))
    outer = json.loads(header)
    body = outer["b"]
    body[data.draw(st.sampled_from([*sorted(body), "new"]))] = data.draw(JSON)
    frames = [data.draw(st.sampled_from([topic, *BY_TOPIC])), json.dumps(outer).encode(), payload]
    with contextlib.suppress(WireError):
        assert isinstance(decode(frames), p.Packet)


def test_alive_and_rates_follow_the_table() -> None:
    assert alive(p.Status, 3.9)
    assert not alive(p.Status, 4.1)
    assert alive(p.Result, 1e6)
    assert rate_ok(p.Status, 1.2)
    assert not rate_ok(p.Status, 0.2)


def test_run_folder_is_private(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    made = endpoints(str(folder))
    assert made.work.startswith("ipc://")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    with pytest.raises(EndpointError, match="chmod 700"):
        endpoints(str(folder))


def test_endpoints_stay_on_this_machine_and_fit(tmp_path: Path) -> None:
    assert endpoints("tcp://127.0.0.1:5000").control == "tcp://127.0.0.1:5002"
    for wrong in ("tcp://0.0.0.0:5000", "tcp://10.1.2.3:5000", "tcp://127.0.0.1:x", "tcp://127.0.0.1:70000"):
        with pytest.raises(EndpointError):
            endpoints(wrong)
    with pytest.raises(EndpointError, match="107"):
        endpoints(str(tmp_path / ("x" * 110)))


def test_an_endpoint_in_use_is_refused(tmp_path: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    first, second = make(context, zmq.ROUTER), make(context, zmq.ROUTER)
    try:
        for endpoint in (f"ipc://{tmp_path}/s", "tcp://127.0.0.1:*"):
            bind(first, endpoint)
            bound = first.getsockopt(zmq.LAST_ENDPOINT)
            with pytest.raises(EndpointError, match=r"in use|cannot bind"):
                bind(second, bound.rstrip(b"\0").decode())
    finally:
        first.close()
        second.close()
        context.term()


def test_the_clock_is_lsl_local_clock() -> None:
    import pylsl

    before, lsl, after = now(), pylsl.local_clock(), now()
    assert before - 1e-3 <= lsl <= after + 1e-3
