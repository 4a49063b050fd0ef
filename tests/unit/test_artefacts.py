"""FASTER's outliers: what was put in is found, what is clean stays, and the epochs keep their account."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from training_data import CHANNELS, epochs, gallery, repeated

from benchmarks.muse_folds import plan
from config.errors import RecordingError
from config.settings import RecordingSource
from training.trials.artefacts import find_outliers, with_asr, without_outliers
from training.trials.epochs import reasons


def noise(n: int = 60, channels: int = 4) -> np.ndarray:
    return (10 * np.random.default_rng(0).standard_normal((n, channels, 50))).astype(np.float32)


def test_windows_that_stand_out_are_found() -> None:
    windows = noise()
    windows[7] *= 8
    windows[30] += 40
    found = find_outliers(windows, CHANNELS, 100.0)
    assert found.windows[[7, 30]].all() and found.windows.sum() <= 4
    assert found.by_metric["amplitude"] >= 1 and found.by_metric["deviation"] >= 1
    assert not found.cells.any() and not found.channels  # four channels cannot tell
    assert str(found).startswith(f"{found.windows.sum()} of 60 windows are outliers (")


def test_a_channel_that_stands_out_among_many() -> None:
    windows = noise(channels=20) + noise(60, 1) * 3  # what is common makes them correlate
    windows[:, 4] = 200 * np.random.default_rng(3).standard_normal((60, 50))
    windows[11, 9] *= 20
    found = find_outliers(windows, [f"C{k}" for k in range(20)], 100.0)
    assert "C4" in found.channels and found.cells[:, 4].mean() > 0.9 and found.cells[11, 9]
    assert "channels C4" in str(found)


def test_scale_does_not_matter_and_clean_windows_stay() -> None:
    windows = noise()
    loud = find_outliers(windows * 50, CHANNELS, 100.0)
    assert np.array_equal(loud.windows, find_outliers(windows, CHANNELS, 100.0).windows) and loud.windows.sum() <= 3
    assert not find_outliers(windows, CHANNELS, 100.0, threshold=6.0).windows.any()


def test_epochs_without_outliers_account_for_them(tmp_path: Path) -> None:
    two = gallery(tmp_path / "gallery", ["house", "face"])
    made = epochs(two, repeated(["house", "face"], 20))
    data = made.data.copy()
    data[5] *= 20
    kept, found = without_outliers(replace(made, data=data), 100.0)
    gone = set(np.flatnonzero(found.windows))
    assert 5 in gone and len(kept.labels) == 40 - len(gone) == len(kept.data) == len(kept.sequences)
    assert {r.sequence for r in kept.refused} == gone and reasons([kept])["outlier"] == len(gone)
    assert 5 not in kept.sequences.tolist()


def test_too_few_windows() -> None:
    with pytest.raises(RecordingError, match=r"3 windows of a recording are too few.*leave FASTER out"):
        find_outliers(noise(3), CHANNELS, 100.0)


def test_asr_is_calibrated_on_a_genuine_recording(data: Path) -> None:
    file = sorted((data / "muse" / "left-right").glob("*.csv"))[0]
    made = with_asr([RecordingSource(file=str(file))], plan())
    assert made.chain.asr is not None and made.chain.asr.rate_hz == 256.0 and len(made.chain.asr.mixing) == 4
    clean = np.sqrt(np.diag(np.array(made.chain.asr.mixing) @ np.array(made.chain.asr.mixing)))
    assert (clean > 1).all() and (clean < 100).all()  # µV
