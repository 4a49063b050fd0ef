"""Crops of long recordings: evenly spaced whatever the chunks, all of one text, and bad tables are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from dataset_data import things2

from acquisition.recordings.converted import recording_sha256
from acquisition.recordings.recording import ArraySignal, Marker, Recording
from config.errors import EegseekError, SettingsError
from training.datasets.catalogue import convert_piece, find
from training.trials.crops import Crops, crops_command, read_table
from training.trials.epoch_files import read_epochs

RATE = 100


def test_crops_begin_on_the_same_rows_whatever_markers_a_file_has() -> None:
    ramp = ArraySignal(np.arange(1050, dtype=np.float32)[None])
    old = (Marker(3.0, "old"),)
    source = Crops(Recording(Path("r"), "ramp", RATE, ("Cz",), 1050, ramp, old), "report-1", step_s=2.5, first_s=1.0)
    assert source.open().exact_rows
    chunks = [source.read(1.0)]
    while not chunks[-1].final:
        chunks.append(source.read(1.0))
    assert np.array_equal(np.concatenate([chunk.samples for chunk in chunks], axis=1), ramp.array)
    events = [event for chunk in chunks for event in chunk.events]
    assert [event.row for event in events] == [100, 350, 600, 850]
    assert [event.stamp for event in events] == [1.0, 3.5, 6.0, 8.5]
    assert {event.label for event in events} == {"report-1"}


def csv_recording(file: Path, seconds: int = 40) -> None:
    signal = np.random.default_rng(len(file.name)).standard_normal((seconds * 256, 4)) * 10
    rows = (f"{k / 256:.6f}," + ",".join(f"{v:.3f}" for v in row) + ",0.0,0" for k, row in enumerate(signal))
    file.write_text("\n".join(["timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0", *rows]) + "\n")


def test_recordings_become_epochs_folders(tmp_path: Path) -> None:
    for name in ("one.csv", "another.csv"):
        csv_recording(tmp_path / name)
    table = tmp_path / "table.csv"
    table.write_text("file,text,subject\none.csv,report-1,p1\nanother.csv,report-2,p2\n")
    settings = ["chain.notch_hz=[]", "chain.lowpass_hz=30.0"]
    folders = crops_command(table, tmp_path / "crops", length_s=5.0, rate_hz=64.0, overrides=settings)
    stored = [read_epochs(folder) for folder in folders]
    assert [(one.spec.subject, set(one.spec.labels)) for one in stored] == [("p1", {"report-1"}), ("p2", {"report-2"})]
    assert all(one.windows.shape == (5, 4, 320) for one in stored)
    assert np.allclose(np.diff(stored[0].spec.onsets_s), 5.0)


def test_a_converted_copy_is_cut_too(tmp_path: Path) -> None:
    root = things2(tmp_path / "data", [(1000, 1)], 20_000)
    copy = convert_piece(find(root)[1][0], root)
    table = tmp_path / "t.csv"
    table.write_text(f"file,text\n{copy},report\n")
    settings = ["chain.channels=['Oz','P7']", "chain.notch_hz=[]", "chain.lowpass_hz=30.0"]
    (folder,) = crops_command(table, tmp_path / "crops", length_s=2.0, overrides=settings)
    assert read_epochs(folder).spec.sha256 == recording_sha256(copy)


def test_bad_tables(tmp_path: Path) -> None:
    table = tmp_path / "t.csv"
    table.write_text("path,report\na.csv,1\n")
    with pytest.raises(SettingsError, match="it needs file and text"):
        read_table(table)
    table.write_text("file,text\na.csv,1\na.csv,2\n")
    with pytest.raises(SettingsError, match="names a file twice"):
        read_table(table)
    for row in ("a.csv", ",1", "a.csv,"):
        table.write_text(f"file,text\n{row}\n")
        with pytest.raises(SettingsError, match=r"row 2 of .* lacks its file or its text"):
            read_table(table)
    with pytest.raises(SettingsError, match="shorter than a sample"):
        crops_command(table, tmp_path / "crops", length_s=5.0, step_s=0.001)
    csv_recording(tmp_path / "short.csv", seconds=10)
    table.write_text("file,text\nshort.csv,1\n")
    with pytest.raises(EegseekError, match=r"gives no crop: it is too short"):
        crops_command(table, tmp_path / "crops", length_s=5.0, rate_hz=64.0, overrides=["chain.lowpass_hz=30.0"])
