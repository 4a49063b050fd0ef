"""Recordings: the genuine files, and small made ones for what those do not show."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from acquisition.recordings import Break, Recording, check_usable, read_recording
from acquisition.recordings.mne_files import MneSignal
from config.errors import RecordingError
from config.settings import RecordingSource

RNG = np.random.default_rng(0)


def read(file: Path, **fields: object) -> Recording:
    return read_recording(RecordingSource(file=str(file), **fields))


def muse(
    path: Path, n: int = 1000, header: str = "timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0", **edit: object
) -> Path:
    """A small muse-lsl file: markers 1 and 2 every 100 rows."""
    columns = header.count(",") - 1
    values = RNG.normal(0, 20, (n, columns))
    stamps = edit.get("stamps", 5000 + np.arange(n) / 256)
    lines = [header]
    for k in range(n):
        marker = 1 + k // 100 % 2 if k % 100 == 50 else 0
        lines.append(f"{stamps[k]:.4f}," + ",".join(f"{v:.3f}" for v in values[k]) + f",{marker}")
    path.write_text("\n".join(lines) + "\n")
    return path


# muse-lsl


def test_every_genuine_muse_file(data: Path) -> None:
    files = sorted((data / "muse").glob("*/*.csv"))
    assert len(files) == 11
    for file in files:
        recording = read(file)
        table = np.loadtxt(file, delimiter=",", skiprows=1)
        assert recording.channels == ("TP9", "AF7", "AF8", "TP10") and recording.rate_hz == 256.0
        assert np.array_equal(recording.samples, table[:, 1:5].T.astype(np.float32))
        rows = np.flatnonzero(table[:, -1])
        assert [marker.row for marker in recording.events] == rows.tolist()
        assert [marker.label for marker in recording.events] == [str(int(v)) for v in table[rows, -1]]
        assert not recording.breaks and not recording.resets and recording.stamps is None
        check_usable(recording)


@pytest.mark.parametrize("marker", ["Marker", " Marker", "Marker0"])
def test_muse_headers_vary(tmp_path: Path, marker: str) -> None:
    recording = read(muse(tmp_path / "a.csv", header=f"timestamps,TP9,AF7,AF8,TP10,Right AUX,{marker}"))
    assert recording.channels == ("TP9", "AF7", "AF8", "TP10")
    assert [m.label for m in recording.events] == ["1", "2"] * 5
    assert [m.row for m in recording.events] == [50.0 + 100 * k for k in range(10)]


def test_muse_aux_only_where_asked_for(tmp_path: Path) -> None:
    file = muse(tmp_path / "a.csv")
    recording = read(file, channels=("Right AUX", "TP9"))
    assert recording.channels == ("Right AUX", "TP9")
    assert np.array_equal(recording.samples[1], read(file).samples[0])


def test_muse_stim_channel_by_name(tmp_path: Path) -> None:
    file = muse(tmp_path / "a.csv", header="timestamps,TP9,AF7,Marker0,Trigger")
    recording = read(file, stim_channel="Trigger")
    assert recording.channels == ("TP9", "AF7") and len(recording.events) == 10
    with pytest.raises(RecordingError, match=r"no column 'Trig' .* TP9, AF7, Marker0, Trigger"):
        read(file, stim_channel="Trig")


def test_muse_loss_becomes_a_break(tmp_path: Path) -> None:
    stamps = 5000 + np.arange(1000) / 256
    stamps[600:] += 128 / 256
    recording = read(muse(tmp_path / "a.csv", stamps=stamps))
    assert recording.breaks == (Break(600, 128),) and "128 samples (0.50 s)" in recording.notes[-1]
    assert recording.counter(598, 602).tolist() == [598, 599, 728, 729]
    assert recording.counter(700, 702).tolist() == [828, 829]


def test_muse_gaps_in_fields_are_counted_not_refused(tmp_path: Path) -> None:
    file = muse(tmp_path / "a.csv")
    lines = file.read_text().splitlines()
    lines[5] = lines[5].replace(lines[5].split(",")[1], "", 1)
    lines[6] = lines[6].replace(lines[6].split(",")[2], "nan", 1)
    file.write_text("\n".join(lines))
    recording = read(file)
    assert np.isnan(recording.samples[0, 4]) and np.isnan(recording.samples[1, 5])
    assert any("2 samples are not finite" in note for note in recording.notes)
    check_usable(recording)


def test_muse_of_another_sensor(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="has no EEG channel"):
        read(muse(tmp_path / "a.csv", header="timestamps,X,Y,Z,Marker0"))
    with pytest.raises(RecordingError, match=r"at about 64\.0 Hz"):
        read(muse(tmp_path / "b.csv", stamps=np.arange(1000) / 64))


# bad input


def test_missing_empty_and_unknown(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="not there"):
        read(tmp_path / "none.csv")
    (tmp_path / "zero.csv").touch()
    with pytest.raises(RecordingError, match="empty"):
        read(tmp_path / "zero.csv")
    (tmp_path / "a.csv").write_text("a,b,c\n1,2,3\n")
    with pytest.raises(RecordingError, match=r"no known format; known are .*muse-lsl CSV.*XDF.*\.vhdr"):
        read(tmp_path / "a.csv")
    (tmp_path / "folder").mkdir()
    with pytest.raises(RecordingError, match="no known format"):
        read(tmp_path / "folder")
    (tmp_path / "h.csv").write_text("timestamps,TP9,Marker0\n")
    with pytest.raises(RecordingError, match="no sample"):
        read(tmp_path / "h.csv")


def test_a_csv_cut_off_in_a_line(tmp_path: Path) -> None:
    file = muse(tmp_path / "a.csv")
    whole = file.read_text()
    file.write_text(whole[: whole.rindex(",", 0, -10)])
    with pytest.raises(RecordingError, match="cut off or damaged in line 1001"):
        read(file)


def test_an_unknown_channel_lists_those_there(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match=r"no channel 'Oz'; .* TP9, AF7, AF8, TP10, Right AUX"):
        read(muse(tmp_path / "a.csv"), channels=("TP9", "Oz"))
    with pytest.raises(RecordingError, match="twice"):
        read(muse(tmp_path / "a.csv"), channels=("TP9", "TP9"))


@pytest.mark.parametrize("level", [0.0, 999.0, np.nan])
def test_railed_or_flat_all_through(tmp_path: Path, level: float) -> None:
    file = muse(tmp_path / "a.csv", n=6000)
    rows = [line.split(",") for line in file.read_text().splitlines()]
    for k, row in enumerate(rows[1:]):
        # from rail to rail, with a sample on the way, is no signal either
        row[1:5] = [str({0: -level, 1: 1.0}.get(k % 600, level))] * 4
    file.write_text("\n".join(",".join(row) for row in rows))
    with pytest.raises(RecordingError, match="railed or flat all through"):
        check_usable(read(file))
    rows[3000][2] = "12.5"
    for row in rows[3001:3300]:
        row[2] = f"{RNG.normal():.3f}"
    file.write_text("\n".join(",".join(row) for row in rows))
    check_usable(read(file))  # one channel lives for a while


def test_without_markers_or_with_one(tmp_path: Path) -> None:
    file = muse(tmp_path / "a.csv", n=200)
    lines = file.read_text().splitlines()
    none = [line.rsplit(",", 1)[0] + ",0" for line in lines[1:]]
    file.write_text("\n".join([lines[0], *none]))
    with pytest.raises(RecordingError, match="has no marker"):
        check_usable(read(file))
    file.write_text("\n".join([lines[0], *none[:50], lines[51], *none[51:]]))
    with pytest.raises(RecordingError, match="one marker only"):
        check_usable(read(file))


def test_a_clock_reset_midway(tmp_path: Path) -> None:
    stamps = 5000 + np.arange(2000) / 256
    stamps[1024:] -= 4000
    with pytest.raises(RecordingError, match=r"resets midway, after 4\.0 s"):
        check_usable(read(muse(tmp_path / "a.csv", n=2000, stamps=stamps)))


# OpenBCI


def test_genuine_openbci(data: Path) -> None:
    (file,) = (data / "openbci").glob("*.txt")
    recording = read(file)
    assert recording.rate_hz == 250.0 and len(recording.channels) == 8 and recording.n_rows == 22490
    assert recording.samples[0, 0] == np.float32(61379.36) and recording.samples[7, -1] == np.float32(-6470.99)
    assert not recording.breaks and not recording.resets and not recording.events
    assert read(file, stim_channel="Digital Channel 0 (D11)").events == ()


def openbci(path: Path, index: np.ndarray, old: bool = False, scale: float = 1000.0) -> Path:
    lines = ["%OpenBCI Raw EXG Data", "%Number of channels = 4", "%Sample Rate = 200 Hz", "%Board = x"]
    if not old:
        exg = ", ".join(f"EXG Channel {k}" for k in range(4))
        lines.append(f"Sample Index, {exg}, Not Used, Not Used, Timestamp, Marker Channel, Timestamp (Formatted)")
    for k, count in enumerate(index):
        values = ", ".join(f"{v:.2f}" for v in RNG.normal(0, 10, 4))
        rest = "12:00:01.5" if old else f"0, 0, {(1.6e9 + count / 200) * scale}, {3 if k % 90 == 9 else 0}, 12:00:01.5"
        lines.append(f"{count % 256}, {values}, {rest}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_openbci_losses_and_markers(tmp_path: Path, scale: float) -> None:
    index = np.delete(np.arange(1500), np.r_[300:307, 800:1100])
    recording = read(openbci(tmp_path / "a.txt", index, scale=scale))
    assert recording.breaks == (Break(300, 7), Break(793, 300))
    assert [(m.row, m.label) for m in recording.events[:2]] == [(9.0, "3"), (99.0, "3")]
    assert recording.channels[0] == "EXG Channel 0"


def test_openbci_before_version_5(tmp_path: Path) -> None:
    recording = read(openbci(tmp_path / "a.txt", np.delete(np.arange(900), 400), old=True))
    assert len(recording.channels) == 4 and recording.n_rows == 899 and recording.breaks == (Break(400, 1),)


def test_openbci_header_only_or_without_rate(tmp_path: Path) -> None:
    file = openbci(tmp_path / "a.txt", np.arange(5))
    head = file.read_text().splitlines()[:5]
    file.write_text("\n".join(head) + "\n")
    with pytest.raises(RecordingError, match="no sample"):
        read(file)
    file.write_text("\n".join([head[0], head[3], head[4], "0, 1,2,3,4"]))
    with pytest.raises(RecordingError, match="does not give 'Sample Rate'"):
        read(file)


# BrainFlow


def brainflow(path: Path, index: np.ndarray) -> Path:
    """What a Cyton leaves behind, written by BrainFlow itself."""
    from brainflow.data_filter import DataFilter

    rows = RNG.normal(0, 10, (24, len(index)))
    rows[0] = index % 256
    rows[22] = 1.6e9 + index / 250
    rows[23] = np.where(np.arange(len(index)) % 100 == 20, 7, 0)
    DataFilter.write_file(rows, str(path), "w")
    return path


def test_brainflow(tmp_path: Path) -> None:
    file = brainflow(tmp_path / "a.csv", np.delete(np.arange(1000), slice(500, 520)))
    recording = read(file, board="CYTON_BOARD")
    assert recording.channels == ("Fp1", "Fp2", "C3", "C4", "P7", "P8", "O1", "O2") and recording.rate_hz == 250.0
    assert recording.breaks == (Break(500, 20),)
    assert [m.label for m in recording.events] == ["7"] * 10 and recording.events[1].row == 120.0
    table = np.loadtxt(file, delimiter="\t")
    assert np.array_equal(recording.samples, table[:, 1:9].T.astype(np.float32))
    assert len(read(file, board="CYTON_BOARD", stim_channel="9").events) > 100
    with pytest.raises(RecordingError, match="columns 0 to 23"):
        read(file, board="CYTON_BOARD", stim_channel="24")


def test_brainflow_needs_its_board(tmp_path: Path) -> None:
    file = brainflow(tmp_path / "a.csv", np.arange(100))
    with pytest.raises(RecordingError, match=r"set source\.board .*24 rows.*CYTON_BOARD"):
        read(file)
    with pytest.raises(RecordingError, match=r"24 columns and source\.board 'SYNTHETIC_BOARD' 32 rows"):
        read(file, board="SYNTHETIC_BOARD")
    with pytest.raises(RecordingError, match="did you mean 'CYTON_BOARD'"):
        read(file, board="cyton_bord")


# MNE


@pytest.mark.parametrize("name", ["bv_export_bv_txt_bin_multi_32bit", "bv_export_bv_txt_bin_vector_16bit"])
def test_genuine_brainvision(data: Path, name: str) -> None:
    recording = read(data / "brainvision" / f"{name}.vhdr")
    assert recording.rate_hz == 512.0 and len(recording.channels) == 30 and recording.n_rows == 4722
    # the .vmrk counts positions from 1
    rows = [141, 423, 744, 1302, 1583, 1875, 2373, 2653, 3017, 3530, 3811, 4164]
    assert [m.row for m in recording.events] == rows
    assert [m.label for m in recording.events[:4]] == [f"Stimulus/s1{k}" for k in (0, 1, 2, 0)]
    raw = np.fromfile(data / "brainvision" / f"{name}.dat", "<i4" if "32" in name else "<i2")
    counts = raw.reshape(-1, 34).T if "multi" in name else raw.reshape(34, -1)
    counts = np.delete(counts, [12, 18, 32, 33], axis=0)  # M1, M2, HEOG, VEOG are no EEG
    unit = 5.4091593e-06 if "32" in name else 0.35450548
    assert np.allclose(recording.samples, counts * unit, rtol=1e-5)
    check_usable(recording)


def test_genuine_edf_agrees_with_brainvision(data: Path) -> None:
    folder = data / "brainvision"
    edf = read(folder / "bv_export_edf.edf")
    bv = read(folder / "bv_export_bv_txt_bin_multi_32bit.vhdr")
    rows = [edf.channels.index(name) for name in bv.channels]
    assert np.allclose(edf.samples[rows, :4722], bv.samples, atol=0.6)
    picked = read(folder / "bv_export_edf.edf", channels=("Oz", "VEOG"))
    assert np.array_equal(picked.samples[0], edf.samples[edf.channels.index("Oz")])
    with pytest.raises(RecordingError, match=r"no channel 'O3' for source\.stim_channel"):
        read(folder / "bv_export_edf.edf", stim_channel="O3")


def test_signal_of_mne_in_pieces(data: Path) -> None:
    recording = read(data / "brainvision" / "bv_export_bv_txt_bin_multi_32bit.vhdr")
    assert isinstance(recording.signal, MneSignal)
    whole = recording.samples
    recording.signal._rows = 1000  # several blocks
    recording.signal._held = (-1, whole[:, :0])
    pieces = [recording.signal.read(at, min(at + 37, 4722)) for at in range(0, 4722, 37)]
    assert np.array_equal(np.concatenate(pieces, axis=1), whole)
    assert recording.signal.read(50, 50).shape == (30, 0)
    assert np.array_equal(recording.signal.read(990, 3010), whole[:, 990:3010])


def test_parts_of_a_brainvision_recording(data: Path, tmp_path: Path) -> None:
    name = "bv_export_bv_txt_bin_multi_32bit"
    for suffix in (".vhdr", ".dat", ".vmrk"):
        shutil.copy(data / "brainvision" / (name + suffix), tmp_path)
    for file in tmp_path.iterdir():
        file.chmod(0o600)
    with pytest.raises(RecordingError, match=r"give its header '.*\.vhdr'"):
        read(tmp_path / f"{name}.dat")
    whole = (tmp_path / f"{name}.dat").read_bytes()
    (tmp_path / f"{name}.dat").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match="cut off: it holds 2361 of the 4722 samples"):
        read(tmp_path / f"{name}.vhdr")
    (tmp_path / f"{name}.dat").unlink()
    with pytest.raises(RecordingError, match="cannot be read"):
        read(tmp_path / f"{name}.vhdr")


def test_edf_cut_off_or_damaged(data: Path, tmp_path: Path) -> None:
    whole = (data / "brainvision" / "bv_export_edf.edf").read_bytes()
    file = tmp_path / "a.edf"
    for length in (len(whole) - 50_000, 5000, 100):
        file.write_bytes(whole[:length])
        with pytest.raises(RecordingError, match="cut off"):
            read(file)
    file.write_bytes(b"nothing of the kind" * 50)
    with pytest.raises(RecordingError, match="another format"):
        read(file)


def test_fif_with_stim_channel_annotations_and_an_offset(tmp_path: Path) -> None:
    import mne

    info = mne.create_info(["Oz", "O1", "HEOG", "STI"], 250.0, ["eeg", "eeg", "eog", "stim"])
    info["line_freq"] = 60.0
    data = np.vstack([RNG.normal(0, 1e-5, (3, 2000)), np.zeros((1, 2000))])
    data[3, [300, 301, 302, 900]] = [5, 5, 6, 99999]
    raw = mne.io.RawArray(data, info, first_samp=1234, verbose="ERROR")
    onset = [1.0, 2.0015, 4.0, 5.0, 6.0]
    raw.set_annotations(mne.Annotations(onset, [0, 0, 0.5, 1, 0], ["badger", " b ", "boundary", "BAD_blink", "c"]))
    raw.save(tmp_path / "x_raw.fif", verbose="ERROR")
    recording = read(tmp_path / "x_raw.fif")
    assert recording.channels == ("Oz", "O1") and recording.line_hz == 60.0
    assert [m.label for m in recording.events] == ["badger", "b", "c"]
    assert np.allclose([m.row for m in recording.events], [250, 500.375, 1500], atol=1e-3)
    assert recording.events[0].row == 250.0
    assert recording.breaks == (Break(1000, 125),)
    assert any("1 annotations marked BAD" in note for note in recording.notes)
    assert np.allclose(recording.samples, data[:2] * 1e6, rtol=1e-5)
    stim = read(tmp_path / "x_raw.fif", stim_channel="STI", channels=("HEOG",))
    assert [(m.row, m.label) for m in stim.events] == [(300.0, "5"), (302.0, "6"), (900.0, "99999")]
    assert stim.channels == ("HEOG",)
    whole = (tmp_path / "x_raw.fif").read_bytes()
    (tmp_path / "cut_raw.fif").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(RecordingError, match="cut off"):
        read(tmp_path / "cut_raw.fif")
