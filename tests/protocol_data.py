"""Trials for tests of protocols, and a decoder that undoes how `training_data` made them: no training needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from training_data import CHANNELS, DIM, TIMES, epochs, repeated

from config.bundles import Item
from inference.encoders.base import unit_norm
from inference.gallery import Gallery, write_gallery
from training.protocols.conditions import Conditions
from training.trials.epochs import Origin, Trials, gather

BASE = Conditions(encoder="test", trained_by="infonce", selection="fixed epoch", subjects=("1",))
MIXING = np.random.default_rng(99).standard_normal((DIM, len(CHANNELS) * TIMES))


def decode(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """The embedding that a window of `training_data.epochs` carries, as far as noise lets it be found."""
    return unit_norm(windows.reshape(len(windows), -1) @ np.linalg.pinv(MIXING) / 10)


def noise(windows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Unit vectors that have nothing to do with the windows."""
    return unit_norm(np.random.default_rng(5).standard_normal((len(windows), DIM)))


def classed_gallery(folder: Path, classes: int, each: int, seed: int = 0, spread: float = 0.6) -> Gallery:
    """Items c0-0, c0-1, … of classes c0, c1, …, near their class's centre; each has attributes."""
    rng = np.random.default_rng(seed)
    centre = rng.standard_normal((classes, DIM))
    vectors = np.repeat(centre, each, axis=0) + spread * rng.standard_normal((classes * each, DIM))
    items = [
        Item(id=f"c{c}-{k}", label=f"c{c}", attributes={"half": "low" if c < classes / 2 else "high"})
        for c in range(classes)
        for k in range(each)
    ]
    write_gallery(folder, items, vectors.astype(np.float32), space="test:8", model="test")
    return Gallery.load(folder)


def trials_of(
    shown: Gallery,
    ids: Sequence[str],
    repeats: int,
    *,
    signal: float = 1.0,
    recordings: int = 1,
    subjects: int = 1,
    seed: int = 0,
) -> Trials:
    """Each id so many times in each recording of each subject, in random order."""
    made, origins = [], []
    for k in range(recordings * subjects):
        made.append(epochs(shown, repeated(ids, repeats, seed=seed + k), signal=signal, seed=seed + k))
        origins.append(Origin(f"run {k}", subject=str(k // recordings)))
    return gather(made, origins, shown)


def shuffled(trials: Trials, seed: int = 3) -> Trials:
    """Labels that no longer belong to their windows."""
    return replace(trials, rows=np.random.default_rng(seed).permutation(trials.rows))


def marked_csv(file: Path, seed: int, seconds: int = 40, rate: int = 256) -> Path:
    """A made-up muse-lsl file: two categories of opposite responses, a marker 1 or 2 every second."""
    rng = np.random.default_rng(seed)
    signal, markers = 5 * rng.standard_normal((rate * seconds, 4)), ["0"] * (rate * seconds)
    response = 12 * np.exp(-0.5 * ((np.arange(rate // 2) - 50) / 12) ** 2)
    for row in range(4 * rate, len(signal) - rate, rate):
        second = int(rng.integers(2))
        markers[row] = str(1 + second)
        signal[row : row + rate // 2] += np.outer(response, [1, 0.2, 0.2, -1]) * (1 if second else -1)
    rows = (
        ",".join([f"{1000 + k / rate:.4f}", *(f"{v:.2f}" for v in values), "0.0", mark])
        for k, (values, mark) in enumerate(zip(signal, markers, strict=True))
    )
    file.write_text("\n".join(["timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0", *rows]) + "\n")
    return file
