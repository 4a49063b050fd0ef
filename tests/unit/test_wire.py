"""The codec: what goes in comes out, and nothing but WireError comes out of garbage."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from config.errors import EndpointError, WireError
from wire import packets as p
from wire.clock import now
from wire.codec import decode, encode
from wire.endpoints import endpoints
from wire.keys import Keys
from wire.sockets import bind, make
from wire.streams import BY_TOPIC, ON_DEMAND, SHOWN, STREAMS, TOPIC_OF, alive, rate_ok


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
    p.Quality(
        time_s=1.0,
        channels=("a", "b"),
        rms_uv=(1.0, 2.0),
        line_ratio=(0.1, 0.2),
        states=("good", "flat"),
        impedance_kohm=(4.7, None),
        other_kohm={"reference": 2.0},
    ),
    p.Tap(**{name: getattr(window(), name) for name in p.Window.__struct_fields__}),
    p.Preview(
        session="s",
        segment=0,
        sequence=7,
        first_s=1.0,
        rate_hz=250.0,
        channels=("a", "b"),
        times=3,
        marks=(p.Mark(time_s=1.0, label="x", stimulus=True),),
        data=np.ones((2, 3), "f4"),
    ),
    p.Command(id="1", command="since", sequence=4),
    p.Reply(id="1", ok=True, count=2),
)


def test_displays_get_all_that_is_published_but_what_is_asked_for_by_name() -> None:
    published = {s.topic for s in STREAMS if s.socket == "results"} | {b"due"}
    assert set(SHOWN) == published - set(ON_DEMAND)
    assert set(ON_DEMAND) == {TOPIC_OF[p.Tap], TOPIC_OF[p.Preview]}


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
    with pytest.raises(AttributeError, match="immutable"):
        packet.sequence = 8  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        packet.data[0] = 0
    source = np.zeros((2, 3, 5), np.float32)
    window(data=source)
    source[0] = 1  # the caller's own array stays the caller's to write


def test_wrong_shape_is_refused_at_construction() -> None:
    with pytest.raises(ValueError, match="shape"):
        window(times=6)
    with pytest.raises(ValueError, match="answers"):
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


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(EXAMPLES), st.data())
def test_a_damaged_header_gives_a_packet_or_our_error(packet: p.Packet, data: st.DataObject) -> None:
    topic, header, payload = (bytes(f) for f in encode(packet))
    at = data.draw(st.integers(0, len(header)))
    damaged = header[:at] + data.draw(st.binary(max_size=4)) + header[at + data.draw(st.integers(0, 4)) :]
    with contextlib.suppress(WireError):
        assert isinstance(decode([topic, damaged, payload]), p.Packet)


def changed(packet: p.Packet, text: str, **fields: object) -> list[bytes]:
    """Frames of a packet with some fields of its header replaced; ``text`` in place of the value "HERE"."""
    topic, header, payload = (bytes(f) for f in encode(packet))
    body = {**json.loads(header)["b"], **fields}
    return [topic, json.dumps({"v": 1, "b": body}).replace('"HERE"', text).encode(), payload]


WRONG = (
    (
        p.Due(sequence=3, due_s=1.0),
        "sequence",
        ("true", '"3"', "3.5", "-1", "null", "9223372036854775808", "1" + "0" * 30),
    ),
    (p.Due(sequence=3, due_s=1.0), "due_s", ("NaN", "Infinity", "-Infinity", "1e400", '"1"', "true", "null", "[1]")),
    (p.Due(sequence=3, due_s=1.0), "new", ("1",)),
    (p.Hello(session="s"), "session", ("1", "null", '"\\ud800"', '["s"]')),
    (p.Heartbeat(role="display", name="d", pid=1, time_s=1.0), "counters", ('{"a": -1}', '{"a": true}', "[]", "null")),
    (p.Heartbeat(role="display", name="d", pid=1, time_s=1.0), "state", ('"asleep"', "1", "null")),
    (p.Reply(id="1", ok=True), "ok", ("1", '"true"', "null")),
    (window(), "data", ("null", "[]", '"x"')),
    (window(), "versions", ("0", "9", "true", '"2"')),
    (window(), "sampling_rate_hz", ("0", "-1", "NaN")),
    (window(), "channels", ('"abc"', "[1, 2, 3]", "3", "null")),
    (window(), "stamps", ('{"cut": NaN}', '{"cut": "1"}', '{"cut": true}', '{"new": 1}', "null")),
    (
        result(),
        "answers",
        ("[]", "[{}]", "null", '[{"hits": [], "repeats": 0}]', '[{"hits": [], "repeats": 1, "x": 1}]'),
    ),
)


@pytest.mark.parametrize(
    ("packet", "field", "text"), [(packet, field, text) for packet, field, texts in WRONG for text in texts]
)
def test_what_is_not_as_it_should_be_is_refused(packet: p.Packet, field: str, text: str) -> None:
    with pytest.raises(WireError, match=rf"a {type(packet).__name__} is malformed|not JSON"):
        decode(changed(packet, text, **{field: "HERE"}))


def test_the_field_is_named() -> None:
    answer = '[{"hits": [{"id": "a", "label": "a", "modality": "m", "cosine": 0, "probability": 2}], "repeats": 1}]'
    with pytest.raises(WireError, match=r"a Result is malformed at 'answers\[0?\.*\]\.hits.*probability': Expected"):
        decode(changed(result(), answer, answers="HERE"))
    with pytest.raises(WireError, match=r"a Window is malformed at 'Window': .*unknown field `data`"):
        decode(changed(window(), "null", data="HERE"))


def test_whole_numbers_are_numbers_too() -> None:
    back = decode(changed(p.Due(sequence=3, due_s=1.0), "2", due_s="HERE"))
    assert isinstance(back, p.Due)
    assert isinstance(back.due_s, float)
    assert back.due_s == 2.0


def test_what_is_left_out_takes_its_default() -> None:
    topic, header, payload = (bytes(f) for f in encode(window()))
    body = json.loads(header)["b"]
    for name in ("part", "final", "flags", "stamps"):
        del body[name]
    back = decode([topic, json.dumps({"v": 1, "b": body}).encode(), payload])
    assert back == window(stamps=p.Stamps())


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_not_finite_are_not_sent(number: float) -> None:
    hit = p.Hit(id="null", label="null", modality="image", cosine=number, probability=0.25)
    answers = (p.Answer(hits=(hit,), repeats=1),)
    for packet in (p.Due(sequence=1, due_s=number), window(stamps=p.Stamps(cut=number)), result(answers=answers)):
        with pytest.raises(ValueError, match="not finite"):
            encode(packet)
    one: dict[str, Any] = {"time_s": 1.0, "channels": ("a",), "line_ratio": (0.1,), "states": ("good",)}
    with pytest.raises(ValueError, match="finite"):
        p.Quality(rms_uv=(number,), **one)
    for changed in ({"impedance_kohm": (number,)}, {"other_kohm": {"ground": number}}, {"impedance_kohm": (-1.0,)}):
        with pytest.raises(ValueError, match="impedances"):
            p.Quality(rms_uv=(1.0,), **one, **changed)
    with pytest.raises(ValueError, match="value for each channel"):
        p.Quality(rms_uv=(1.0,), **one, impedance_kohm=(1.0, 2.0))


def test_a_quality_without_impedances_is_read_as_before() -> None:
    packet = p.Quality(time_s=1.0, channels=("a",), rms_uv=(1.0,), line_ratio=(0.1,), states=("good",))
    topic, header, payload = (bytes(f) for f in encode(packet))
    body = json.loads(header)["b"]
    for name in ("impedance_kohm", "other_kohm"):
        body.pop(name, None)
    assert decode([topic, json.dumps({"v": 1, "b": body}).encode(), payload]) == packet
    assert packet.electrodes_kohm == {}


def test_numpy_scalars_are_sent_as_numbers() -> None:
    packet = p.Rejected(
        session="s", segment=np.int64(2), sequence=1, stimulus=np.str_("x"), onset_s=np.float32(0.5), reasons=()
    )
    back = decode(encode(packet))
    assert back == p.Rejected(session="s", segment=2, sequence=1, stimulus="x", onset_s=0.5, reasons=())
    with pytest.raises(ValueError, match="not finite"):
        encode(p.Due(sequence=1, due_s=np.float64("nan")))
    with pytest.raises(TypeError, match="cannot stand"):
        encode(p.Hello(session=object()))  # type: ignore[arg-type]


def test_the_word_null_may_be_sent() -> None:
    packet = window(stimulus="null", channels=("null", "Pz", "Cz"))
    assert decode(encode(packet)) == packet


def test_array_packets_are_equal_by_header_and_payload() -> None:
    nothing = np.full((2, 3, 5), np.nan, np.float32)
    assert window(data=nothing) == window(data=nothing.copy())
    assert window() != window(data=nothing)
    assert window() != window(sequence=8)
    assert window() != EXAMPLES[2]
    with pytest.raises(TypeError, match="unhashable"):
        hash(window())


def test_any_array_becomes_the_payload() -> None:
    plain = np.arange(30, dtype=np.float32).reshape(2, 3, 5)
    for data in (plain.astype(">f4"), plain.astype(float), np.asfortranarray(plain)):
        packet = window(data=data)
        assert packet == window()
        assert decode(encode(packet)) == packet
    frozen = window().data
    assert structs.replace(window(data=frozen), sequence=8).data is frozen


def test_a_deep_header_gives_our_error() -> None:
    for deep in (
        "[" * 100_000,
        '{"v":1,"b":' + "[" * 100_000,
        '{"v":' * 100_000,
        '{"v":' + "[" * 900 + "]" * 900 + "}",
    ):
        with pytest.raises(WireError):
            decode([b"due", deep.encode(), b""])


def test_alive_and_rates_follow_the_table() -> None:
    assert alive(p.Status, 0.9)
    assert not alive(p.Status, 1.1)
    assert alive(p.Result, 1e6)
    assert rate_ok(p.Status, 4.4)
    assert not rate_ok(p.Status, 1.0)


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
            endpoints(wrong, Keys(tmp_path / "no keys"))
    with pytest.raises(EndpointError, match="107"):
        endpoints(str(tmp_path / ("x" * 110)))


def test_an_endpoint_in_use_is_refused(tmp_path: Path) -> None:
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    first, second = make(context, zmq.ROUTER), make(context, zmq.ROUTER)
    try:
        keys = endpoints("tcp://127.0.0.1:5000").keys
        for endpoint in (f"ipc://{tmp_path}/s", "tcp://127.0.0.1:*"):
            bind(first, endpoint, keys)
            bound = first.getsockopt(zmq.LAST_ENDPOINT)
            with pytest.raises(EndpointError, match=r"in use|cannot bind") as refused:
                bind(second, bound.rstrip(b"\0").decode(), keys)
            assert str(refused.value).count(bound.rstrip(b"\0").decode()) == 1  # named once
    finally:
        first.close()
        second.close()
        context.term()


def test_the_clock_is_lsl_local_clock() -> None:
    import pylsl

    before, lsl, after = now(), pylsl.local_clock(), now()
    assert before - 1e-3 <= lsl <= after + 1e-3
