"""Preprocessed files, event lists and annotations: the small rules, and one sentence where a file breaks them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_data import TEST, metadata, save
from typer.testing import CliRunner

from acquisition.recordings import alljoined_edf, read_recording, things1_events
from config.errors import RecordingError, SettingsError
from config.settings import RecordingSource
from eegseek.cli import app
from training.datasets import things2_preprocessed as preprocessed
from training.datasets.blocks import start_and_rate, write_blocks
from training.datasets.edf_writer import Signal, write_edf
from training.datasets.epochs_command import dataset_epochs
from training.datasets.generate_command import generate_dataset
from training.trials.epoch_files import read_epochs

NAMES = ["Oz", "P7", "O1", "Cz"]


def authors(root: Path, **changes: Any) -> Path:
    """The authors' form, three test conditions of five repeats."""
    save(root / "Image_set" / "image_metadata.npy", metadata())
    content: dict[str, Any] = {
        "preprocessed_eeg_data": np.random.default_rng(0).normal(size=(3, 5, 4, 100)),
        "ch_names": NAMES,
        "times": np.arange(100) / 100 - 0.2,
    }
    save(root / "sub-03" / "preprocessed_eeg_test.npy", {**content, **changes})
    return root


def blocks(root: Path) -> preprocessed.Blocks:
    return preprocessed.open_blocks(preprocessed.find(root)[0], root)


def test_the_authors_form(tmp_path: Path) -> None:
    found = blocks(authors(tmp_path))
    assert (found.start_s, found.rate_hz, found.labels, found.subject) == (-0.2, 100.0, TEST, "03")
    made = write_blocks(found, tmp_path / "e", channels=("O1", "Oz"))
    data = np.load(tmp_path / "sub-03" / "preprocessed_eeg_test.npy", allow_pickle=True).item()["preprocessed_eeg_data"]
    wanted = data[:, :, [2, 0]].reshape(15, 2, 100).astype(np.float32)
    np.testing.assert_array_equal(read_epochs(tmp_path / "e").windows, wanted)
    assert made.labels == tuple(name for name in TEST for _ in range(5))
    assert made.unit == "whitened" and not made.causal and (made.window.start_s, made.window.end_s) == (-0.2, 0.8)
    assert any("training and the test part" in note for note in made.notes)


def test_volts_become_microvolts(tmp_path: Path) -> None:
    eeg = np.random.default_rng(0).normal(size=(3, 5, 4, 100)) * 1e-5
    made = write_blocks(blocks(authors(tmp_path, preprocessed_eeg_data=eeg)), tmp_path / "e", average=True)
    stored = read_epochs(tmp_path / "e")
    order = [NAMES.index(name) for name in made.channels]
    assert made.unit == "uV" and made.repeats == (5, 5, 5) and made.labels == TEST
    np.testing.assert_allclose(stored.windows, eeg.mean(axis=1)[:, order] * 1e6, rtol=1e-4, atol=1e-4)


def test_the_250_hz_form_is_a_bare_pickle_with_more_times_than_samples(tmp_path: Path) -> None:
    save(tmp_path / "image_metadata.npy", metadata())
    content = {
        "preprocessed_eeg_data": np.ones((3, 2, 4, 250)),
        "ch_names": NAMES,
        "times": np.arange(300) / 250 - 0.2,
    }
    (tmp_path / "sub-01").mkdir()
    (tmp_path / "sub-01" / "preprocessed_eeg_test.npy").write_bytes(pickle.dumps(content, protocol=4))
    found = blocks(tmp_path)
    assert (found.start_s, found.rate_hz, found.data.shape) == (0.0, 250.0, (3, 2, 4, 250))


BROKEN = {
    "conditions": ({"preprocessed_eeg_data": np.ones((4, 5, 4, 100))}, "4 conditions"),
    "channels": ({"ch_names": NAMES[:3]}, "3 channel names"),
    "axes": ({"preprocessed_eeg_data": np.ones((15, 4, 100))}, "expected"),
    "times": ({"times": np.arange(50) / 100}, "50 times"),
    "uneven": ({"times": np.arange(100) ** 2.0}, "times"),
    "no data": ({"preprocessed_eeg_data": None}, "no preprocessed_eeg_data"),
    "nan": ({"preprocessed_eeg_data": np.full((3, 5, 4, 100), np.nan)}, "not finite"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_preprocessed_file_is_said(tmp_path: Path, name: str) -> None:
    changes, sentence = BROKEN[name]
    with pytest.raises(RecordingError, match=sentence):
        write_blocks(blocks(authors(tmp_path, **changes)), tmp_path / "e")
    assert not (tmp_path / "e").exists()


def test_preprocessed_files_are_asked_for_rightly(tmp_path: Path) -> None:
    root = authors(tmp_path)
    with pytest.raises(RecordingError, match="all sessions together"):
        dataset_epochs(root, tmp_path / "e", preprocessed=True, sessions=["1"])
    with pytest.raises(RecordingError, match="holds no preprocessed"):
        dataset_epochs(tmp_path / "Image_set", tmp_path / "e", preprocessed=True)
    authors(tmp_path / "other")
    with pytest.raises(RecordingError, match="several preprocessed forms"):
        dataset_epochs(root, tmp_path / "e", preprocessed=True)


def test_times_give_start_and_rate() -> None:
    assert start_and_rate(Path("a"), np.linspace(-0.2, 0.79, 100), 100) == (-0.2, 100.0)
    assert start_and_rate(Path("a"), np.linspace(-0.2, 0.996, 300), 250) == (0.0, 250.0)


HEAD = "onset\tduration\teventnumber\tobjectnumber\tobject\tstim\tistarget\tstimname\n"


def test_event_lists_count_samples(tmp_path: Path) -> None:
    file = tmp_path / "sub-01_task-rsvp_events.tsv"
    rows = ["20\t50\t1\t0\tb\tstimuli\\b\\b_01s.jpg\t0\tb", "10\t50\t0\t0\ta\tstimuli\\a\\a_1.x.jpg\t0\ta"]
    file.write_text(HEAD + "\n".join([*rows, "30\t50\t2\t0\ta\tstimuli\\a\\a_02s.jpg\t1\ta", ""]))
    assert things1_events.beside(tmp_path / "sub-01_task-rsvp_eeg.vhdr") == file
    markers, notes = things1_events.read_events(file, 100)
    assert [(m.row, m.label) for m in markers] == [(10.0, "a_1.x"), (20.0, "b_01s")]
    assert "1 targets" in notes[1]
    with pytest.raises(RecordingError, match="sample 20"):
        things1_events.read_events(file, 15)
    file.write_text(HEAD + "x\t50\t1\t0\tb\tstimuli\\b\\b_01s.jpg\t0\tb\n")
    with pytest.raises(RecordingError, match="damaged"):
        things1_events.read_events(file, 100)
    file.write_text("onset\tduration\ttrial_type\n1.5\t0\tface\n")
    assert things1_events.beside(tmp_path / "sub-01_task-rsvp_eeg.vhdr") is None
    assert things1_events.beside(tmp_path / "other.vhdr") is None


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("stim_train,123,0,4567", "train_00123"),
        ("stim_test, 7 ,False, 12", "test_00007"),
        ("stim_test,7", "test_00007"),
        ("stim_train,123,1,4567", None),
        ("stim_train,123,True,4567", None),
        ("oddball,0,0,12", None),
    ],
)
def test_annotations_of_alljoined(text: str, label: str | None) -> None:
    assert alljoined_edf.is_note(text) and alljoined_edf.label(text) == label
    assert not alljoined_edf.is_note("stim_x,1,2,3")


def test_edf_files_read_as_they_were_written(tmp_path: Path) -> None:
    eeg = np.random.default_rng(0).normal(0, 20, (2, 4 * 64))
    notes = [(0.5, "stim_train,3,0,0"), (1.25, "oddball,0,0,1"), (2.0, "stim_test,4,0,2"), (3.5, "stim_test,5,1,3")]
    signals = [Signal("Oz", "uV", 500.0), Signal("Counter", "", 500.0)]
    pieces = (eeg[:, k : k + 64] for k in range(0, 256, 64))
    write_edf(tmp_path / "a.edf", signals, 64, pieces, notes, "eegseek-simulated")
    recording = read_recording(RecordingSource(file=str(tmp_path / "a.edf")))
    assert recording.channels == ("Oz",) and recording.rate_hz == 64 and recording.simulated
    assert [(m.row, m.label) for m in recording.events] == [(32.0, "train_00003"), (128.0, "test_00004")]
    np.testing.assert_allclose(recording.samples[0], eeg[0], atol=500 / 32767)
    with pytest.raises(ValueError, match="second 0"):
        write_edf(tmp_path / "b.edf", signals, 64, [eeg[:, :64]], [(0.1, "x" * 99)] * 20, "m")


def test_generate_refuses_what_does_not_fit(tmp_path: Path) -> None:
    for given in ({"forms": ["npy"]}, {"events": tmp_path}, {"name": "moabb"}):
        with pytest.raises(SettingsError):
            generate_dataset(**{"name": "things-eeg2", "out": tmp_path / "a", "sizes": {}, **given})  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match="--preprocessed is for"):
        generate_dataset("alljoined", tmp_path / "a", {}, forms=["ubp"])
    with pytest.raises(SettingsError, match="ask for fewer"):
        generate_dataset("things-eeg2", tmp_path / "a", {"concepts": 5000})


@pytest.mark.parametrize("command", ["", "info", "convert", "epochs", "generate"])
def test_help_teaches(command: str) -> None:
    found = CliRunner().invoke(app, ["dataset", *command.split(), "--help"])
    assert found.exit_code == 0 and len(found.output) > 300
    assert not command or "For example" in found.output
