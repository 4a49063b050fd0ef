"""Recordings: small valid files of every format, and a reader that plays them as a session does."""

from __future__ import annotations

import gzip
import os
import struct
import zlib
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from benchmarks.fuzz.mutate import PLAIN
from benchmarks.fuzz.target import Read
from benchmarks.fuzz.texts import in_file
from config.settings import RecordingSource

ROWS = 400
CHUNKS = 3
GENUINE_BYTES = 8000
"""Of genuine files, their beginning is taken, to a whole line."""


def play(file: Path, **chosen: Any) -> None:
    """Open a file as a session does, and take its first chunks as fast as they come."""
    from acquisition.sources.recording import RecordingReader

    reader = RecordingReader(RecordingSource(file=str(file), speed=0.0, **chosen))
    reader.open()
    for _ in range(CHUNKS):
        if reader.read(0.0).final:
            break
    reader.close()


def open_played(folder: Path, name: str, **chosen: Any) -> Read:
    """A player of files of that name."""
    return in_file(name, partial(play, **chosen), folder)


def muse(folder: Path) -> list[bytes]:
    """muse-lsl files: made ones, and the beginning of a genuine one."""
    found = []
    for head in ("timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0", "timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0,M1"):
        rows = [f"{1000 + k / 256:.4f}," + ",".join(f"{v:.1f}" for v in _noise(k, 5)) for k in range(300)]
        marks = ["1" if k % 90 == 50 else "0" for k in range(300)]
        more = ",0" if head.endswith("M1") else ""
        found.append("\n".join([head, *(f"{r},{m}{more}" for r, m in zip(rows, marks, strict=True))]).encode() + b"\n")
    return [*found, *_genuine("muse/n170/*.csv", 24_000)]


def openbci(folder: Path) -> list[bytes]:
    """OpenBCI GUI files of two versions, and the beginning of a genuine one."""
    found = []
    for old in (False, True):
        lines = ["%OpenBCI Raw EXG Data", "%Number of channels = 4", "%Sample Rate = 200 Hz", "%Board = x"]
        if not old:
            exg = ", ".join(f"EXG Channel {k}" for k in range(4))
            lines.append(f"Sample Index, {exg}, Not Used, Timestamp, Marker Channel, Timestamp (Formatted)")
        for k in range(120):
            rest = "12:00:01.5" if old else f"0, {1.6e12 + 5 * k:.1f}, {3 if k % 40 == 9 else 0}, 12:00:01.5"
            lines.append(f"{k % 100}, {', '.join(f'{v:.2f}' for v in _noise(k, 4))}, {rest}")
        found.append("\n".join(lines).encode() + b"\n")
    # older ones have no markers, and are refused once they are read
    return [*found, *_genuine("openbci/*.txt", GENUINE_BYTES)]


def brainflow(folder: Path) -> list[bytes]:
    """A BrainFlow file of a Cyton."""
    rows = []
    for k in range(120):
        row = [float(k % 256), *_noise(k, 21), 1.6e9 + k / 250, 7.0 if k % 40 == 20 else 0.0]
        rows.append("\t".join(f"{value:.6f}" for value in row))
    return ["\n".join(rows).encode() + b"\n"]


def open_converted(folder: Path, part: str) -> Read:
    """Play a converted copy of which one file is damaged."""
    from acquisition.recordings.converted import EEG_NPY, RECORDING_JSON

    (folder / EEG_NPY).write_bytes(converted(folder, "npy")[0])
    (folder / RECORDING_JSON).write_bytes(converted(folder, "json")[0])
    return in_file(RECORDING_JSON if part == "json" else EEG_NPY, lambda file: play(folder), folder)


def converted(folder: Path, part: str) -> list[bytes]:
    """A file of a converted copy."""
    import io

    from acquisition.recordings.converted import OriginalFile, RecordingSpec

    if part == "npy":
        stream = io.BytesIO()
        np.save(stream, np.ascontiguousarray(_signal(2).T, np.float32))
        return [stream.getvalue()]
    original = OriginalFile(name="a", bytes=1, mtime_ns=0, head_sha256="0" * 64)
    spec = RecordingSpec(
        name="a", dataset="d", rate_hz=250.0, channels=("Oz", "Pz"), n_rows=ROWS, rows=(50.0, 150.5, 300.0),
        labels=("a", "b", "c"), eeg_sha256="0" * 64, original=original, line_hz=50.0, notes=("n",),
    )  # fmt: skip
    return [spec.model_dump_json().encode()]


def xdf(folder: Path) -> list[bytes]:
    """An XDF file with EEG, text markers and clock offsets, and genuine ones where they are small."""
    signal, stamps = _signal(3).T.astype("<f4"), 900.0 + np.arange(ROWS) / 250
    described = "".join(
        f"<channel><label>{name}</label><type>EEG</type><unit>microvolts</unit></channel>" for name in ("a", "b", "c")
    )
    body = b"XDF:" + _chunk(1, b"<info><version>1.0</version></info>")
    body += _stream(1, "Muse", "EEG", 3, 250.0, "float32", f"<channels>{described}</channels>")
    body += _samples(1, [b"\x08" + struct.pack("<d", t) + row.tobytes() for t, row in zip(stamps, signal, strict=True)])
    body += _stream(2, "M", "Markers", 1, 0.0, "string", "")
    body += _samples(2, [b"\x08" + struct.pack("<d", 900.3 + k / 2) + b"\x01\x02s" + b"%d" % k for k in range(3)])
    for number in (1, 2):
        body += b"".join(_chunk(4, struct.pack("<Idd", number, 900.0 + k, 0.01)) for k in range(2))
        body += _chunk(6, struct.pack("<I", number) + b"<info><sample_count>3</sample_count></info>")
    return [body, *(data for data in _whole("xdf/*.xdf") if len(data) < GENUINE_BYTES and b"twochannel" not in data)]


def xdf_chunk(rng: Random, data: bytes) -> bytes:
    """A chunk changed inside, its length made right again, or taken out, doubled or moved."""
    at, chunks = 4, []
    while at < len(data):
        width = data[at]
        if width not in (1, 4, 8):
            return data
        size = int.from_bytes(data[at + 1 : at + 1 + width], "little")
        chunks.append(data[at + 1 + width : at + 1 + width + size])
        at += 1 + width + size
    if not chunks:
        return data
    chosen = rng.randrange(len(chunks))
    how = rng.random()
    if how < 0.7:
        chunks[chosen] = rng.choice(PLAIN)(rng, chunks[chosen])
    elif how < 0.8:
        del chunks[chosen]
    elif how < 0.9:
        chunks.insert(rng.randrange(len(chunks)), chunks[chosen])
    else:
        chunks.insert(rng.randrange(len(chunks)), chunks.pop(chosen))
    return data[:4] + b"".join(b"\x04" + struct.pack("<I", len(one)) + one for one in chunks)


def open_xdf_check(folder: Path) -> Read:
    """Walk through the chunks."""
    from acquisition.recordings.xdf_check import check_whole

    return in_file("a.xdf", check_whole, folder)


def xdfz(folder: Path) -> list[bytes]:
    """The same, packed."""
    return [gzip.compress(data, mtime=0) for data in xdf(folder)[:1]]


def regzipped(rng: Random, data: bytes) -> bytes:
    """What is inside a packed file changed."""
    try:
        inside = gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return data
    return gzip.compress(xdf_chunk(rng, inside), mtime=0)


def _chunk(tag: int, content: bytes) -> bytes:
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def _stream(number: int, name: str, kind: str, channels: int, rate: float, form: str, desc: str) -> bytes:
    xml = (
        f"<info><name>{name}</name><type>{kind}</type><channel_count>{channels}</channel_count>"
        f"<nominal_srate>{rate}</nominal_srate><channel_format>{form}</channel_format><desc>{desc}</desc></info>"
    )
    return _chunk(2, struct.pack("<I", number) + xml.encode())


def _samples(number: int, values: list[bytes]) -> bytes:
    return _chunk(3, struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(values)) + b"".join(values))


def _noise(row: int, count: int) -> list[float]:
    return [float(v) for v in np.random.default_rng(row).normal(0, 10, count)]


def _signal(channels: int) -> Any:
    return np.random.default_rng(1).normal(0, 10, (channels, ROWS))


def _whole(pattern: str) -> list[bytes]:
    root = os.environ.get("EEGSEEK_DATA")
    return [path.read_bytes() for path in sorted(Path(root).glob(pattern))] if root else []


def _genuine(pattern: str, size: int) -> list[bytes]:
    """The beginning of one genuine file, to a whole line; none where there are no genuine ones."""
    return [data[: data.rindex(b"\n", 0, size) + 1] for data in _whole(pattern)[:1]]
