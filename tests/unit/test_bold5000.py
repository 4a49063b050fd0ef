"""BOLD5000: ROI files and stimulus lists in the authors' format, generated here, and what is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from scipy.sparse import csc_matrix

from config.errors import RecordingError
from training.datasets import bold5000
from training.trials.epoch_files import read_epochs

PICTURES = ("n01440764_10110.JPEG", "COCO_train2014_000000000036.jpg", "airport1.jpg", "kitchen12.jpg")
SHOWN = (0, 1, 2, 0, 3, 0)
VOXELS = dict(zip(bold5000.REGIONS, (7, 6, 4, 5, 3, 4, 2, 3, 3, 2), strict=True))


def generate(root: Path, seed: int = 0, compressed: bool = True) -> dict[str, np.ndarray]:
    """A subject CSI1 whose picture 0 is shown three times, as the dataset's own folders have it."""
    rng = np.random.default_rng(seed)
    arrays = {region: rng.standard_normal((len(SHOWN), count)) for region, count in VOXELS.items()}
    lists, mats = root / "ROIs" / "stim_lists", root / "ROIs" / "CSI1" / "mat"
    lists.mkdir(parents=True, exist_ok=True)
    mats.mkdir(parents=True, exist_ok=True)
    names = [("rep_" if SHOWN.count(k) > 1 else "") + PICTURES[k] for k in SHOWN]
    (lists / "CSI01_stim_lists.txt").write_text("\n".join(names) + "\n\n")
    savemat(mats / "CSI1_ROIs_TR34.mat", arrays, do_compression=compressed)
    return arrays


def mat(root: Path) -> Path:
    return root / "ROIs" / "CSI1" / "mat" / "CSI1_ROIs_TR34.mat"


@pytest.mark.parametrize("compressed", [True, False])
def test_regions_stand_side_by_side_with_the_pictures_of_their_trials(tmp_path: Path, compressed: bool) -> None:
    arrays = generate(tmp_path, compressed=compressed)
    found = bold5000.read(tmp_path, "CSI1")
    assert found.values.dtype == np.float32
    assert np.allclose(found.values, np.concatenate([arrays[r] for r in bold5000.REGIONS], 1))
    assert found.regions == VOXELS
    assert found.pictures == tuple(PICTURES[k] for k in SHOWN), "rep_ is no part of a picture's name"
    assert np.array_equal(bold5000.read(tmp_path / "ROIs", "CSI1").values, found.values)


def test_some_regions_in_the_order_asked_for(tmp_path: Path) -> None:
    arrays = generate(tmp_path)
    found = bold5000.read(tmp_path, "CSI1", regions=("RHPPA", "LHLOC"))
    assert found.regions == {"RHPPA": VOXELS["RHPPA"], "LHLOC": VOXELS["LHLOC"]}
    assert np.allclose(found.values, np.concatenate([arrays["RHPPA"], arrays["LHLOC"]], 1))


def test_repeats_are_averaged_in_the_order_of_first_showing(tmp_path: Path) -> None:
    generate(tmp_path)
    single = bold5000.read(tmp_path, "CSI1")
    found = single.averaged()
    assert found.pictures == PICTURES
    assert found.repeats.tolist() == [3, 1, 1, 1]
    assert found.order.tolist() == [0, 1, 2, 4]
    assert np.allclose(found.values[0], single.values[[0, 3, 5]].mean(0), atol=1e-6)
    assert np.allclose(found.values[3], single.values[4])
    again = found.averaged()
    assert np.array_equal(again.values, found.values)
    assert again.repeats.tolist() == found.repeats.tolist()


@pytest.mark.parametrize("average", [False, True])
def test_epochs_folder(tmp_path: Path, average: bool) -> None:
    generate(tmp_path)
    responses = bold5000.read(tmp_path, "CSI1")
    responses = responses.averaged() if average else responses
    bold5000.write(responses, tmp_path / "epochs")
    stored = read_epochs(tmp_path / "epochs")
    assert stored.windows.shape == (4 if average else 6, 1, sum(VOXELS.values()))
    assert np.array_equal(stored.windows[:, 0], responses.values)
    assert stored.spec.labels[1] == "COCO_train2014_000000000036"
    assert not stored.spec.causal
    assert stored.spec.window.n_times == sum(VOXELS.values())
    assert stored.epochs().repeats.tolist() == ([3, 1, 1, 1] if average else [1] * 6)
    assert any(str(list(VOXELS.values())) in note for note in stored.spec.notes)


def test_cells_and_structs_are_refused_unread(tmp_path: Path) -> None:
    arrays: dict[str, object] = dict(generate(tmp_path))
    cell = np.empty((6, 1), object)
    cell[:] = [[np.ones(3)]]
    whole, complex_, flat = np.ones((6, 2), np.int32), np.ones((6, 2)) * 1j, np.ones((6, 2, 2))
    odds = {"a cell array": cell, "a struct": {"a": 1.0}, "of whole numbers": whole, "text": "text"}
    odds |= {"complex": complex_, "double": flat, "logical": whole > 0, "a sparse table": csc_matrix(np.eye(6))}
    for kind, odd in odds.items():
        savemat(mat(tmp_path), {**arrays, "LHPPA": odd})
        with pytest.raises(RecordingError, match=f"'LHPPA' of .* is {kind} .*expected a table of numbers"):
            bold5000.read(tmp_path, "CSI1")
    arrays["other"] = cell  # what is not asked for is not decoded
    savemat(mat(tmp_path), arrays)
    assert len(bold5000.read(tmp_path, "CSI1").pictures) == 6


def test_missing_and_foreign_files_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="subjects are CSI1, CSI2"):
        bold5000.read(tmp_path, "CSI9")
    with pytest.raises(RecordingError, match="volumes TR1"):
        bold5000.read(tmp_path, "CSI1", "TR9")
    with pytest.raises(RecordingError, match=r"CSI01_stim_lists\.txt' cannot be read"):
        bold5000.read(tmp_path, "CSI1")
    arrays = generate(tmp_path)
    with pytest.raises(RecordingError, match=r"CSI1_ROIs_TR1\.mat' is no \.mat file"):
        bold5000.read(tmp_path, "CSI1", "TR1")
    with pytest.raises(RecordingError, match=r"has no variable 'LHFFA'; it has .*LHPPA"):
        bold5000.read(tmp_path, "CSI1", regions=("LHFFA",))
    savemat(mat(tmp_path), {**arrays, "LHPPA": np.full((6, 2), np.nan)})
    with pytest.raises(RecordingError, match="'LHPPA' that are not finite"):
        bold5000.read(tmp_path, "CSI1")
    savemat(mat(tmp_path), {name: array[:5] for name, array in arrays.items()})
    with pytest.raises(RecordingError, match="holds 5 trials of 'LHEarlyVis', the stimulus list of CSI1 6"):
        bold5000.read(tmp_path, "CSI1")


@pytest.mark.parametrize(
    "content", [b"", b"no mat file at all", b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" * 40]
)
def test_what_is_no_mat_file_is_refused(tmp_path: Path, content: bytes) -> None:
    generate(tmp_path)
    mat(tmp_path).write_bytes(content)
    with pytest.raises(RecordingError, match=r"is no \.mat file that can be read"):
        bold5000.read(tmp_path, "CSI1")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    generate(tmp_path)
    whole = mat(tmp_path).read_bytes()
    for share in (0.3, 0.7, 0.98):
        mat(tmp_path).write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(RecordingError):
            bold5000.read(tmp_path, "CSI1")


@pytest.mark.parametrize("compressed", [True, False])
def test_a_damaged_file_is_refused_or_read_never_more(tmp_path: Path, compressed: bool) -> None:
    """Some bytes changed: another value, or one clear error; SciPy's own reader ends the process on some of these."""
    generate(tmp_path, compressed=compressed)
    whole, rng = mat(tmp_path).read_bytes(), np.random.default_rng(0)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        for place in rng.integers(0, min(len(whole), 1500), rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        mat(tmp_path).write_bytes(damaged)
        try:
            bold5000.read(tmp_path, "CSI1")
        except RecordingError:
            refused += 1
    assert refused > 30


def test_whole_numbers_that_are_stored_small_and_big_endian_files(tmp_path: Path) -> None:
    arrays = {name: np.clip(np.round(values * 40), -127, 127) for name, values in generate(tmp_path).items()}
    savemat(mat(tmp_path), arrays)
    values = bold5000.read(tmp_path, "CSI1").values
    assert np.array_equal(values, np.concatenate([arrays[r] for r in bold5000.REGIONS], 1))
    body = b"".join(
        _big_endian(name.encode(), values.astype(np.float32 if k % 2 else np.int8))
        for k, (name, values) in enumerate(arrays.items())
    )
    mat(tmp_path).write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + body)
    assert np.array_equal(bold5000.read(tmp_path, "CSI1").values, values)


def _big_endian(name: bytes, values: np.ndarray) -> bytes:
    """A double array as a big-endian machine writes it, its numbers in the type given."""

    def element(kind: int, data: bytes) -> bytes:
        return struct.pack(">II", kind, len(data)) + data + b"\0" * (-len(data) % 8)

    kind = {"int8": 1, "float32": 7}[str(values.dtype)]
    data = values.astype(values.dtype.newbyteorder(">")).tobytes(order="F")
    parts = [element(6, struct.pack(">II", 6, 0)), element(5, struct.pack(">ii", *values.shape)), element(1, name)]
    return element(14, b"".join([*parts, element(kind, data)]))


def test_a_list_of_something_else_is_refused(tmp_path: Path) -> None:
    generate(tmp_path)
    path = tmp_path / "ROIs" / "stim_lists" / "CSI01_stim_lists.txt"
    for text in ("", "../../etc/passwd.txt\n", "no suffix\n"):
        path.write_text(text)
        with pytest.raises(RecordingError, match="is no list of picture files"):
            bold5000.read(tmp_path, "CSI1")
