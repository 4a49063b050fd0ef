"""The journal: bit for bit, one write a record, readable however it was cut."""

from __future__ import annotations

import os
import stat
import struct
import threading
from pathlib import Path

import numpy as np
import pytest

from acquisition import journal
from acquisition.journal_format import CHUNK, FILE_HEAD, MAGIC, PREFIX, seal
from acquisition.types import Chunk, Event, Gap, StreamInfo
from config.errors import JournalError
from wire.packets import Answer, Hit, Rejected, Result

INFO = StreamInfo("muse", "lsl", 256.0, ("TP9", "AF7", "AF8"), simulated=True, notes=("a note",), line_hz=50.0)
NAN_WITH_PAYLOAD = np.frombuffer(struct.pack("<I", 0x7FC12345), dtype="<f4")[0]


def make_chunk(seed: int, times: int = 5, counter: bool = True, **fields: object) -> Chunk:
    rng = np.random.default_rng(seed)
    samples = rng.standard_normal((3, times)).astype(np.float32)
    if times:
        samples[0, 0] = NAN_WITH_PAYLOAD
    stamps = 100.0 + seed + np.arange(times) / 256
    count = np.arange(times, dtype=np.int64) + 7 * seed if counter else None
    events = tuple(Event(100.1 + seed + k, f"s{k} é", None if k else seed + 0.25) for k in range(seed % 3))
    made = Chunk(samples, stamps, 200.0 + seed, stamps - 0.1, count, events, offset_s=0.1)
    return Chunk(**{**vars(made), **fields})


def make_result(sequence: int) -> Result:
    hit = Hit(id="a", label="apple", modality="image", cosine=0.5, probability=0.25)
    data = np.random.default_rng(sequence).standard_normal((2, 4)).astype(np.float32)
    answers = (Answer(hits=(hit,), repeats=1), Answer(hits=(hit,), repeats=3))
    return Result(
        session="s", segment=0, sequence=sequence, stimulus="1", onset_s=3.5, versions=2, dim=4, answers=answers,
        encoder="e", gallery="g", commit=sequence + 1, data=data,
    )  # fmt: skip


def same(a: Chunk, b: Chunk) -> bool:
    arrays = ("samples", "stamps", "raw_stamps")
    plain = ("arrived", "events", "offset_s", "state", "final")
    bits = all(
        getattr(a, n).tobytes() == getattr(b, n).tobytes() and getattr(a, n).shape == getattr(b, n).shape
        for n in arrays
    )
    counters = (a.counter is None) == (b.counter is None) and (
        a.counter is None or b.counter is None or a.counter.tobytes() == b.counter.tobytes()
    )
    return bits and counters and all(getattr(a, n) == getattr(b, n) for n in plain)


def write(folder: Path) -> Path:
    """A journal with every type of record."""
    writer = journal.JournalWriter(journal.path(folder, 0))
    writer.open(journal.make_header("s", 0, INFO, "[source]\n"))
    writer.chunk(make_chunk(1))
    writer.chunk(make_chunk(2, counter=False))
    writer.packet(make_result(0))
    writer.chunk(make_chunk(4, times=0))
    writer.gap(Gap(np.int64(10), 3.0, 101.5))
    writer.note("paused \ud800 by hand")
    writer.packet(Rejected(session="s", segment=0, sequence=1, stimulus="2", onset_s=4.0, reasons=("flat",)))
    writer.chunk(make_chunk(5, state="lost", final=True))
    writer.close("done")
    return writer.file


def test_everything_comes_back_bit_for_bit(tmp_path: Path) -> None:
    records = list(journal.read(write(tmp_path / "new" / "session")))
    header, *rest = records
    assert isinstance(header, journal.Header)
    assert header.info == INFO and header.settings == "[source]\n" and header.versions["numpy"] == np.__version__
    chunks = [r for r in rest if isinstance(r, Chunk)]
    wanted = [make_chunk(1), make_chunk(2, counter=False), make_chunk(4, times=0)]
    wanted.append(make_chunk(5, state="lost", final=True))
    assert len(chunks) == 4 and all(same(a, b) for a, b in zip(chunks, wanted, strict=True))
    packets = [r.packet for r in rest if isinstance(r, journal.PacketRecord)]
    assert packets[0] == make_result(0) and isinstance(packets[1], Rejected)
    assert Gap(10, 3.0, 101.5) in rest
    assert [r.text for r in rest if isinstance(r, journal.Note)] == ["paused ? by hand"]
    assert isinstance(rest[-1], journal.End) and rest[-1].reason == "done"
    assert chunks[0].samples.flags.c_contiguous and chunks[0].samples.dtype == np.float32


def test_private(tmp_path: Path) -> None:
    file = write(tmp_path / "session")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_one_write_call_a_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: calls.append(len(data)) or real(fd, data))
    file = write(tmp_path)
    assert len(calls) == 10  # header, 4 chunks, 2 packets, gap, note, end
    assert sum(calls) == file.stat().st_size


def test_a_chunk_without_news_is_not_written(tmp_path: Path) -> None:
    writer = journal.JournalWriter(tmp_path / "a.esj")
    writer.open(journal.make_header("s", 0, INFO))
    quiet = make_chunk(3, times=0)
    writer.chunk(quiet)  # the first one tells the state
    size = writer.file.stat().st_size
    writer.chunk(quiet)
    assert writer.file.stat().st_size == size
    writer.chunk(make_chunk(3, times=0, state="stalled"))
    assert writer.file.stat().st_size > size
    writer.close()


def test_cut_at_every_byte(tmp_path: Path) -> None:
    whole = write(tmp_path).read_bytes()
    records = list(journal.read(journal.path(tmp_path, 0)))
    ends, at = [FILE_HEAD.size], FILE_HEAD.size
    while at < len(whole):
        at += PREFIX.size + PREFIX.unpack_from(whole, at)[0]
        ends.append(at)
    assert len(ends) == len(records) + 1
    cut = tmp_path / "cut.esj"
    for length in range(len(whole)):
        cut.write_bytes(whole[:length])
        if length < FILE_HEAD.size:
            with pytest.raises(JournalError, match="no journal"):
                list(journal.read(cut))
            continue
        read = list(journal.read(cut))
        kept = sum(end <= length for end in ends) - 1
        torn = [r for r in read if isinstance(r, journal.Torn)]
        assert len(read) == kept + len(torn)
        assert [type(r) for r in read[:kept]] == [type(r) for r in records[:kept]]
        if length in ends:
            assert not torn
        else:
            assert torn == [journal.Torn(ends[kept], length - ends[kept], "the file ends inside a record")]


def test_any_changed_byte_is_noticed(tmp_path: Path) -> None:
    file = write(tmp_path)
    whole = file.read_bytes()
    count = len(list(journal.read(file)))
    for at in range(FILE_HEAD.size, len(whole)):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 0x41]) + whole[at + 1 :])
        read = list(journal.read(file))
        assert isinstance(read[-1], journal.Torn) and len(read) <= count
        assert read[-1].offset <= at < read[-1].offset + read[-1].lost_bytes


def test_a_claimed_size_is_not_believed(tmp_path: Path) -> None:
    file = write(tmp_path)
    with file.open("ab") as stream:
        stream.write(PREFIX.pack(0xFFFFFFF0, 0, CHUNK) + b"x" * 50)
    torn = list(journal.read(file))[-1]
    assert isinstance(torn, journal.Torn) and "4294967280" in torn.reason and torn.lost_bytes == 59


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (CHUNK, b"short"),
        (CHUNK, struct.pack("<IIBBHIdd", 2**31, 2**31, 0, 0, 0, 0, 0.0, 0.0)),
        (CHUNK, struct.pack("<IIBBHIdd", 1, 0, 0, 0, 0, 2, 0.0, 0.0) + b"{}"),
        (CHUNK, struct.pack("<IIBBHIdd", 1, 0, 0, 1, 0, 0, 0.0, 0.0) + b"\xff"),
        (3, struct.pack("<HI", 5, 5) + b"x"),
        (3, b"x"),
        (4, b'{"index": "many"}'),
        (4, b"[" * 100_000),
        (99, b""),
    ],
)
def test_foreign_records_are_refused(tmp_path: Path, kind: int, body: bytes) -> None:
    file = write(tmp_path)
    with file.open("ab") as stream:
        stream.write(seal(kind, [body]))
    with pytest.raises(JournalError, match="record"):
        list(journal.read(file))


def test_foreign_files_are_refused(tmp_path: Path) -> None:
    foreign = tmp_path / "a.esj"
    foreign.write_bytes(b"timestamps,TP9\n1,2\n" * 9)
    with pytest.raises(JournalError, match="no journal"):
        list(journal.read(foreign))
    foreign.write_bytes(FILE_HEAD.pack(MAGIC, 2, 0))
    with pytest.raises(JournalError, match="version 2"):
        list(journal.read(foreign))
    with pytest.raises(JournalError, match="cannot be read"):
        list(journal.read(tmp_path / "absent.esj"))


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    file = write(tmp_path)
    before = file.read_bytes()
    with pytest.raises(JournalError, match="never overwritten"):
        journal.JournalWriter(file).open(journal.make_header("s", 0, INFO))
    assert file.read_bytes() == before


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), 10])
def test_a_failed_write_leaves_a_whole_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: OSError | int
) -> None:
    writer = journal.JournalWriter(tmp_path / "a.esj")
    writer.open(journal.make_header("s", 0, INFO))
    writer.chunk(make_chunk(1))
    real = os.write

    def full(fd: int, data: bytes) -> int:
        if isinstance(fault, OSError):
            raise fault
        return real(fd, data[:fault])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(JournalError, match="free space"):
        writer.chunk(make_chunk(2))
    monkeypatch.undo()
    with pytest.raises(JournalError, match="free space"):  # a hole would not be the truth
        writer.chunk(make_chunk(3))
    writer.close()
    read = list(journal.read(writer.file))
    assert len(read) == 2 and isinstance(read[1], Chunk) and same(read[1], make_chunk(1))


def test_closed_or_unopened(tmp_path: Path) -> None:
    writer = journal.JournalWriter(tmp_path / "a.esj")
    writer.close()
    with pytest.raises(JournalError, match="not open"):
        writer.note("x")
    writer.open(journal.make_header("s", 0, INFO))
    writer.close()
    writer.close()
    with pytest.raises(JournalError, match="not open"):
        writer.chunk(make_chunk(1))


def test_a_chunk_with_arrays_of_two_lengths_is_refused(tmp_path: Path) -> None:
    writer = journal.JournalWriter(tmp_path / "a.esj")
    writer.open(journal.make_header("s", 0, INFO))
    with pytest.raises(JournalError, match="another length"):
        writer.chunk(make_chunk(1, stamps=np.zeros(2)))
    writer.close()
    assert len(list(journal.read(writer.file))) == 2


def test_two_threads(tmp_path: Path) -> None:
    writer = journal.JournalWriter(tmp_path / "a.esj")
    writer.open(journal.make_header("s", 0, INFO))

    def results() -> None:
        for k in range(300):
            writer.packet(make_result(k))

    thread = threading.Thread(target=results)
    thread.start()
    for k in range(300):
        writer.chunk(make_chunk(k))
    thread.join(20)
    writer.close()
    read = list(journal.read(writer.file))
    assert [r.packet.sequence for r in read if isinstance(r, journal.PacketRecord)] == list(range(300))
    chunks = [r for r in read if isinstance(r, Chunk)]
    assert all(same(chunk, make_chunk(k)) for k, chunk in enumerate(chunks)) and len(chunks) == 300


def test_segments(tmp_path: Path) -> None:
    assert journal.next_segment(tmp_path / "none") == 0
    journal.path(tmp_path, 3).touch()
    (tmp_path / "segment-0009.txt").touch()
    (tmp_path / "segment-x.esj").touch()
    assert journal.next_segment(tmp_path) == 4
    journal.path(tmp_path, 12345).touch()
    assert journal.next_segment(tmp_path) == 12346


def test_played_again(tmp_path: Path) -> None:
    source = journal.JournalSource(write(tmp_path))
    info = source.open()
    assert info.channels == INFO.channels and info.simulated and info.kind == "lsl" and "journal" in info.notes[-1]
    chunks = [source.read(0.0) for _ in range(4)]
    wanted = [make_chunk(1), make_chunk(2, counter=False), make_chunk(4, times=0)]
    assert all(same(a, b) for a, b in zip(chunks, wanted, strict=False))
    assert [chunk.final for chunk in chunks] == [False, False, False, True]
    after = source.read(0.0)
    assert after.final and after.samples.shape == (3, 0)
    source.close()
    source.close()


def test_played_again_after_a_kill(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:-500])
    source = journal.JournalSource(file)
    source.open()
    chunks = []
    while not chunks or not chunks[-1].final:
        chunks.append(source.read(0.0))
    assert len(chunks) == 3 and source.torn is not None and source.torn.lost_bytes > 0


def test_played_again_without_a_header(tmp_path: Path) -> None:
    file = write(tmp_path)
    file.write_bytes(file.read_bytes()[:40])
    with pytest.raises(JournalError, match="cut off in its header"):
        journal.JournalSource(file).open()
