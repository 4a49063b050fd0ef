"""The LSL reader against real outlets, in this process and in children; nothing leaves this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from wire import lsl_scope

lsl_scope.restrict()

import pylsl  # noqa: E402  (liblsl reads its configuration once, before anything else)

from acquisition.sources.lsl import LslReader  # noqa: E402
from acquisition.types import Chunk, Event  # noqa: E402
from config.errors import AmbiguousStream, SourceError, StreamLost, StreamNotFound  # noqa: E402
from config.settings import LslSource  # noqa: E402

pytestmark = pytest.mark.timeout(180)
RATE = 200.0


@pytest.fixture
def name() -> str:
    return f"eegseek-{uuid.uuid4().hex[:12]}"


def eeg_info(
    name: str,
    count: int = 3,
    rate: float = RATE,
    form: int = pylsl.cf_float32,
    source_id: str | None = None,
    labels: tuple[str, ...] = (),
    types: tuple[str, ...] = (),
    units: tuple[str, ...] = (),
) -> Any:
    info = pylsl.StreamInfo(name, "EEG", count, rate, form, f"{name}-id" if source_id is None else source_id)
    if labels:
        channels = info.desc().append_child("channels")
        for k, label in enumerate(labels):
            channel = channels.append_child("channel")
            channel.append_child_value("label", label)
            if types:
                channel.append_child_value("type", types[k])
            if units:
                channel.append_child_value("unit", units[k])
    return info


def marker_outlet(name: str, form: int = pylsl.cf_string, count: int = 1) -> Any:
    return pylsl.StreamOutlet(
        pylsl.StreamInfo(f"{name}-markers", "Markers", count, pylsl.IRREGULAR_RATE, form, f"{name}-markers-id")
    )


def settings(name: str, **changes: Any) -> LslSource:
    return LslSource(**{"name": name, "marker_name": f"{name}-markers", "wait_s": 4.0, **changes})


@contextmanager
def pump(outlet: Any, make: Callable[[int], list[float]], wall: bool = False, rate: float = RATE) -> Iterator[None]:
    """Push 10 rows at a time, stamped t0 + row / rate, until the block ends."""
    stop = threading.Event()

    def run() -> None:
        t0 = time.time() if wall else pylsl.local_clock()
        start, row = time.monotonic(), 0
        while not stop.is_set():
            rows = [make(k) for k in range(row, row + 10)]
            outlet.push_chunk(np.array(rows), [t0 + k / rate for k in range(row, row + 10)])
            row += 10
            stop.wait(max(0.0, start + row / rate - time.monotonic()))

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5.0)


@contextmanager
def reading(wanted: LslSource) -> Iterator[LslReader]:
    reader = LslReader(wanted)
    try:
        yield reader
    finally:
        reader.close()


def read_until(reader: LslReader, enough: Callable[[list[Chunk]], bool], limit_s: float = 40.0) -> list[Chunk]:
    chunks: list[Chunk] = []
    until = time.monotonic() + limit_s
    while not enough(chunks):
        assert time.monotonic() < until, f"not reached in {limit_s} s: {[c.state for c in chunks][-5:]}"
        chunks.append(reader.read(0.05))
    return chunks


def events(chunks: list[Chunk]) -> list[Event]:
    return [event for chunk in chunks for event in chunk.events]


def samples(chunks: list[Chunk]) -> np.ndarray:
    return np.concatenate([chunk.samples for chunk in chunks], axis=1) if chunks else np.empty((1, 0))


def ramp(count: int = 3) -> Callable[[int], list[float]]:
    """Channel 0 carries the sample number."""
    return lambda k: [float(k), *([1.0] * (count - 1))]


def test_samples_and_text_markers_arrive_whole_on_one_clock(name: str) -> None:
    eeg = pylsl.StreamOutlet(eeg_info(name, labels=("Oz", "Pz", "Cz"), units=("uV", "uV", "uV")))
    markers = marker_outlet(name, count=2)
    with pump(eeg, ramp()), reading(settings(name)) as reader:
        info = reader.open()
        assert info.channels == ("Oz", "Pz", "Cz")
        assert info.rate_hz == RATE
        assert not info.simulated
        sent = pylsl.local_clock()
        markers.push_sample(["", "face"], sent)
        chunks = read_until(reader, lambda c: bool(events(c)) and samples(c).shape[1] > 300)
    data = samples(chunks)
    assert (np.diff(data[0]) == 1).all()
    assert all(chunk.samples.flags.c_contiguous and chunk.samples.dtype == np.float32 for chunk in chunks)
    stamps, raw = (np.concatenate([getattr(c, key) for c in chunks]) for key in ("stamps", "raw_stamps"))
    assert np.allclose(np.diff(raw), 1 / RATE, atol=1e-6)
    offsets = np.concatenate([np.full(len(c.stamps), c.offset_s) for c in chunks])
    assert np.array_equal(stamps, raw + offsets)
    (event,) = events(chunks)
    assert event.label == "face"  # the first channel that is not empty
    assert event.row is None
    assert abs(event.stamp - sent) < 0.005  # one machine, one clock: only the measured correction lies between


@pytest.mark.parametrize(
    ("form", "rows", "labels"),
    [
        (pylsl.cf_int32, [[7], [0]], ["7", "0"]),
        (pylsl.cf_float32, [[1.0], [2.5]], ["1", "2.5"]),
        (pylsl.cf_int32, [[0, 1, 0], [3, 4, 0]], ["2", "3,4,0"]),
    ],
    ids=["integers", "floats", "one-hot"],
)
def test_numeric_markers(name: str, form: int, rows: list[list[float]], labels: list[str]) -> None:
    eeg = pylsl.StreamOutlet(eeg_info(name))
    markers = marker_outlet(name, form, len(rows[0]))
    with pump(eeg, ramp()), reading(settings(name)) as reader:
        reader.open()
        for row in rows:
            markers.push_sample(row)
        found = events(read_until(reader, lambda c: len(events(c)) == len(rows)))
    assert [event.label for event in found] == labels


def test_bad_utf8_in_a_marker_is_no_reason_to_stop(name: str) -> None:
    eeg, markers = pylsl.StreamOutlet(eeg_info(name)), marker_outlet(name)
    with pump(eeg, ramp()), reading(settings(name)) as reader:
        reader.open()
        markers.push_sample([b"caf\xe9"])
        (event,) = events(read_until(reader, lambda c: bool(events(c))))
    assert event.label == "caf\ufffd"


def test_stimulus_channel_gives_events_on_its_rows_and_other_channels_are_left_out(name: str) -> None:
    labels, types = ("Oz", "STI", "ACC", "Pz"), ("EEG", "stim", "accelerometer", "EEG")
    eeg = pylsl.StreamOutlet(eeg_info(name, 4, labels=labels, types=types, units=("volts", "", "g", "microvolts")))

    def make(k: int) -> list[float]:
        return [k * 1e-6, float(5 if k % 100 < 3 else 0), 9.0, float(k)]

    with pump(eeg, make), reading(settings(name, markers="channel")) as reader:
        info = reader.open()
        chunks = read_until(reader, lambda c: samples(c).shape[1] > 350 and len(events(c)) >= 3)
    assert info.channels == ("Oz", "Pz")
    assert any("ACC" in note for note in info.notes)
    data, stamps = samples(chunks), np.concatenate([c.stamps for c in chunks])
    assert np.allclose(data[0], data[1], rtol=1e-4)  # volts became microvolts
    for event in events(chunks):
        assert event.label == "5"
        assert data[1][np.flatnonzero(stamps == event.stamp)[0]] % 100 == 0


def test_integer_samples_are_read(name: str) -> None:
    eeg = pylsl.StreamOutlet(eeg_info(name, form=pylsl.cf_int16))
    with pump(eeg, lambda k: [k % 1000, 2, 3]), reading(settings(name, markers="none", unit="mV")) as reader:
        info = reader.open()
        data = samples(read_until(reader, lambda c: samples(c).shape[1] > 50))
    assert info.channels == ("Ch1", "Ch2", "Ch3")
    assert (data[1] == 2000.0).all()


def test_no_such_stream_lists_those_that_are_there(name: str) -> None:
    outlet = pylsl.StreamOutlet(eeg_info(name, labels=("a", "b", "c")))
    there = rf"'{name}' .type EEG, 3 ch float32, 200 Hz, source_id '{name}-id'"
    with (
        reading(settings(f"{name}-other", markers="none", wait_s=1.5)) as reader,
        pytest.raises(StreamNotFound, match=there),
    ):
        reader.open()
    del outlet


def test_two_matching_streams_are_both_named(name: str) -> None:
    pair = [pylsl.StreamOutlet(eeg_info(name, source_id=f"{name}-{k}")) for k in (1, 2)]
    there = rf"{name}-1.*{name}-2.*choose one with source.source_id"
    with reading(settings(name, markers="none")) as reader, pytest.raises(AmbiguousStream, match=there):
        reader.open()
    with pump(pair[1], ramp()), reading(settings(name, markers="none", source_id=f"{name}-2")) as reader:
        reader.open()


def test_absent_marker_stream_is_named(name: str) -> None:
    eeg, other = pylsl.StreamOutlet(eeg_info(name)), marker_outlet(f"{name}-x")
    there = rf"no marker stream with name '{name}-markers'.*'{name}-x-markers'"
    with reading(settings(name, wait_s=1.5)) as reader, pytest.raises(StreamNotFound, match=there):
        reader.open()
    del eeg, other


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"form": pylsl.cf_string}, "carries text"), ({"rate": pylsl.IRREGULAR_RATE}, "irregular rate")],
)
def test_streams_that_are_no_eeg_are_refused(name: str, changes: dict[str, Any], message: str) -> None:
    outlet = pylsl.StreamOutlet(eeg_info(name, **changes))
    with reading(settings(name, markers="none")) as reader, pytest.raises(SourceError, match=message):
        reader.open()
    del outlet


def test_a_silent_stream_is_refused(name: str) -> None:
    outlet = pylsl.StreamOutlet(eeg_info(name))
    with reading(settings(name, markers="none", wait_s=1.0)) as reader, pytest.raises(StreamLost, match=r"no sample"):
        reader.open()
    del outlet


def test_wall_clock_stamps_are_converted_once_and_markers_alike(name: str) -> None:
    eeg, markers = pylsl.StreamOutlet(eeg_info(name)), marker_outlet(name)
    with pump(eeg, ramp(), wall=True), reading(settings(name)) as reader:
        info = reader.open()
        assert any("wall clock" in note for note in info.notes)
        raw = time.time()
        markers.push_sample(["a"], raw)
        chunks = read_until(reader, lambda c: bool(events(c)) and samples(c).shape[1] > 100)
    (event,) = events(chunks)
    offsets = {chunk.offset_s for chunk in chunks if chunk.stamps.size}
    assert len(offsets) == 1
    assert event.stamp == raw + offsets.pop()
    assert abs(float(chunks[-1].stamps[-1] if chunks[-1].stamps.size else event.stamp) - time.monotonic()) < 3.0


CHILD = """
    import sys, time
    import numpy as np
    from wire import lsl_scope
    lsl_scope.restrict()
    import pylsl
    name, source_id, count, first = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    out = pylsl.StreamOutlet(pylsl.StreamInfo(name, "EEG", count, 200.0, pylsl.cf_float32, source_id))
    t0, row = pylsl.local_clock(), 0
    while True:
        rows = np.ones((10, count), dtype=np.float32)
        rows[:, 0] = np.arange(first + row, first + row + 10)
        out.push_chunk(rows, [t0 + k / 200.0 for k in range(row, row + 10)])
        row += 10
        time.sleep(max(0.0, t0 + row / 200.0 - pylsl.local_clock()))
"""


@contextmanager
def sender(name: str, source_id: str, count: int = 2, first: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    code = textwrap.dedent(CHILD)
    child = subprocess.Popen(
        [sys.executable, "-c", code, name, source_id, str(count), str(first)], env={**os.environ, "PYTHONPATH": "."}
    )
    try:
        yield child
    finally:
        child.kill()
        child.wait(5.0)


@pytest.mark.parametrize("source_id", ["same", ""], ids=["with source_id", "without source_id"])
def test_an_outlet_that_is_killed_and_restarted_is_found_again(name: str, source_id: str) -> None:
    identity = f"{name}-{source_id}" if source_id else ""
    with reading(settings(name, markers="none", wait_s=10.0)) as reader:
        with sender(name, identity):
            reader.open()
            read_until(reader, lambda c: samples(c).shape[1] > 50)
        lost = read_until(reader, lambda c: bool(c) and c[-1].state == "lost")
        assert not any(chunk.samples.size for chunk in lost[-1:])
        with sender(name, identity, first=100_000):
            back = read_until(reader, lambda c: bool(c) and c[-1].samples.size > 0, limit_s=40.0)
            assert back[-1].state == "recovered"
            assert back[-1].samples[0, 0] >= 100_000
            after = read_until(reader, lambda c: samples(c).shape[1] > 100)
    assert {chunk.state for chunk in after} == {"connected"}
    assert abs(float(after[-1].stamps[-1]) - time.monotonic()) < 5.0


def test_a_stream_that_comes_back_with_another_shape_ends_the_run(name: str) -> None:
    with reading(settings(name, markers="none", wait_s=10.0)) as reader:
        with sender(name, "id", count=2):
            reader.open()
        read_until(reader, lambda c: bool(c) and c[-1].state == "lost")
        with sender(name, "id", count=3), pytest.raises(SourceError, match=r"came back as .*3 ch"):
            read_until(reader, lambda c: False, limit_s=40.0)


def test_a_stream_that_stays_away_is_given_up(name: str) -> None:
    wanted = settings(name, markers="none", wait_s=10.0, stalled_s=0.1, lost_s=0.2, give_up_s=0.5)
    with reading(wanted) as reader:
        with sender(name, "id"):
            reader.open()
        with pytest.raises(StreamLost, match=r"did not come back within 0.5 s"):
            read_until(reader, lambda c: False)


def test_a_silent_outlet_stalls_is_lost_and_recovers_without_a_new_connection(name: str) -> None:
    eeg = pylsl.StreamOutlet(eeg_info(name))
    wanted = settings(name, markers="none", stalled_s=0.2, lost_s=0.6)
    with reading(wanted) as reader:
        with pump(eeg, ramp()):
            reader.open()
            read_until(reader, lambda c: samples(c).shape[1] > 50)
        states = [chunk.state for chunk in read_until(reader, lambda c: bool(c) and c[-1].state == "lost")]
        with pump(eeg, ramp()):
            states += [c.state for c in read_until(reader, lambda c: len(c) > 5 and c[-1].state == "connected")]
    changes = [state for k, state in enumerate(states) if k == 0 or state != states[k - 1]]
    assert changes[-5:] == ["connected", "stalled", "lost", "recovered", "connected"]


def test_a_marker_stream_that_goes_away_does_not_stop_eeg_and_is_found_again(name: str) -> None:
    eeg, markers = pylsl.StreamOutlet(eeg_info(name)), marker_outlet(name)
    with pump(eeg, ramp()), reading(settings(name)) as reader:
        reader.open()
        markers.push_sample(["one"])
        read_until(reader, lambda c: bool(events(c)))
        del markers
        read_until(reader, lambda c: any("went away: it is looked for, EEG goes on" in one.remark for one in c))
        markers = marker_outlet(name)

        def wait(chunks: list[Chunk]) -> bool:
            markers.push_sample(["two"])
            return bool(events(chunks))

        chunks = read_until(reader, wait, limit_s=40.0)
        assert {event.label for event in events(chunks)} == {"two"}
        assert {chunk.state for chunk in chunks} == {"connected"}
        assert any("is back" in chunk.remark for chunk in chunks)


def test_read_takes_what_is_there_and_waits_for_the_first_sample_only(name: str) -> None:
    eeg = pylsl.StreamOutlet(eeg_info(name, rate=1000.0))
    with pump(eeg, ramp(), rate=1000.0), reading(settings(name, markers="none")) as reader:
        reader.open()
        time.sleep(2.5)  # the reader was held up
        chunks = read_until(reader, lambda c: samples(c).shape[1] > 3000)
    assert max(chunk.samples.shape[1] for chunk in chunks) <= 1000  # bounded
    assert (np.diff(samples(chunks)[0]) == 1).all()  # and nothing is lost
    assert {chunk.state for chunk in chunks} == {"connected"}  # it was not the stream's fault


def test_an_outlet_kept_to_this_machine_is_bound_to_loopback(name: str) -> None:
    import socket

    outlet = pylsl.StreamOutlet(eeg_info(name))
    if not hasattr(socket, "SO_BINDTODEVICE"):
        pytest.skip("this system cannot bind a socket to a device")
    before = len(lsl_scope._open_files())
    assert lsl_scope.seal(outlet)
    assert len(lsl_scope._open_files()) <= before  # nothing is left open
    ports = lsl_scope._ports(outlet.get_info().as_xml())
    assert len(ports) >= 1
    listening = [fd for fd in lsl_scope._open_files() if lsl_scope._port_of(fd) in ports]
    for fd in listening:
        with socket.socket(fileno=os.dup(fd)) as view:
            assert view.getsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, 16).rstrip(b"\0") == b"lo"
    with pump(outlet, ramp()), reading(settings(name, markers="none")) as reader:
        reader.open()  # and is still found and read from here


LISTENER = """
    import sys
    from acquisition.sources.lsl import LslReader
    from config.settings import LslSource
    reader = LslReader(LslSource(name=sys.argv[1], markers="none"))
    print(reader.open().rate_hz, flush=True)
    reader.close()
"""


def test_a_process_that_listens_to_the_network_finds_it_too(name: str) -> None:
    outlet = pylsl.StreamOutlet(eeg_info(name))
    lsl_scope.seal(outlet)
    command = [sys.executable, "-c", textwrap.dedent(LISTENER), name]
    with pump(outlet, ramp()):
        run = subprocess.run(command, capture_output=True, text=True, timeout=90, env={**os.environ, "PYTHONPATH": "."})
    assert run.stdout.strip() == "200.0", run.stderr
    assert run.stderr == ""  # liblsl says nothing of its own


PLAYER = """
    import sys
    import mne
    import numpy as np
    from mne_lsl.player import PlayerLSL
    data = np.stack([np.arange(20_000) * 1e-6, np.zeros(20_000)])
    data[1, ::100] = 4
    raw = mne.io.RawArray(data, mne.create_info(["Oz", "STI"], 200, ["eeg", "stim"]), verbose="ERROR")
    with PlayerLSL(raw, chunk_size=10, name=sys.argv[1], source_id="mne-lsl"):
        sys.stdin.read()
"""


def test_an_independent_sender_is_read_whole_in_microvolts(name: str, tmp_path: Path) -> None:
    pytest.importorskip("mne_lsl", reason="mne-lsl is in the extra 'peers'")
    kept_here = tmp_path / "lsl_api.cfg"
    kept_here.write_text("[multicast]\nResolveScope = machine\nListenAddress = 127.0.0.1\n[ports]\nIPv6 = disable\n")
    child = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(PLAYER), name],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "LSLAPICFG": str(kept_here)},
    )
    wanted = settings(name, type="", markers="channel", marker_channel="STI", wait_s=20.0)
    try:
        with reading(wanted) as reader:
            info = reader.open()
            chunks = read_until(reader, lambda c: len(events(c)) >= 2)
    finally:
        child.kill()
        child.communicate(timeout=30.0)
    assert info.channels == ("Oz",)
    data = samples(chunks)[0]
    assert np.allclose(np.diff(data), 1.0, atol=0.01)
    stamps = np.concatenate([chunk.stamps for chunk in chunks])
    for event in events(chunks):
        assert event.label == "4"
        assert round(float(data[stamps == event.stamp][0])) % 100 == 0
