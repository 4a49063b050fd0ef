"""XDF: the genuine files, and made ones for several streams, levels, one-hot markers and bad input."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from acquisition.recordings import Recording, check_usable, read_recording
from config.errors import AmbiguousStream, RecordingError, StreamNotFound
from config.settings import RecordingSource


def read(file: Path, **fields: object) -> Recording:
    return read_recording(RecordingSource(file=str(file), **fields))


def chunk(tag: int, content: bytes) -> bytes:
    return b"\x04" + struct.pack("<IH", len(content) + 2, tag) + content


def header(number: int, name: str, kind: str, channels: int, rate: float, form: str, desc: str = "") -> bytes:
    xml = (
        f"<info><name>{name}</name><type>{kind}</type><channel_count>{channels}</channel_count>"
        f"<nominal_srate>{rate}</nominal_srate><channel_format>{form}</channel_format><desc>{desc}</desc></info>"
    )
    return chunk(2, struct.pack("<I", number) + xml.encode())


def samples(number: int, stamps: np.ndarray, values: list[bytes]) -> bytes:
    body = b"".join(b"\x08" + struct.pack("<d", t) + v for t, v in zip(stamps, values, strict=True))
    return chunk(3, struct.pack("<I", number) + b"\x04" + struct.pack("<I", len(stamps)) + body)


def text(*fields: str) -> bytes:
    return b"".join(b"\x01" + bytes([len(f.encode())]) + f.encode() for f in fields)


DESC = "<channels>{}</channels>"
CHANNEL = "<channel><label>{}</label><type>{}</type><unit>{}</unit></channel>"
RNG = np.random.default_rng(1)
STAMPS = 900.0 + np.arange(500) / 250 + RNG.uniform(0, 0.003, 500)
VALUES = RNG.normal(0, 1, (500, 3)).astype(np.float32)


def eeg(number: int = 1, name: str = "Muse", kind: str = "EEG", unit: str = "microvolts", count: int = 500) -> bytes:
    described = "".join(CHANNEL.format(label, "EEG", unit) for label in ("TP9", "AF7")) + CHANNEL.format(
        "T", "stim", ""
    )
    values = VALUES.copy()
    values[:, 2] = 0
    values[[100, 101, 300], 2] = [4, 4, 5]
    made = header(number, name, kind, 3, 250.0, "float32", DESC.format(described))
    return made + (samples(number, STAMPS[:count], [row.tobytes() for row in values[:count]]) if count else b"")


def markers(number: int, at: np.ndarray, values: list[bytes], form: str = "string", channels: int = 1) -> bytes:
    made = header(number, f"M{number}", "Markers", channels, 0.0, form)
    return made + samples(number, at, values)


def write(path: Path, *parts: bytes) -> Path:
    whole = b"XDF:" + chunk(1, b"<info><version>1.0</version></info>") + b"".join(parts)
    path.write_bytes(gzip.compress(whole) if path.suffix == ".xdfz" else whole)
    return path


AT = np.array([899.9, 900.5, 901.0, 905.0])


@pytest.mark.parametrize("suffix", [".xdf", ".xdfz"])
def test_eeg_and_text_markers(tmp_path: Path, suffix: str) -> None:
    file = write(tmp_path / f"a{suffix}", eeg(), markers(2, AT, [text(w) for w in ("a", "b ", "c é", "d")]))
    recording = read(file)
    assert recording.rate_hz == 250.0 and recording.channels == ("TP9", "AF7")
    assert np.array_equal(recording.samples, VALUES[:, :2].T)
    assert recording.stamps is not None and np.array_equal(recording.stamps, STAMPS)
    assert [m.label for m in recording.events] == ["a", "b", "c é", "d"]
    assert [m.stamp for m in recording.events] == AT.tolist()
    rows = [m.row for m in recording.events]
    assert rows[0] < -24 and abs(rows[1] - 125) < 2 and abs(rows[2] - 250) < 2 and rows[3] > 1200
    check_usable(recording)


def test_units_and_chosen_channels(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xdf", eeg(unit="V"), markers(2, AT, [text("a")] * 4))
    recording = read(file, channels=("AF7",))
    assert np.allclose(recording.samples, VALUES[:, 1:2].T * 1e6)
    with pytest.raises(RecordingError, match=r"no channel 'Oz'; .* TP9, AF7"):
        read(file, channels=("Oz",))


def test_number_markers_one_hot_and_two_channels(tmp_path: Path) -> None:
    whole = markers(2, AT, [struct.pack("<i", v) for v in (7, 0, 1001, -3)], "int32")
    assert [m.label for m in read(write(tmp_path / "a.xdf", eeg(), whole)).events] == ["7", "0", "1001", "-3"]
    hot = markers(2, AT, [np.eye(4, dtype="<f4")[k].tobytes() for k in range(4)], "float32", 4)
    assert [m.label for m in read(write(tmp_path / "b.xdf", eeg(), hot)).events] == ["1", "2", "3", "4"]
    two = markers(2, AT, [text(*w) for w in (("a", "x"), ("", "y"), ("c", ""), ("", ""))], channels=2)
    assert [m.label for m in read(write(tmp_path / "c.xdf", eeg(), two)).events] == ["a", "y", "c"]


def test_levels_on_a_regular_stream_and_on_an_eeg_channel(tmp_path: Path) -> None:
    levels = np.zeros(500, dtype="<i4")
    levels[50:60] = 3
    levels[200:210] = 4
    regular = header(2, "Trigger", "Stim", 1, 250.0, "int32")
    regular += samples(2, STAMPS, [v.tobytes() for v in levels])
    found = read(write(tmp_path / "a.xdf", eeg(), regular)).events
    assert [(m.label, m.stamp) for m in found] == [("3", STAMPS[50]), ("4", STAMPS[200])]
    file = write(tmp_path / "b.xdf", eeg())
    assert [(m.label, m.stamp) for m in read(file, stim_channel="T").events] == [("4", STAMPS[100]), ("5", STAMPS[300])]
    with pytest.raises(RecordingError, match=r"no channel 'S' .* TP9, AF7, T"):
        read(file, stim_channel="S")


def test_several_streams_of_one_name(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xdf", eeg(7), eeg(9), markers(2, AT, [text("a")] * 4))
    with pytest.raises(AmbiguousStream, match=r"2 streams that can be source\.stream; .*'Muse#7' .*'Muse#9'"):
        read(file)
    with pytest.raises(AmbiguousStream, match="2 streams named 'Muse'"):
        read(file, stream="Muse")
    assert read(file, stream="Muse#9").n_rows == 500
    with pytest.raises(
        StreamNotFound, match=r"no stream 'Muse#8'; .*'Muse#7' \(EEG, 3 channels at 250 Hz, 500 samples\)"
    ):
        read(file, stream="Muse#8")


def test_an_empty_stream_gives_way(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xdf", eeg(7, count=0), eeg(9), markers(2, AT, [text("a")] * 4))
    assert read(file).notes[0] == "EEG of stream 'Muse#9'"
    with pytest.raises(RecordingError, match=r"'Muse#7' .* is empty"):
        read(file, stream="Muse#7")


def test_which_markers(tmp_path: Path) -> None:
    parts = [eeg(), markers(2, AT, [text("a")] * 4), markers(3, AT, [text("b")] * 4)]
    file = write(tmp_path / "a.xdf", *parts)
    with pytest.raises(AmbiguousStream, match=r"source\.marker_stream .*'M2#2'.*'M3#3'"):
        read(file)
    assert read(file, marker_stream="M3").events[0].label == "b"
    with pytest.raises(StreamNotFound, match="no stream 'M4'"):
        read(file, marker_stream="M4")
    only = read(write(tmp_path / "b.xdf", eeg()))
    assert only.events == ()
    with pytest.raises(RecordingError, match="no marker"):
        check_usable(only)


def test_streams_of_no_use(tmp_path: Path) -> None:
    with pytest.raises(StreamNotFound, match="no stream of type EEG"):
        read(write(tmp_path / "a.xdf", markers(2, AT, [text("a")] * 4)))
    with pytest.raises(RecordingError, match="no regular rate"):
        read(write(tmp_path / "b.xdf", markers(2, AT, [text("a")] * 4)), stream="M2")
    damaged = header(1, "E", "EEG", 1, 250.0, "float32") + samples(1, np.array([1.0, np.nan]), [b"\0\0\0\0"] * 2)
    with pytest.raises(RecordingError, match="1 stamps that are not finite"):
        read(write(tmp_path / "c.xdf", damaged))


def test_cut_anywhere_or_lying(tmp_path: Path) -> None:
    file = write(tmp_path / "a.xdf", eeg(), markers(2, AT, [text("a")] * 4))
    whole = file.read_bytes()
    for length in (*range(5, 60), len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        with pytest.raises((RecordingError, StreamNotFound)):
            read(file)
    huge = struct.pack("<I", 1) + b"\x08" + struct.pack("<Q", 1 << 40)
    with pytest.raises(RecordingError, match="claims 1099511627776 samples"):
        read(write(tmp_path / "b.xdf", header(1, "E", "EEG", 1, 250.0, "float32"), chunk(3, huge)))
    wide = header(1, "E", "EEG", 1 << 40, 250.0, "float32")
    with pytest.raises(RecordingError, match="claims 1 samples"):
        read(write(tmp_path / "c.xdf", wide, samples(1, np.array([1.0]), [b"\0" * 4])))
    (tmp_path / "d.xdf").write_bytes(b"XDF:\x08" + b"\xff" * 8 + b"x" * 20)
    with pytest.raises(RecordingError, match="damaged"):
        read(tmp_path / "d.xdf")
    packed = gzip.compress(whole)
    (tmp_path / "e.xdfz").write_bytes(packed[: len(packed) // 2])
    with pytest.raises(RecordingError, match="cut off"):
        read(tmp_path / "e.xdfz")


def test_genuine_muse_with_four_streams_of_one_name(data: Path) -> None:
    file = data / "xdf" / "muse_p001.xdf"
    recording = read(file)
    assert recording.channels == ("TP9", "AF7", "AF8", "TP10", "AUX_RIGHT") and recording.rate_hz == 256.0
    assert (
        recording.n_rows == 2820 and recording.stamps is not None and recording.samples[0, 0] == np.float32(271.97266)
    )
    assert read(file, stream="Muse").n_rows == read(file, stream="Muse#1").n_rows == 2820
    with pytest.raises(RecordingError, match="accelerometer"):
        read(file, stream="Muse#3")


def test_genuine_clock_reset_is_refused(data: Path) -> None:
    recording = read(data / "xdf" / "clock_resets.xdf")
    assert recording.resets == (12876,) and len(recording.events) == 175
    with pytest.raises(RecordingError, match=r"resets midway, after 128\.8 s"):
        check_usable(recording)


def test_other_genuine_files(data: Path) -> None:
    minimal = read(data / "xdf" / "minimal.xdf")
    assert minimal.samples.shape == (3, 9) and [m.label for m in minimal.events[1:3]] == ["Hello", "World"]
    two = read(data / "xdf" / "twochannel_string_marker.xdf")
    assert [m.label for m in two.events] == ["Marker 0A"]
    with pytest.raises(RecordingError, match="one marker only"):
        check_usable(two)
    with pytest.raises(StreamNotFound, match="no stream of type EEG"):
        read(data / "xdf" / "empty_streams.xdf")
