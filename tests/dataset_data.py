"""Small datasets for tests, in the formats of the genuine ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from training.datasets.things2 import CHANNELS_63

TEST = ("b_01s", "c_02s", "d_03n")
TRAINING = ("a_01b", "a_02s")


def metadata() -> dict[str, list[str]]:
    """Of an image set of two training and three test pictures."""
    return {
        "train_img_concepts": ["00001_a", "00001_a"],
        "train_img_files": [f"{name}.jpg" for name in TRAINING],
        "test_img_concepts": [f"{k:05d}_{name[0]}" for k, name in enumerate(TEST, 1)],
        "test_img_files": [f"{name}.jpg" for name in TEST],
    }


def raw(codes: list[tuple[int, float]], n: int = 4000, seed: int = 0) -> dict[str, Any]:
    """What a raw file holds: noise of 10 µV in shuffled channels, and (row, code) in ``stim``."""
    rng = np.random.default_rng(seed)
    names = [CHANNELS_63[k] for k in rng.permutation(63)]
    eeg = rng.normal(0, 1e-5, (64, n))
    eeg[63] = 0
    for row, code in codes:
        eeg[63, row] = code
    return {
        "raw_eeg_data": eeg,
        "ch_names": [*names, "stim"],
        "ch_types": ["eeg"] * 63 + ["stim"],
        "sfreq": 1000,
        "highpass": 0.01,
        "lowpass": 100,
    }


def save(path: Path, content: object) -> Path:
    """As ``np.save`` pickles a dict."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.asarray(content, dtype=object), allow_pickle=True)
    return path


def things2(root: Path, codes: list[tuple[int, float]] | None = None, n: int = 4000, **more: Any) -> Path:
    """A dataset of one test recording of subject 08, session 01."""
    given = codes if codes is not None else [(1000, 1), (1200, 2), (1400, 99999), (1600, 3), (1800, 1)]
    save(root / "Image_set" / "image_metadata.npy", metadata())
    save(root / "Raw_data" / "sub-08" / "ses-01" / "raw_eeg_test.npy", {**raw(given, n), **more})
    return root
