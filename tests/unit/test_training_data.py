"""Gathering, splitting and averaging: what may not be mixed is not, and every refusal says what to do."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_data import CHANNELS, epochs, gallery, of_data, repeated

from acquisition.types import Refused
from config.errors import BundleError, RecordingError
from training.trials import repeats, split
from training.trials.epochs import Origin, Trials, gather

IDS = [f"p{k}" for k in range(30)]


def trials(tmp_path: Path, recordings: int = 3, each: int = 2) -> Trials:
    shown = gallery(tmp_path / "gallery", IDS)
    made = [epochs(shown, repeated(IDS, each, seed=k), seed=k) for k in range(recordings)]
    return gather(made, [], shown)


def test_labels_are_ids_unless_the_session_file_says_otherwise(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    made = epochs(shown, ["1", "2", "7", "2"])
    found = gather([made], [], shown, {"1": "left", "2": "right"})
    assert found.rows.tolist() == [0, 1, 1] and found.unmapped == {"7": 1}
    assert np.array_equal(found.windows, made.data[[0, 1, 3], 0])
    assert gather([epochs(shown, ["right", "left"])], [], shown).rows.tolist() == [1, 0]


def test_windows_come_piece_by_piece_in_their_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    made = [epochs(shown, ["left", "up", "right", "left", "right", "left"], seed=k) for k in range(2)]
    monkeypatch.setattr("training.trials.epochs.CHUNK", 2)
    found = gather(made, [], shown)
    assert np.array_equal(found.windows, np.concatenate([e.data[[0, 2, 3, 4, 5], 0] for e in made]))
    assert found.windows.dtype == np.float32 and found.rows.tolist() == [0, 1, 0, 1, 0] * 2


def test_markers_that_nothing_knows(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    with pytest.raises(RecordingError, match=r"'a.csv' has markers '1', '2', none of which the gallery knows.*--truth"):
        gather([epochs(shown, ["1", "2"])], [Origin("a.csv")], shown)


def test_a_session_file_for_another_gallery(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    with pytest.raises(BundleError, match="maps marker '1' to item 'up'"):
        gather([epochs(shown, ["1"])], [], shown, {"1": "up"})


def test_a_recording_whose_windows_are_all_rejected(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    refused = [Refused(k, "left", 0.0, ("peak_to_peak: Oz 200 µV > 150", "railed: O1")) for k in range(4)]
    made = of_data(np.empty((0, 1, 4, 32), np.float32), [], CHANNELS, refused)
    with pytest.raises(RecordingError, match=r"all 4 stimuli rejected \(peak_to_peak 4, railed 4\)"):
        gather([made], [], shown)


def test_reasons_and_losses_are_counted(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    made = epochs(shown, ["left", "right"], refused=[Refused(2, "left", 0.0, ("gap: samples are missing",))])
    found = gather([made], [], shown)
    assert (found.refused, found.lost) == ({"gap": 1}, 1)


def test_recordings_with_other_channels(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    other = epochs(shown, ["left"], channels=("Fp1", "Oz", "O2", "Pz"))
    with pytest.raises(RecordingError, match="'recording 2' has channels Fp1, Oz, O2, Pz"):
        gather([epochs(shown, ["left"]), other], [], shown)


def test_one_recording_under_two_names(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["left", "right"])
    made = epochs(shown, ["left", "right"])
    with pytest.raises(RecordingError, match="'a' and 'b' hold the same data"):
        gather([made, replace(made)], [Origin("a"), Origin("b")], shown)


@pytest.mark.parametrize("kind", ["recording", "stimulus"])
def test_folds_hold_each_unit_out_once_and_never_a_repeat(tmp_path: Path, kind: split.Kind) -> None:
    data = trials(tmp_path)
    parts = split.folds(data, kind, 4, seed=1)
    units = data.recording if kind == "recording" else data.rows
    for part in parts:
        assert not set(units[part.train]) & set(units[part.held])
        assert len(part.train) + len(part.held) == len(data)
    assert sorted(np.concatenate([part.held for part in parts])) == list(range(len(data)))


def test_held_out_share(tmp_path: Path) -> None:
    data = trials(tmp_path)
    part = split.hold_out(data, "stimulus", 0.2, seed=0)
    assert len(np.unique(data.rows[part.held])) == 6
    assert split.hold_out(data, "stimulus", 0.2, seed=1).held.tolist() != part.held.tolist()


def test_a_leaking_split_is_refused(tmp_path: Path) -> None:
    data = trials(tmp_path)
    even, odd = np.arange(0, len(data), 2), np.arange(1, len(data), 2)
    with pytest.raises(RecordingError, match="stand in training and in validation"):
        split.check(split.Split("stimulus", even, odd), data)
    with pytest.raises(RecordingError, match="stand in training and in validation"):
        split.check(split.Split("recording", even, odd), data)


def test_the_kind_of_split_that_the_data_allow(tmp_path: Path) -> None:
    many = trials(tmp_path)
    two = gallery(tmp_path / "two", ["left", "right"])
    single = gather([epochs(two, repeated(["left", "right"], 20))], [], two)
    runs = gather([epochs(two, repeated(["left", "right"], 20), seed=k) for k in range(3)], [], two)
    assert split.choose(many, "auto") == "stimulus"
    assert split.choose(runs, "auto") == "recording"
    with pytest.raises(RecordingError, match=r"2 items in 1 recording.*record a second run"):
        split.choose(single, "auto")
    with pytest.raises(RecordingError, match="one recording cannot be split by recording"):
        split.choose(single, "recording")


def test_too_few_trials_to_split(tmp_path: Path) -> None:
    shown = gallery(tmp_path, IDS[:12])
    data = gather([epochs(shown, IDS[:12])], [], shown)
    with pytest.raises(RecordingError, match="leaves 11 trials for training and 1 for validation"):
        split.hold_out(data, "stimulus", 0.1, seed=0)


def test_subsets_hold_no_trial_twice_and_one_stimulus_each(tmp_path: Path) -> None:
    data = trials(tmp_path)
    subsets = repeats.draw(repeats.groups(data), 4, 5, np.random.default_rng(0))
    assert subsets.members.shape == (5 * len(IDS), 4)
    assert all(len(set(members)) == 4 and len(set(data.rows[members])) == 1 for members in subsets.members)
    assert np.allclose(subsets.windows(data)[7], data.windows[subsets.members[7]].mean(axis=0))
    single = repeats.draw(repeats.groups(data), 1, 5, np.random.default_rng(0))
    assert sorted(single.members[:, 0]) == list(range(len(data)))


def test_repeat_counts_go_as_far_as_half_of_the_stimuli(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["a", "b", "c"])
    data = gather([epochs(shown, ["a"] * 9 + ["b"] * 5 + ["c"])], [], shown)
    assert repeats.counts(data) == [1, 2, 3, 4, 5]


def test_subjects_are_never_averaged_together(tmp_path: Path) -> None:
    shown = gallery(tmp_path, ["a", "b"])
    made = [epochs(shown, ["a", "b", "a"], seed=k) for k in range(2)]
    apart = gather(made, [Origin("x", subject="1"), Origin("y", subject="2")], shown)
    together = gather(made, [Origin("x"), Origin("y")], shown)
    assert [len(g) for g in repeats.groups(apart)] == [2, 2, 1, 1]
    assert [len(g) for g in repeats.groups(together)] == [4, 2]
    mean = repeats.averaged(together)
    assert mean.rows.tolist() == [0, 1]
    assert np.allclose(mean.windows[1], together.windows[[1, 4]].mean(axis=0))
