"""How a journal is kept: synced behind those who write, gone on with in another file, and room looked after."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import numpy as np
import pytest

from acquisition import journal, journal_files, journal_read, recorder
from acquisition.space import Space, bytes_per_s
from acquisition.types import Chunk, Event, StreamInfo
from config.errors import JournalError
from wire.packets import Rejected

INFO = StreamInfo("muse", "lsl", 256.0, ("TP9", "AF7", "AF8"))


def make_chunk(seed: int) -> Chunk:
    samples = np.random.default_rng(seed).standard_normal((3, 5)).astype(np.float32)
    stamps = 100.0 + seed + np.arange(5) / 256
    return Chunk(samples, stamps, 200.0 + seed, stamps - 0.1, events=(Event(100.0 + seed, str(seed)),), offset_s=0.1)


def same(a: Chunk, b: Chunk) -> bool:
    arrays = all(getattr(a, n).tobytes() == getattr(b, n).tobytes() for n in ("samples", "stamps", "raw_stamps"))
    return arrays and a.events == b.events and a.arrived == b.arrived


def whole(chunks: list[Chunk]) -> bool:
    return all(same(chunk, make_chunk(k)) for k, chunk in enumerate(chunks))


def test_synced_behind_those_who_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced, go_on, waits = threading.Event(), threading.Event(), []
    real = os.fdatasync

    def slow(fd: int) -> None:
        waits.append(threading.get_ident())
        synced.set()
        assert go_on.wait(20)
        real(fd)

    monkeypatch.setattr(os, "fdatasync", slow)
    writer = journal.JournalWriter(tmp_path / "a.esj", sync_s=0.001)
    writer.open(journal.make_header("s", 0, INFO))
    assert synced.wait(20)
    for k in range(50):  # while the disk is busy
        writer.chunk(make_chunk(k))
    assert len(list(journal.read(writer.file))) == 51
    go_on.set()
    writer.close()
    assert waits and threading.get_ident() not in waits


def test_a_disk_that_does_not_take_what_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = threading.Event()

    def bad(fd: int) -> None:
        failed.set()
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", bad)
    done = threading.Event()
    writer = journal.JournalWriter(tmp_path / "a.esj", sync_s=0.001, chore=done.set)
    writer.open(journal.make_header("s", 0, INFO))
    assert failed.wait(20) and done.wait(20)
    with pytest.raises(JournalError, match="may not be on the disk: Input/output error"):
        writer.chunk(make_chunk(1))
    writer.close()


def test_rotated_with_two_threads_and_a_sync(tmp_path: Path) -> None:
    first = journal.path(tmp_path, 0)
    writer = journal.JournalWriter(first, 20_000, sync_s=0.001)
    writer.open(journal.make_header("s", 0, INFO))

    def results() -> None:
        for k in range(100):
            writer.packet(Rejected(session="s", segment=0, sequence=k, stimulus="1", onset_s=1.0, reasons=("flat",)))

    thread = threading.Thread(target=results)
    thread.start()
    for k in range(300):
        writer.chunk(make_chunk(k))
    thread.join(20)
    writer.close()
    read = list(journal.read(first))
    chunks = [r for r in read if isinstance(r, Chunk)]
    assert whole(chunks) and len(chunks) == 300
    assert sum(isinstance(r, journal.PacketRecord) for r in read) == 100 and isinstance(read[-1], journal.End)
    counted = 0
    parts = journal_files.segments(tmp_path)[0]
    assert parts == list(range(1, len(parts) + 1)) and len(parts) > 3
    for part in parts:
        file = journal_files.part_path(first, part)
        assert file.stat().st_size <= 20_000 and stat.S_IMODE(file.stat().st_mode) == 0o600
        header, *rest = journal_read.read_file(file)
        assert isinstance(header, journal.Header)
        assert (header.part, header.first_sample, header.info) == (part, counted, INFO)
        counted += sum(r.samples.shape[1] for r in rest if isinstance(r, Chunk))


def test_a_part_that_cannot_be_made_leaves_a_whole_journal(tmp_path: Path) -> None:
    first = journal.path(tmp_path, 0)
    journal_files.part_path(first, 2).mkdir()  # in the way
    writer = journal.JournalWriter(first, 2000)
    writer.open(journal.make_header("s", 0, INFO))
    with pytest.raises(JournalError, match=r"part-02\.esj', in which it was to go on, cannot be written"):
        for k in range(100):
            writer.chunk(make_chunk(k))
    writer.close()
    journal_files.part_path(first, 2).rmdir()
    chunks = [r for r in journal.read(first) if isinstance(r, Chunk)]
    assert chunks and whole(chunks)
    assert not any(isinstance(r, journal.Torn) for r in journal.read(first))


def test_killed_between_making_a_part_and_its_first_write(tmp_path: Path) -> None:
    file = journal.path(tmp_path, 0)
    writer = journal.JournalWriter(file)
    writer.open(journal.make_header("s", 0, INFO))
    writer.chunk(make_chunk(0))
    writer.close()
    count = len(list(journal.read(file)))
    journal_files.part_path(file, 2).touch()
    assert len(list(journal.read(file))) == count
    assert journal.next_segment(tmp_path) == 1


def test_room() -> None:
    info = StreamInfo("s", "lsl", 1000.0, tuple(map(str, range(64))))
    rate = bytes_per_s(info)
    assert 500_000 < rate < 600_000
    space = Space(Path("sessions"), info, 100_000_000)
    with pytest.raises(JournalError, match="only 50 MB are free in 'sessions', expected at least 100 MB"):
        space.begin(50_000_000)
    assert space.begin(int(2 * 3600 * rate)) == ""
    assert "50 minutes" in space.watch(int(3000 * rate))
    assert space.watch(int(2900 * rate)) == ""
    assert "30 seconds" in space.watch(int(30 * rate))
    assert space.watch(0) == "" and space.watch(int(1e12)) == ""


def test_low_space_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("acquisition.recorder.free_bytes", lambda _: 1_000_000)
    kept = recorder.Recorder(journal.path(tmp_path, 0), "s", 0, "", recorder.Keeping(free_bytes=10))
    kept.open(INFO)
    kept.close("done")
    (note,) = [r for r in journal.read(journal.path(tmp_path, 0)) if isinstance(r, journal.Note)]
    assert "nearly full" in note.text
