"""Epochs folders are written as windows come, and hold what the live chain cuts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dataset_data import TEST, raw, save, things2

from acquisition.offline import cut
from acquisition.plan import Plan
from acquisition.sources.recording import RecordingReader
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.errors import RecordingError, SettingsError
from config.settings import MarkerSettings, RecordingSource
from training.datasets.catalogue import convert_piece, find
from training.datasets.epochs_command import dataset_epochs
from training.datasets.to_epochs import Cutting, cut_to_folder
from training.trials.epoch_files import NO_HASH, EpochsSpec, new_epochs, read_epochs, write_epochs

NOTHING = RejectionSettings(peak_to_peak_uv=None, flat_uv=None)
BARE = Plan(
    ChainSettings(channels=("Oz", "P7"), notch_hz=(), highpass_hz=None, lowpass_hz=None),
    WindowSettings(start_s=-0.1, end_s=0.3, rate_hz=1000.0, baseline_s=None),
    NOTHING,
    MarkerSettings(),
)
FILTERED = replace(BARE, chain=ChainSettings(), window=WindowSettings(start_s=0.0, end_s=0.4, rate_hz=250.0))
CODES = [(k * 200, 1 + k % 3) for k in range(10, 40)]


def spec(n: int, **more: Any) -> EpochsSpec:
    given: dict[str, Any] = {
        "name": "a", "source": "test", "sha256": NO_HASH, "channels": ("Oz", "P7"), "labels": ("x",) * n,
        "onsets_s": (0.0,) * n, "chain": BARE.chain, "window": BARE.window, "rejection": NOTHING, "causal": True,
        "source_rate_hz": 1000.0,
    }  # fmt: skip
    return EpochsSpec(**{**given, **more})


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    root = things2(tmp_path / "data", CODES, 10_000)
    return convert_piece(find(root)[1][0], root)


def test_windows_are_the_source_times_a_million(copy: Path, tmp_path: Path) -> None:
    made = cut_to_folder(Cutting((copy,), BARE, tmp_path / "e", "sub-08 test", "08"))
    stored = read_epochs(tmp_path / "e")
    content = raw(CODES, 10_000)
    rows = [content["ch_names"].index(name) for name in ("Oz", "P7")]
    wanted = np.stack([content["raw_eeg_data"][rows, row - 100 : row + 300] * 1e6 for row, _ in CODES])
    np.testing.assert_array_equal(stored.windows, wanted.astype(np.float32))
    assert made.labels == tuple(TEST[code - 1] for _, code in CODES)
    assert np.allclose(np.diff(made.onsets_s), 0.2)
    assert stored.spec == made and stored.origin.subject == "08" and stored.epochs().repeats.tolist() == [1] * 30


@pytest.mark.parametrize("average", [False, True])
def test_a_folder_holds_what_the_live_chain_cuts(copy: Path, tmp_path: Path, average: bool) -> None:
    wanted = Cutting((copy,), FILTERED, tmp_path / "e", "n", channels=("^O", "P7"), average=average)
    made = cut_to_folder(wanted)
    assert made.channels == ("O1", "Oz", "O2", "P7")
    plan = replace(FILTERED, chain=made.chain)
    live = cut(RecordingReader(RecordingSource(file=str(copy), speed=0.0)), plan)
    stored = read_epochs(tmp_path / "e")
    if not average:
        np.testing.assert_array_equal(stored.windows, live.data[:, 0])
        assert made.labels == live.labels and made.refused.get("settling", 0) == len(live.refused)
        return
    assert made.labels == tuple(sorted(set(live.labels))) and not (tmp_path / "e" / ".sums").exists()
    for row, label in enumerate(made.labels):
        own = [k for k, other in enumerate(live.labels) if other == label]
        assert made.repeats[row] == len(own)
        np.testing.assert_allclose(stored.windows[row], live.data[own, 0].mean(axis=0), atol=1e-4)


def test_sessions_stay_apart(tmp_path: Path) -> None:
    root = things2(tmp_path / "data", CODES, 10_000)
    save(root / "Raw_data" / "sub-08" / "ses-02" / "raw_eeg_test.npy", raw(CODES[:15], 10_000, seed=0))
    ((folder, made),) = dataset_epochs(root, tmp_path / "e", channels=["Oz"], overrides=["chain.highpass_hz=5"])
    assert folder.name == "sub-08_test" and made.sessions.count("02") == len(made.labels) - made.sessions.count("01")
    first = len([one for one in made.sessions if one == "01"])
    assert made.onsets_s[first] > made.onsets_s[first - 1] + 30
    ((_, alone),) = dataset_epochs(root, tmp_path / "f", sessions=["2"], overrides=["chain.highpass_hz=5"])
    assert alone.sessions == () and len(alone.labels) == made.sessions.count("02")
    assert alone.sha256 != made.sha256
    with pytest.raises(SettingsError, match="no channel is 'Cx'"):
        dataset_epochs(root, tmp_path / "g", channels=["Cx"])


def test_nothing_left_is_said_and_leaves_no_folder(copy: Path, tmp_path: Path) -> None:
    strict = replace(BARE, rejection=RejectionSettings(peak_to_peak_uv=0.001, flat_uv=None))
    with pytest.raises(RecordingError, match="peak"):
        cut_to_folder(Cutting((copy,), strict, tmp_path / "e", "n"))
    assert not (tmp_path / "e").exists()


def test_written_in_pieces_or_at_once_is_the_same(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(7, 2, 400)).astype(np.float32)
    write_epochs(tmp_path / "a", spec(7), [data])
    write_epochs(tmp_path / "b", spec(7), (data[k : k + 1] for k in range(7)))
    a, b = read_epochs(tmp_path / "a"), read_epochs(tmp_path / "b")
    np.testing.assert_array_equal(a.windows, data)
    np.testing.assert_array_equal(b.windows, data)
    assert a.spec.sha256 == b.spec.sha256 != NO_HASH
    assert isinstance(a.windows, np.memmap)


@pytest.mark.parametrize("more", [{}, {"repeats": (1, 2)}, {"sessions": ("1",)}])
def test_labels_and_windows_must_fit(tmp_path: Path, more: dict[str, Any]) -> None:
    with pytest.raises(RecordingError, match="for 3 labels"), new_epochs(tmp_path / "a", 2, 400) as new:
        new.append(np.zeros((3 if more else 2, 2, 400), np.float32))
        new.finish(spec(3, **more))
    with pytest.raises(RecordingError, match="expected"), new_epochs(tmp_path / "a", 2, 400) as new:
        new.append(np.zeros((2, 2, 300), np.float32))
    assert not (tmp_path / "a").exists()
