"""What fuzzing found, each with the smallest file that showed it: all are refused in one sentence now."""

from __future__ import annotations

import json
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hostile import refused

from acquisition.participant.v1 import read_features
from acquisition.recordings import read_recording
from acquisition.recordings.mat_check import check_mat
from acquisition.recordings.xdf_check import check_whole
from benchmarks.fuzz import arrays, mne_seeds, recordings, texts
from config.bounded import read_bounded
from config.errors import BundleError, RecordingError, SettingsError
from config.load import load_settings
from config.safe_pickle import read_object
from config.settings import RecordingSource
from inference.encoders import covariance
from inference.inputs import read_npy
from training.trials.epoch_files import EPOCHS_JSON, WINDOWS_NPY, read_epochs


def opened(path: Path, **chosen: str) -> None:
    read_recording(RecordingSource(file=str(path), **chosen))


@pytest.mark.parametrize(
    "small",
    ["934e554d5059ffff6372273a", "934e554d5059011c3966277c", "934e554d50590300273a2028", "934e554d505903007b276465"],
)
def test_npy_headers_of_a_claimed_length(tmp_path: Path, small: str) -> None:
    (tmp_path / "a.npy").write_bytes(bytes.fromhex(small))
    for reader in (read_object, read_npy, read_features):
        with refused():
            reader(tmp_path / "a.npy")


def test_an_npy_shape_that_is_true(tmp_path: Path) -> None:
    head = b"{'descr': '>f4', 'fortran_order': False, 'shape': (3, True, 2), }".ljust(117) + b"\n"
    (tmp_path / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head + bytes(24))
    with refused(RecordingError, "impossible shape"):
        arrays.touch(read_object(tmp_path / "a.npy"))


def test_an_xdf_header_of_a_claimed_length(tmp_path: Path) -> None:
    (tmp_path / "a.xdf").write_bytes(b"XDF:\x04" + struct.pack("<IHI", 1 << 29, 2, 1) + b"<info>")
    with refused(RecordingError, "header of a stream claims"):
        check_whole(tmp_path / "a.xdf")


def test_a_column_that_stands_twice(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("timestamps,TP9,AF7,TP9,Marker0\n1,2,3,4,1\n2,3,4,5,0\n")
    with refused(RecordingError, "two channels 'TP9'"):
        opened(tmp_path / "a.csv")


def test_a_column_that_is_read_twice(tmp_path: Path) -> None:
    (whole,) = recordings.brainflow(tmp_path)
    (tmp_path / "a.csv").write_bytes(whole)
    recording = read_recording(RecordingSource(file=str(tmp_path / "a.csv"), board="CYTON_BOARD", stim_channel="1"))
    assert len(recording.events) > 50


def test_repeats_that_no_number_holds(tmp_path: Path) -> None:
    (tmp_path / WINDOWS_NPY).write_bytes(arrays.windows_npy(tmp_path)[0])
    fields = json.loads(texts.epochs_json(tmp_path)[0])
    (tmp_path / EPOCHS_JSON).write_text(json.dumps({**fields, "repeats": [1, 10**30]}))
    with refused(RecordingError):
        read_epochs(tmp_path)


@pytest.mark.parametrize("value", ["end_s=1e308", "start_s=-1e308", "rate_hz=1e308", "baseline_s=[-1e308, 0.0]"])
def test_windows_without_end(value: str) -> None:
    with refused(SettingsError):
        load_settings(overrides=[f"window.{value}"])


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a_raw.fif", bytes.fromhex("000000640000001f000000140000000100")),
        ("a.set", b"\xb2"),
        ("a.set", b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + bytes(16)),
    ],
)
def test_what_mne_raises_of_damaged_files(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with refused(RecordingError):
        opened(tmp_path / name)


def test_fif_tags_in_a_circle(tmp_path: Path) -> None:
    (whole,) = mne_seeds.fif(tmp_path)
    for at, number in ((12, 16), (32 + 12, 16), (8, -16), (12, -7)):
        (tmp_path / "b_raw.fif").write_bytes(whole[:at] + struct.pack(">i", number) + whole[at + 4 :])
        with refused(RecordingError):
            opened(tmp_path / "b_raw.fif")


def test_matlab_lengths_that_end_the_process_in_scipy(tmp_path: Path) -> None:
    (whole,) = mne_seeds.eeglab(tmp_path)
    check_mat(tmp_path / "a.set")
    at = whole.index(struct.pack("<II", 14, 0)[:4], 200)  # the first matrix in the struct
    for wrong in (struct.pack("<II", 14, 1 << 30), struct.pack("<II", 99, 8)):
        (tmp_path / "a.set").write_bytes(whole[:at] + wrong + whole[at + 8 :])
        with refused(RecordingError, "damaged or cut off"):
            opened(tmp_path / "a.set")


@pytest.mark.parametrize("packed", [False, True])
def test_whole_matlab_files_pass(tmp_path: Path, packed: bool) -> None:
    from scipy.io import savemat

    held = {"text": "é", "cell": np.array(["a", 1, 2.5], object), "complex": np.array([1 + 2j]), "none": [],
            "struct": [{"a": 1.0, "b": {"c": "d"}}], "logical": np.array([True]), "small": np.arange(3.0)}  # fmt: skip
    savemat(tmp_path / "a.mat", held, do_compression=packed)
    check_mat(tmp_path / "a.mat")


def test_small_files_take_little_memory(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100)
    tracemalloc.start()
    assert read_bounded(tmp_path / "a", 1 << 30) == b"x" * 100
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_an_annotation_that_is_no_text(tmp_path: Path) -> None:
    (whole,) = mne_seeds.edf(tmp_path)
    at = whole.index(b"+0\x14\x14\x00")
    (tmp_path / "a.edf").write_bytes(whole[:at] + b"+0\x14\xff\x14\x00" + whole[at + 6 :])
    with refused(RecordingError):
        opened(tmp_path / "a.edf")


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_weights_beyond_all_bounds(value: float) -> None:
    with refused(BundleError, "no eigenvalues"):
        covariance.inverse_sqrtm(np.full((4, 4), value))
