"""Recordings and arrays that somebody made to do harm: each is refused in one sentence."""

from __future__ import annotations

import gzip
import json
import struct
from pathlib import Path

import pytest
from hostile import refused

from acquisition.journal_format import CHUNK, FILE_HEAD, HEADER, MAGIC, PREFIX, VERSION, checksum, seal
from acquisition.journal_read import JournalSource, read
from acquisition.participant.v1 import read_features
from acquisition.recordings import read_recording, things1_events
from benchmarks.fuzz import arrays, recordings, texts
from config.errors import JournalError, RecordingError, SettingsError
from config.safe_pickle import read_npy_object, read_object
from config.settings import RecordingSource
from inference.inputs import read_npy
from training.protocols.classes import read_categories
from training.trials.crops import read_table
from training.trials.epoch_files import EPOCHS_JSON, WINDOWS_NPY, read_epochs


def opened(path: Path, **chosen: str) -> None:
    read_recording(RecordingSource(file=str(path), **chosen))


HEADS = {
    "muse": b"timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0",
    "openbci": b"%OpenBCI\n%Number of channels = 4\n%Sample Rate = 200 Hz\nSample Index, EXG Channel 0, EXG Channel 1",
    "brainflow": b"\t".join([b"0.5"] * 24),
}  # fmt: skip
ROWS = {
    "a line of megabytes": b"\n1," + b"9" * 3_000_000,
    "a line of commas": b"\n" + b"," * 3_000_000,
    "formulas": b"\n=cmd|' /C calc'!A0,@SUM(1),+1,-1,0,0,0",
    "NUL bytes": b"\n1,2,\x00,4,5,6,7\x00\x00",
    "binary": b"\n" + bytes(range(256)) * 20,
    "half a letter": b"\n1,\xc3,3,4,5,6,0",
    "numbers without end": b"\n" + b",".join([b"1e999999"] * 7),
    "nothing": b"",
    "a quote that never ends": b'\n"1,2,3\n' + b"4,5,6\n" * 100,
}


@pytest.mark.parametrize("head", HEADS)
@pytest.mark.parametrize("rows", ROWS)
def test_text_recordings(tmp_path: Path, head: str, rows: str) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(HEADS[head] + ROWS[rows] + b"\n")
    if (head, rows) == ("brainflow", "nothing"):  # that is a whole file of one row
        return
    with refused(RecordingError):
        opened(path, board="CYTON_BOARD" if head == "brainflow" else "")


@pytest.mark.parametrize("head", [b"timestamps," + b"a," * 500_000, b"%OpenBCI\n" + b"%" * 5_000_000, b"1\t" * 500_000])
def test_headers_without_end(tmp_path: Path, head: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(head)
    with refused(RecordingError):
        opened(tmp_path / "a.csv")


@pytest.mark.parametrize(
    "said", [b"Sample Rate = 1.2.3 Hz", b"Sample Rate = " + b"9" * 400, b"Sample Rate = 0", b"Sample Rate = -5"]
)
def test_openbci_rates_that_are_none(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(b"%OpenBCI\n%Number of channels = 4\n%" + said + b"\n0, 1, 2, 3, 4\n")
    with refused(RecordingError, "does not give 'Sample Rate'"):
        opened(tmp_path / "a.txt")


@pytest.mark.parametrize("count", [b"999999999", b"9" * 5000])
def test_openbci_channels_that_are_not_there(tmp_path: Path, count: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(b"%OpenBCI\n%Number of channels = " + count + b"\n%Sample Rate = 200\n0, 1, 2\n")
    with refused(RecordingError):
        opened(tmp_path / "a.txt")


def test_muse_stamps_that_stand_still_or_leap(tmp_path: Path) -> None:
    for stamps in ([5.0] * 600, [float(k % 2) * 1e300 for k in range(600)], [1e300 * k for k in range(600)]):
        rows = "\n".join(f"{stamp!r},1,2,3,4,0,{int(k % 90 == 0)}" for k, stamp in enumerate(stamps))
        (tmp_path / "a.csv").write_text(HEADS["muse"].decode() + "\n" + rows + "\n")
        with refused(RecordingError):
            opened(tmp_path / "a.csv")


@pytest.mark.parametrize("length", [1 << 30, 1 << 31, 1 << 62, (1 << 64) - 1])
@pytest.mark.parametrize("packed", [False, True])
def test_xdf_chunks_of_a_claimed_length(tmp_path: Path, length: int, packed: bool) -> None:
    (whole, *_) = recordings.xdf(tmp_path)
    made = whole + b"\x08" + struct.pack("<Q", length) + struct.pack("<H", 3) + b"\x01\x00\x00\x00\x08" + b"\xff" * 8
    path = tmp_path / ("a.xdfz" if packed else "a.xdf")
    path.write_bytes(gzip.compress(made) if packed else made)
    with refused(RecordingError):
        opened(path)


def test_an_xdf_bomb(tmp_path: Path) -> None:
    (whole, *_) = recordings.xdf(tmp_path)
    rest = struct.pack("<IH", (100 << 20) + 2, 5) + bytes(100 << 20)
    (tmp_path / "a.xdfz").write_bytes(gzip.compress(whole + b"\x04" + rest, 1))
    with refused(RecordingError, "would unpack to more than"):
        opened(tmp_path / "a.xdfz")


def test_xdf_headers_with_entities(tmp_path: Path) -> None:
    laughs = "".join(f'<!ENTITY l{k} "{f"&l{k - 1};" * 10}">' for k in range(1, 12))
    xml = f'<!DOCTYPE a [<!ENTITY l0 "ha">{laughs}]><info><name>&l11;</name></info>'.encode()
    content = struct.pack("<HI", 2, 1) + xml
    (tmp_path / "a.xdf").write_bytes(b"XDF:\x04" + struct.pack("<I", len(content)) + content)
    with refused(RecordingError):
        opened(tmp_path / "a.xdf")


def npy(shape: str, descr: str = "'<f4'", fortran: str = "False", data: bytes = bytes(64)) -> bytes:
    head = f"{{'descr': {descr}, 'fortran_order': {fortran}, 'shape': {shape}, }}".encode()
    head += b" " * (-(len(head) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + data


NPY = {
    "huge": npy("(1000000000000, 4)"),
    "huge, in Fortran's order": npy("(1000000000000, 4)", fortran="True"),
    "larger than numbers": npy(f"({10**400}, {10**400})"),
    "larger than can be written": npy(f"({'9' * 3000}, {'9' * 3000})"),
    "negative": npy("(-1, 4)"),
    "negative twice": npy("(-2, -2)"),
    "no shape": npy("'ab'"),
    "nested": npy("(" * 900 + ")" * 900),
    "code": npy("__import__('os').mkdir('attacked')"),
    "objects": npy("(2,)", "'|O'", data=b"\x80\x04cos\nmkdir\n(S'attacked'\ntR."),
    "objects with fields": npy("(2,)", "[('a', '|O')]"),
    "fields": npy("(2,)", "[('a', '<f4')]"),
    "wide texts": npy("(2, 2)", "'<U999999999'"),
    "dates": npy("(2, 2)", "'<M8[s]'"),
    "half a header": npy("(2, 2)")[:30],
    "a header that is no Python": b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f4'(",
    "unfinished text": b"\x93NUMPY\x01\x00\x10\x00'''\n  \n \n\t(  [   ",
    "another version": b"\x93NUMPY\x09\x00" + bytes(80),
    "a zip": b"PK\x03\x04" + bytes(50),
    "nothing": b"",
}


@pytest.mark.parametrize("name", NPY)
def test_arrays(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.npy").write_bytes(NPY[name])
    for reader in (read_npy, read_features, read_npy_object):
        with refused():
            arrays.touch(reader(tmp_path / "a.npy"))
    (tmp_path / EPOCHS_JSON).write_bytes(texts.epochs_json(tmp_path)[0])
    (tmp_path / WINDOWS_NPY).write_bytes(NPY[name])
    with refused():
        read_epochs(tmp_path)
    assert not (tmp_path / "attacked").exists()


def spelt(depth: int) -> bytes:
    """A tuple in a tuple in a tuple."""
    return b")" + b"\x85" * depth


def doubling(times: int) -> bytes:
    """What is on the stack, twice in a tuple, that twice in a tuple, and so on: each level is one of the memo."""
    return b"".join(b"\x94h" + bytes([k]) + b"h" + bytes([k]) + b"\x86" for k in range(times))


BLANK = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85C\x01b\x87R"
PICKLES = {
    "a key that has no bottom": b"}" + spelt(2_000_000) + b"Ns.",
    "a set of it": b"\x8f(" + spelt(2_000_000) + b"\x90.",
    "a key that doubles": b"})" + doubling(60) + b"Ns.",
    "words about what doubles": b"cnumpy\ndtype\n)" + doubling(60) + b"R.",
    "a shape that doubles": BLANK + b"(K\x01)" + doubling(60) + b"cnumpy\ndtype\n\x8c\x02f8\x89\x88\x87R\x89C\x00tb.",
}


@pytest.mark.parametrize("name", PICKLES)
def test_pickles_that_never_end(tmp_path: Path, name: str) -> None:
    (tmp_path / "a.npy").write_bytes(PICKLES[name])
    with refused(RecordingError):
        read_object(tmp_path / "a.npy")


def test_epochs_that_were_left_out_by_the_billion(tmp_path: Path) -> None:
    (tmp_path / WINDOWS_NPY).write_bytes(arrays.windows_npy(tmp_path)[0])
    fields = json.loads(texts.epochs_json(tmp_path)[0])
    most = 10**12
    for change in ({"missed": most}, {"refused": {"gap": most}}, {"missed": -1}, {"repeats": [1]}, {"repeats": [0, 1]}):
        (tmp_path / EPOCHS_JSON).write_text(json.dumps({**fields, **change}))
        with refused(RecordingError):
            read_epochs(tmp_path)


@pytest.mark.parametrize(
    "change", [{"rows": [50, 1e300, 300]}, {"rows": [-1, 2, 3]}, {"rate_hz": 1e300}, {"n_rows": 10**15}]
)
def test_converted_copies(tmp_path: Path, change: dict[str, object]) -> None:
    (tmp_path / "eeg.npy").write_bytes(recordings.converted(tmp_path, "npy")[0])
    fields = {**json.loads(recordings.converted(tmp_path, "json")[0]), **change}
    (tmp_path / "recording.json").write_text(json.dumps(fields))
    with refused(RecordingError):
        opened(tmp_path)


def test_event_lists(tmp_path: Path) -> None:
    (whole,) = texts.events_tsv(tmp_path)
    head, path = whole.split(b"\n")[0], tmp_path / "a_events.tsv"
    end = b"\ta\t0\t0\t1\t1\ta"
    for row in (b"nan" + end, b"100", b"inf" + end, b"-1" + end, b"1\t" + b"x" * 200_000, b"100\ta\t0\t0\t\x00\t\xff"):
        path.write_bytes(head + b"\n" + row + b"\n")
        with refused(RecordingError):
            things1_events.read_events(path, 1000)


@pytest.mark.parametrize("reader", [read_categories, read_table])
def test_tables_with_a_field_without_end(tmp_path: Path, reader: object) -> None:
    (tmp_path / "a.tsv").write_bytes(b"file\ttext\na\t" + b"x" * 200_000 + b"\n")
    with refused(SettingsError):
        reader(tmp_path / "a.tsv")  # type: ignore[operator]


def journal(*records: bytes) -> bytes:
    return FILE_HEAD.pack(MAGIC, VERSION, 0) + b"".join(records)


@pytest.mark.parametrize("length", [(1 << 32) - 1, 1 << 31, 256 << 20, (256 << 20) + 1])
def test_journals_with_lengths_that_are_claimed(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.esj"
    path.write_bytes(journal(PREFIX.pack(length, 0, CHUNK) + b"x" * 100))
    (torn,) = read(path)
    assert "Torn" in type(torn).__name__
    with refused(JournalError):
        JournalSource(path).open()


def test_journal_records_that_lie_within_a_right_checksum(tmp_path: Path) -> None:
    huge = struct.pack("<IIBBHIdd", 0xFFFFFFFF, 0xFFFFFFFF, 7, 255, 0, 0xFFFFFFFF, 0.0, 0.0)
    deep = b'{"session":' + b"[" * 100_000
    for kind, body in ((CHUNK, huge), (HEADER, deep), (HEADER, b"{}"), (3, b"\xff" * 6), (99, b"")):
        sealed = seal(kind, [body])
        assert sealed == PREFIX.pack(len(body), checksum(kind, body), kind) + body
        (tmp_path / "a.esj").write_bytes(journal(sealed))
        with refused(JournalError):
            list(read(tmp_path / "a.esj"))
