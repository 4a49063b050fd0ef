"""Our outlets, read back through the LSL reader: everything arrives, on its stamp, and the end is understood."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.outlet import Played, stream
from acquisition.sources.lsl import LslReader
from acquisition.types import Chunk, Event, StreamInfo
from config.errors import ProcessError, SettingsError
from config.settings import LslSource
from wire import lsl_scope

lsl_scope.restrict()
pytestmark = pytest.mark.timeout(180)
RATE, ROWS = 250.0, 750


class Rows:
    """A source of numbered rows with a marker on every hundredth."""

    def __init__(self, rows: int = ROWS, chunk: int = 10) -> None:
        self.rows, self.chunk, self.at, self.closed = rows, chunk, 0, False

    def open(self) -> StreamInfo:
        return StreamInfo("rows", "recording", RATE, ("Oz", "Pz"), simulated=True, exact_rows=True, line_hz=60.0)

    def read(self, timeout_s: float) -> Chunk:
        row = np.arange(self.at, min(self.at + self.chunk, self.rows), dtype=np.float64)
        self.at += len(row)
        marks = tuple(Event(k / RATE, f"m{int(k)}", float(k)) for k in row if k % 100 == 0)
        return Chunk(
            np.stack([row, -row]).astype(np.float32), row / RATE, 0.0, events=marks, final=self.at >= self.rows
        )

    def close(self) -> None:
        self.closed = True


def names() -> dict[str, str]:
    name = f"eegseek-{uuid.uuid4().hex[:12]}"
    return {"name": name, "source_id": f"{name}-id", "marker_name": f"{name}-markers"}


def reader_of(name: dict[str, str], **changes: Any) -> LslReader:
    return LslReader(LslSource(name=name["name"], marker_name=name["marker_name"], wait_s=10.0, **changes))


def read_all(reader: LslReader, limit_s: float = 60.0) -> list[Chunk]:
    chunks, until = [reader.read(0.1)], time.monotonic() + limit_s
    while not chunks[-1].final:
        assert time.monotonic() < until, "the stream did not end"
        chunks.append(reader.read(0.1))
    return chunks


@pytest.mark.parametrize("chunk", [None, 4])
def test_every_row_and_marker_arrives_on_its_stamp_and_the_end_is_told(chunk: int | None, tmp_path: Path) -> None:
    name, source, played, log = names(), Rows(), list[Played](), tmp_path / "push.npy"

    def send() -> None:
        played.append(stream(source, **name, wait_consumer_s=20.0, chunk=chunk, push_log=log))

    thread = threading.Thread(target=send)
    thread.start()
    reader = reader_of(name)
    try:
        info = reader.open()
        chunks = read_all(reader)
    finally:
        reader.close()
        thread.join(10.0)
    assert (info.channels, info.simulated, info.line_hz, info.rate_hz) == (("Oz", "Pz"), True, 60.0, RATE)
    data = np.concatenate([c.samples for c in chunks], axis=1)
    raw = np.concatenate([c.raw_stamps for c in chunks])
    assert np.array_equal(data[0], np.arange(ROWS))  # first and last included, none twice
    assert np.allclose(raw, raw[0] + np.arange(ROWS) / RATE, atol=1e-9)
    events = [event for c in chunks for event in c.events]
    assert [event.label for event in events] == [f"m{k}" for k in range(0, ROWS, 100)]
    stamps = np.concatenate([c.stamps for c in chunks])
    for event in events:
        assert abs(event.stamp - stamps[int(event.label[1:])]) < 0.002  # two clock measurements apart, no more
    assert source.closed
    assert (played[0].samples, played[0].markers) == (ROWS, 8)
    pushed = np.load(log)
    assert pushed.shape == (ROWS,)
    assert (np.diff(pushed) >= 0).all()
    assert (pushed >= raw - 1e-6).all()  # nothing is sent before it is due
    assert len(np.unique(pushed)) == (75 if chunk is None else 188)


def test_a_finite_stream_read_without_markers_ends_when_it_closes() -> None:
    name = names()
    thread = threading.Thread(target=lambda: stream(Rows(700), **name, wait_consumer_s=0.0))
    thread.start()
    reader = reader_of(name, markers="none")
    try:
        reader.open()
        chunks = read_all(reader)
    finally:
        reader.close()
        thread.join(10.0)
    assert chunks[-1].final


def test_nobody_listening_is_an_error_and_the_source_is_closed() -> None:
    source = Rows()
    with pytest.raises(ProcessError, match=r"nobody listened to the EEG stream within 0.3 s"):
        stream(source, **names(), wait_consumer_s=0.3)
    assert source.closed


def test_stop_ends_it() -> None:
    stop, source = threading.Event(), Rows(100_000)
    played = stream(
        source, **names(), wait_consumer_s=0.0, stop=stop, progress=lambda s, _: stop.set() if s > 0.5 else None
    )
    assert 125 <= played.samples < 1000


def test_speed_is_faster_than_real_time_but_never_unbounded() -> None:
    begin = time.monotonic()
    played = stream(Rows(2500), **names(), wait_consumer_s=0.0, speed=10.0)
    assert played.samples == 2500
    assert time.monotonic() - begin > 0.99
    with pytest.raises(SettingsError, match="above 0"):
        stream(Rows(), **names(), speed=0.0)


def outlet_process(tmp_path: Path, settings: dict[str, Any], name: dict[str, str], *more: str) -> subprocess.Popen[str]:
    path = tmp_path / "source.json"
    path.write_text(json.dumps(settings))
    flags = ["--name", name["name"], "--source-id", name["source_id"], "--marker-name", name["marker_name"], *more]
    command = [sys.executable, "-m", "acquisition.outlet", "--source", str(path), *flags]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_as_a_process_a_recording_is_streamed_and_ended_cleanly_by_a_signal(tmp_path: Path) -> None:
    name, file = names(), tmp_path / "muse.csv"
    rows = [f"{1.5e9 + k / 256:.3f},{k % 50},1.0,{k % 7},2.0,0.0,{int(k % 64 == 10)}" for k in range(256 * 60)]
    file.write_text("\n".join(["timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0", *rows]) + "\n")
    child = outlet_process(tmp_path, {"kind": "recording", "file": str(file)}, name)
    reader = reader_of(name)
    try:
        info = reader.open()
        chunks: list[Chunk] = []
        until = time.monotonic() + 10.0
        while sum(len(c.events) for c in chunks) < 3 and time.monotonic() < until:
            chunks.append(reader.read(0.1))
        child.send_signal(signal.SIGTERM)
        _, said = child.communicate(timeout=60.0)
    finally:
        reader.close()
        child.kill()
        child.wait(5.0)
    assert info.channels[:4] == ("TP9", "AF7", "AF8", "TP10")
    data = np.concatenate([c.samples for c in chunks], axis=1)
    assert np.array_equal(data[0], np.arange(data.shape[1]) % 50)
    stamps = np.concatenate([c.stamps for c in chunks])
    found = [(event.stamp - stamps[0]) * 256 for c in chunks for event in c.events]
    assert len(found) >= 3
    assert np.allclose(found, 10 + 64 * np.arange(len(found)), atol=0.4)
    assert child.returncode == 0
    assert "streamed" in said


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"kind": "lsl"}, "live already"), ({"kind": "participant", "nme": 1}, "describes no source")],
)
def test_as_a_process_mistakes_are_one_sentence(tmp_path: Path, settings: dict[str, Any], message: str) -> None:
    child = outlet_process(tmp_path, settings, names())
    _, said = child.communicate(timeout=60.0)
    assert child.returncode == 1
    assert message in said
    assert len(said.strip().splitlines()) == 1
