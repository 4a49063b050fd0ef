"""Datasets are read by names, converted once, and say in one sentence what is wrong with them."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_data import TEST, metadata, raw, save, things2
from rich.console import Console

from acquisition.recordings import Recording, check_usable, read_recording
from acquisition.recordings.converted import read_spec, recording_sha256
from acquisition.sources.recording import RecordingReader
from config.errors import EegseekError, RecordingError, SettingsError
from config.settings import RecordingSource
from eegseek.cli_dataset import _table
from training.datasets import convert as converting
from training.datasets import things2 as raw_files
from training.datasets.catalogue import convert_piece, copy_of, find, playable
from training.datasets.channels import pick
from training.datasets.info import Line, info
from training.datasets.metadata import read_metadata
from training.datasets.pieces import Piece, same_number, select
from training.datasets.truth import truth_of


def read(path: Path, **more: Any) -> Recording:
    return read_recording(RecordingSource(file=str(path), **more))


def only(root: Path) -> Piece:
    _, pieces = find(root)
    assert len(pieces) == 1
    return pieces[0]


def test_a_raw_file_becomes_a_recording(tmp_path: Path) -> None:
    root = things2(tmp_path)
    piece = only(root)
    assert (piece.subject, piece.session, piece.part, piece.slug) == ("08", "01", "test", "sub-08_ses-01_test")
    recording = raw_files.recording(piece, root)
    assert [(m.row, m.label) for m in recording.events] == [
        (1000.0, TEST[0]), (1200.0, TEST[1]), (1600.0, TEST[2]), (1800.0, TEST[0])
    ]  # fmt: skip
    assert recording.notes == ("1 catch trials are no markers",)
    genuine = np.load(piece.path, allow_pickle=True).item()
    for name in ("Oz", "Fp1", "O2"):
        row = genuine["ch_names"].index(name)
        wanted = (genuine["raw_eeg_data"][row] * 1e6).astype(np.float32)
        np.testing.assert_array_equal(recording.samples[recording.channels.index(name)], wanted)
    check_usable(recording)


def test_a_copy_is_the_source_and_is_made_once(tmp_path: Path) -> None:
    root = things2(tmp_path)
    told: list[tuple[str, int, int]] = []
    first = playable("things-eeg2", root, subject="8", progress=lambda *a: told.append(a))
    assert told[0][0] == "converting sub-08 ses-01 test" and told[-1][1:] == (4000, 4000)
    source, copy = raw_files.recording(only(root), root), read(first)
    assert copy.events == source.events and copy.channels == source.channels
    for start, stop in ((0, 1), (17, 300), (3999, 4000), (5, 5)):
        np.testing.assert_array_equal(copy.signal.read(start, stop), source.signal.read(start, stop))
    picked = read(first, channels=("Oz", "O1"))
    np.testing.assert_array_equal(picked.samples[1], copy.samples[copy.channels.index("O1")])
    told.clear()
    assert playable("things-eeg2", root, progress=lambda *a: told.append(a)) == first and not told
    assert recording_sha256(first) == read_spec(first).eeg_sha256
    # another file under the name: converted anew
    save(only(root).path, raw([(1000, 3), (1500, 3)], seed=1))
    playable("things-eeg2", root, progress=lambda *a: told.append(a))
    assert told and Counter(read_spec(first).labels) == {TEST[2]: 2}


def test_a_copy_made_with_other_metadata_is_made_again(tmp_path: Path) -> None:
    root = things2(tmp_path)
    copy = convert_piece(only(root), root)
    before = read_spec(copy).labels
    save(root / "Image_set" / "image_metadata.npy", {**metadata(), "test_img_files": ["x.jpg", "y.jpg", "z.jpg"]})
    convert_piece(only(root), root)
    assert before[0] == TEST[0] and read_spec(copy).labels[0] == "x"
    (root / "Image_set" / "image_metadata.npy").unlink()
    convert_piece(only(root), root)
    assert read_spec(copy).labels[0] == "x"


def test_a_raw_file_given_by_itself_is_pointed_to_its_dataset(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="things-eeg2 --root"):
        read(only(things2(tmp_path)).path)


def test_a_damaged_copy_is_made_again_or_refused(tmp_path: Path) -> None:
    root = things2(tmp_path)
    copy = convert_piece(only(root), root)
    (copy / "eeg.npy").write_bytes((copy / "eeg.npy").read_bytes()[:-1000])
    with pytest.raises(RecordingError, match="cut off"):
        read(copy)
    convert_piece(only(root), root)
    assert read(copy).n_rows == 4000
    (copy / "recording.json").write_text('{"format": "eegseek-recording"}')
    with pytest.raises(RecordingError, match="convert it again"):
        read(copy)


def test_a_failed_conversion_leaves_nothing(tmp_path: Path) -> None:
    root = things2(tmp_path)
    out = copy_of(only(root), root)

    def fails(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert_piece(only(root), root, progress=fails)
    assert not out.exists() and not list(out.parent.iterdir())


def test_a_disk_that_is_too_small_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = things2(tmp_path)
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(converting.shutil, "disk_usage", lambda path: usage._replace(free=1000))
    with pytest.raises(RecordingError, match="GB free; make room"):
        convert_piece(only(root), root)


def without(key: str) -> dict[str, Any]:
    return {name: value for name, value in raw([(5, 1), (9, 2)]).items() if name != key}


def in_microvolts() -> np.ndarray:
    eeg: np.ndarray = raw([])["raw_eeg_data"] * 1e6
    eeg[63, 1000] = 1
    return eeg


BROKEN = {
    "no eeg": (without("raw_eeg_data"), "no raw_eeg_data"),
    "no names": (without("ch_names"), "no raw_eeg_data, ch_names"),
    "one name too few": ({**raw([]), "ch_names": ["Oz"] * 63}, "63 channel names"),
    "no stim": ({**raw([]), "ch_names": [f"a{k}" for k in range(64)], "ch_types": ["eeg"] * 64}, "no channel 'stim'"),
    "twice": ({**raw([]), "ch_names": [*["Oz"] * 63, "stim"]}, "twice"),
    "three axes": ({**raw([]), "raw_eeg_data": np.zeros((64, 5, 2))}, "shape"),
    "unknown conditions": (raw([(1000, 4), (1200, 16540)]), "conditions 4, 16540"),
    "half a condition": (raw([(1000, 1.5)]), "no whole numbers"),
    "nothing shown": (raw([(1000, 99999)]), "no stimulus"),
    "microvolts": ({**raw([]), "raw_eeg_data": in_microvolts()}, "cannot be volts"),
    "a list": ([1, 2], "expected the dict"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_raw_file_is_said(tmp_path: Path, name: str) -> None:
    content, sentence = BROKEN[name]
    root = things2(tmp_path)
    if name == "a list":
        save(only(root).path, {"a": 1}).write_bytes(save(tmp_path / "x.npy", np.array([1, "b"])).read_bytes())
    else:
        save(only(root).path, content)
    with pytest.raises(RecordingError, match=sentence) as error:
        raw_files.recording(only(root), root)
    assert "\n" not in str(error.value)
    # and info goes on
    assert info(root).lines[0].problem


def test_channel_types_may_name_the_stimulus_channel(tmp_path: Path) -> None:
    content = raw([(1000, 1), (1500, 2)])
    content["ch_names"][-1] = "STI 014"
    root = things2(tmp_path, **content)
    assert len(raw_files.recording(only(root), root).events) == 2


def test_metadata_is_looked_for_and_checked(tmp_path: Path) -> None:
    root = things2(tmp_path)
    (root / "Image_set" / "image_metadata.npy").rename(root / "elsewhere.npy")
    with pytest.raises(RecordingError, match="--metadata"):
        raw_files.recording(only(root), root)
    assert len(raw_files.recording(only(root), root, root / "elsewhere.npy").events) == 4
    save(root / "elsewhere.npy", {**metadata(), "test_img_files": ["a.jpg"]})
    with pytest.raises(RecordingError, match="1 test files but 3 concepts"):
        read_metadata(root / "elsewhere.npy")
    save(root / "elsewhere.npy", {"train_img_files": ["a"]})
    with pytest.raises(RecordingError, match="no list of texts"):
        read_metadata(root / "elsewhere.npy")


def test_metadata_in_arrays_reads_too(tmp_path: Path) -> None:
    lists = metadata()
    save(tmp_path / "m.npy", {key: np.array(value) for key, value in lists.items()})
    assert read_metadata(tmp_path / "m.npy").labels("test") == TEST
    save(tmp_path / "m.npy", {key: np.array(value, dtype=object) for key, value in lists.items()})
    assert read_metadata(tmp_path / "m.npy").labels("test") == TEST


def test_stems_that_stand_twice_get_their_concept(tmp_path: Path) -> None:
    save(tmp_path / "m.npy", {**metadata(), "test_img_files": ["a.jpg"] * 3})
    assert read_metadata(tmp_path / "m.npy").labels("test") == ("00001_b/a", "00002_c/a", "00003_d/a")


def test_folders_without_a_dataset_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="holds no recording"):
        find(tmp_path)
    with pytest.raises(RecordingError, match="is no folder"):
        find(tmp_path / "none")
    with pytest.raises(SettingsError, match="unknown dataset"):
        find(tmp_path, "things")
    with pytest.raises(RecordingError, match="no dataset that is known"):
        info(tmp_path)


def test_recordings_are_selected_by_number() -> None:
    pieces = [
        Piece("d", s, n, p, Path(f"{s}{n}{p}"))
        for s in ("01", "10")
        for n in ("01", "02")
        for p in ("test", "training")
    ]
    assert [p.name for p in select(pieces, ["1"], ["2"], ["test"])] == ["sub-01 ses-02 test"]
    assert len(select(pieces, ["sub-10"])) == 4
    for wish in ({"subjects": ["2"]}, {"sessions": ["3"]}, {"parts": ["validation"]}):
        with pytest.raises(RecordingError, match="here are"):
            select(pieces, **wish)
    assert same_number("8", "08") and not same_number("8", "18") and same_number("block-02", "2")


def test_channels_by_name_and_pattern() -> None:
    there = ("stimulus", "Oz", "Fp1", "PO8", "P7")
    assert pick((), there) == there
    assert pick(("^O|^P",), there[1:]) == ("P7", "PO8", "Oz")
    assert pick(("Oz", "^P"), there[1:]) == ("Oz", "P7", "PO8")
    for wrong in ("Cz", "^X", "["):
        with pytest.raises(SettingsError):
            pick((wrong,), there)


def test_info_counts_and_names_what_is_missing(tmp_path: Path) -> None:
    root = things2(tmp_path)
    save(root / "Raw_data" / "sub-09" / "ses-01" / "raw_eeg_training.npy", raw([(1000, 1), (1300, 2)]))
    found = info(root)
    by_name = {line.name: line for line in found.lines}
    test = by_name["sub-08 ses-01 test"]
    assert (test.channels, test.rate_hz, test.conditions, test.repeats) == (63, 1000.0, 3, "1-2")
    assert int(test.copy) == 128 + 4 * 63 * 4000
    missing = " ".join(found.missing)
    assert "sub-09 has no ses-01 test" in missing and "sub-08 has no ses-01 training" in missing
    assert "3 of the 3 pictures" in missing
    copy = convert_piece(select(find(root)[1], ["8"])[0], root)
    assert (copy / "eeg.npy").stat().st_size == int(test.copy)
    assert info(root).lines[0].copy == "there" and info(copy).lines[0].repeats == "1-2"
    # a folder of copies is as good to look at, and wrong metadata is said once
    assert [line.name for line in info(copy.parent).lines] == ["sub-08 ses-01 test"]
    with pytest.raises(RecordingError, match="cannot be read"):
        info(root, metadata=tmp_path / "none.npy")


def test_what_info_draws_fits_80_columns() -> None:
    line = Line("sub-08 ses-04 training", "things-eeg2", "p", 2**33, 63, 1000.0, 3300.0, 16540, "19-21", copy="8" * 10)
    console = Console(width=80, record=True, file=StringIO())
    console.print(_table("things-eeg2", [line, replace(line, problem="it is broken")]))
    drawn = console.export_text()
    for cell in ("sub-08 ses-04 training", "8.59 GB", "63", "1000", "55.0 min", "16540 x 19-21", "yes", "8.89 GB"):
        assert cell in drawn
    assert "…" not in drawn


def test_labels_stand_for_pictures(tmp_path: Path) -> None:
    from PIL import Image

    for name in ("train/x/img_00003.png", "test/x/img_00003.png", "a/b_01s.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    assert truth_of(["b_01s"], tmp_path) == {"b_01s": "b_01s"}
    assert truth_of(["train_00003"], tmp_path) == {"train_00003": "img_00003"}
    with pytest.raises(RecordingError, match="no picture"):
        truth_of(["train_00004"], tmp_path)


def test_a_simulated_copy_says_so_on_every_screen(tmp_path: Path) -> None:
    root = things2(tmp_path, simulated=True)
    copy = convert_piece(only(root), root)
    reader = RecordingReader(RecordingSource(file=str(copy)))
    assert reader.open().simulated
    assert (
        not RecordingReader(RecordingSource(file=str(convert_piece(only(things2(tmp_path / "b")), tmp_path / "b"))))
        .open()
        .simulated
    )


def test_one_recording_must_be_meant(tmp_path: Path) -> None:
    root = things2(tmp_path)
    save(root / "Raw_data" / "sub-08" / "ses-02" / "raw_eeg_test.npy", raw([(1000, 1), (1300, 2)]))
    with pytest.raises(RecordingError, match="2 recordings"):
        playable("things-eeg2", root)
    with pytest.raises(EegseekError, match="no session '5'"):
        playable("things-eeg2", root, session="5")
