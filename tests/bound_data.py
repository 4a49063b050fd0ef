"""A small world for tests of the bound: made-up features in the files' own format, and a participant who sees them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from acquisition.participant import v1

DIM = 48


def features(n: int, seed: int, spread: float = 1.0) -> np.ndarray:
    """Features (n, DIM) with a mean and a falling spectrum, of norm 1 or less."""
    rng = np.random.default_rng(seed)
    mean = np.random.default_rng(7).standard_normal(DIM)
    drawn = mean + spread * rng.standard_normal((n, DIM)) * np.linspace(2.0, 0.3, DIM)
    return np.asarray(drawn / np.linalg.norm(drawn, axis=1, keepdims=True) * (0.9 if spread < 1 else 1.0), np.float32)


def write(folder: Path, test: int = 40) -> Path:
    """The files that a study reads."""
    (folder / "things").mkdir(parents=True)
    np.save(folder / "things" / "center_clip.npy", features(200, 1, 0.9))
    np.save(folder / "things" / "clip_feature_maps_test.npy", features(test, 2)[:, None])
    return folder


def readout() -> v1.Readout:
    """Person 0 before the made-up population."""
    return v1.Readout(v1.population_of(features(200, 1, 0.9).astype(np.float64)))
