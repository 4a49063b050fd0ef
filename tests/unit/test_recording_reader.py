"""A recording as a source: the same at every speed, on time, never waiting longer than asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from acquisition.recordings import Marker, read_recording
from acquisition.sources.recording import DIRECT_S, RecordingReader
from acquisition.types import Chunk
from config.errors import RecordingError, SourceError
from config.settings import RecordingSource


class FakeTime:
    """A clock that moves when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.waits: list[float] = []

    def clock(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


def play(settings: RecordingSource, time: FakeTime, timeout_s: float = 0.1) -> Iterator[Chunk]:
    reader = RecordingReader(settings, time.clock, time.wait)
    reader.open()
    while True:
        chunk = reader.read(timeout_s)
        if chunk.samples.shape[1] or chunk.final:
            yield chunk
        if chunk.final:
            break
    after = reader.read(timeout_s)
    assert after.final and not after.samples.size and not after.events
    reader.close()


@pytest.fixture
def muse(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = ["timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0"]
    for k in range(1003):
        values = ",".join(f"{v:.3f}" for v in rng.normal(0, 20, 5))
        lines.append(f"{700 + k / 256 + (k > 700) * 0.5:.4f},{values},{3 if k % 100 in (9, 10) else 0}")
    path = tmp_path / "a.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_everything_is_played_once(muse: Path) -> None:
    settings = RecordingSource(file=str(muse), speed=0)
    recording = read_recording(settings)
    chunks = list(play(settings, FakeTime()))
    assert np.array_equal(np.concatenate([c.samples for c in chunks], axis=1), recording.samples)
    rows = round(DIRECT_S * 256)
    assert [c.samples.shape[1] for c in chunks] == [rows] * (1003 // rows) + [1003 % rows]
    assert [c.final for c in chunks] == [False] * (1003 // rows) + [True]
    events = [(k, e) for k, c in enumerate(chunks) for e in c.events]
    assert [e.row for _, e in events] == [m.row for m in recording.events]
    assert all(k == e.row // rows for k, e in events)  # with the chunk that holds the row


@pytest.mark.parametrize("chunk_s", [0.04, 0.7])
def test_as_fast_as_it_goes_in_longer_chunks(muse: Path, chunk_s: float) -> None:
    paced = list(play(RecordingSource(file=str(muse), chunk_s=chunk_s), FakeTime()))
    direct = list(play(RecordingSource(file=str(muse), speed=0, chunk_s=chunk_s), FakeTime()))
    assert direct[0].samples.shape[1] == round(max(DIRECT_S, chunk_s) * 256)
    for field in ("samples", "stamps", "raw_stamps", "counter"):
        once, again = ([getattr(c, field) for c in chunks] for chunks in (paced, direct))
        assert np.concatenate(once, axis=-1).tobytes() == np.concatenate(again, axis=-1).tobytes()
    assert [e for c in direct for e in c.events] == [e for c in paced for e in c.events]


def test_stamps_count_what_is_lost(muse: Path) -> None:
    reader = RecordingReader(RecordingSource(file=str(muse), speed=0), FakeTime().clock)
    info = reader.open()
    assert info.has_counter and not info.exact_rows and info.kind == "recording" and not info.simulated
    chunks = list(play(RecordingSource(file=str(muse), speed=0), FakeTime()))
    stamps = np.concatenate([c.stamps for c in chunks])
    counter = np.concatenate([c.counter for c in chunks])
    assert np.allclose(stamps, 1000 + counter / 256, atol=1e-9)
    assert counter[700] == 700 and counter[701] == 701 + 128
    for chunk in chunks:
        assert np.array_equal(chunk.raw_stamps + chunk.offset_s, chunk.stamps)
        for event in chunk.events:
            assert abs(event.stamp - stamps[int(event.row)]) < 1e-9


def test_rows_are_exact_without_losses(data: Path) -> None:
    file = sorted((data / "muse" / "n170").glob("*.csv"))[0]
    settings = RecordingSource(file=str(file), speed=0, chunk_s=1.0)
    reader = RecordingReader(settings)
    info = reader.open()
    assert info.exact_rows and not info.has_counter and info.rate_hz == 256.0
    chunks = list(play(settings, FakeTime()))
    assert np.array_equal(np.concatenate([c.raw_stamps for c in chunks]), np.arange(30732) / 256)
    assert all(c.counter is None for c in chunks)


@pytest.mark.parametrize("speed", [1.0, 7.3, 1000.0])
@pytest.mark.parametrize("timeout_s", [0.001, 5.0])
def test_the_same_chunks_at_every_pace(muse: Path, speed: float, timeout_s: float) -> None:
    settings = RecordingSource(file=str(muse), speed=3.0)
    wanted = list(play(settings, FakeTime()))
    found = list(play(settings.model_copy(update={"speed": speed}), FakeTime(), timeout_s))
    assert len(found) == len(wanted)
    for a, b in zip(found, wanted, strict=True):
        assert a.samples.tobytes() == b.samples.tobytes() and a.stamps.tobytes() == b.stamps.tobytes()
        assert a.events == b.events and a.final == b.final


@pytest.mark.parametrize("speed", [1.0, 4.0])
def test_on_time_by_absolute_deadline(muse: Path, speed: float) -> None:
    time = FakeTime()
    for chunk in play(RecordingSource(file=str(muse), speed=speed), time):
        due = 1000.0 + (chunk.stamps[-1] + 1 / 256 - 1000.0) / speed
        assert chunk.arrived == pytest.approx(due, abs=1e-9)
        time.now += 0.001  # work between reads is not added up
    late = FakeTime()
    chunks = play(RecordingSource(file=str(muse), speed=1.0), late)
    next(chunks)
    late.now += 2.0
    before = late.now
    for _ in range(40):
        next(chunks)
    assert late.now == before  # what is overdue comes at once


def test_never_waits_longer_than_asked(muse: Path) -> None:
    time = FakeTime()
    reader = RecordingReader(RecordingSource(file=str(muse), chunk_s=1.0), time.clock, time.wait)
    reader.open()
    empty = reader.read(0.25)
    assert empty.samples.shape == (4, 0) and not empty.final and time.waits == [0.25]
    reader.read(0.0)
    assert time.now == 1000.25
    assert reader.read(10.0).samples.shape == (4, 256) and time.now == pytest.approx(1001.0)


def test_markers_beyond_the_ends_are_not_lost(muse: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = RecordingSource(file=str(muse), speed=0, chunk_s=2.0)
    markers = tuple(Marker(row, str(row)) for row in (-3.0, 511.5, 512.0, 1500.0))
    changed = replace(read_recording(settings), events=markers)
    monkeypatch.setattr("acquisition.sources.recording.read_recording", lambda _: changed)
    chunks = list(play(settings, FakeTime()))
    assert [[e.row for e in c.events] for c in chunks] == [[-3.0, 511.5], [512.0, 1500.0]]
    first, last = chunks[0].events[0], chunks[-1].events[-1]
    assert first.stamp == pytest.approx(1000 - 3 / 256)
    assert last.stamp == pytest.approx(1000 + (1500 + 128) / 256)  # 128 samples were lost on the way


def test_xdf_keeps_its_own_stamps(data: Path) -> None:
    settings = RecordingSource(file=str(data / "xdf" / "minimal.xdf"), speed=1.0, chunk_s=0.3)
    recording = read_recording(settings)
    reader = RecordingReader(settings, FakeTime().clock)
    info = reader.open()
    assert not info.exact_rows and not info.has_counter
    chunks = list(play(settings, FakeTime()))
    assert recording.stamps is not None
    assert np.array_equal(np.concatenate([c.raw_stamps for c in chunks]), recording.stamps)
    assert np.allclose(np.concatenate([c.stamps for c in chunks]), recording.stamps - recording.stamps[0] + 1000)
    events = [e for c in chunks for e in c.events]
    assert len(events) == 9 and all(e.row is None for e in events)
    first = recording.events[0]
    assert first.stamp is not None
    assert events[0].stamp == pytest.approx(first.stamp - recording.stamps[0] + 1000)


def test_refuses_what_no_window_can_come_from(data: Path) -> None:
    reader = RecordingReader(RecordingSource(file=str(data / "xdf" / "muse_p001.xdf")))
    with pytest.raises(RecordingError, match="no marker"):
        reader.open()
    with pytest.raises(SourceError, match="not open"):
        reader.read(0.1)
    reader.close()
    reader.close()
