"""Does luminance or contrast explain the score? Low-level features of pictures, and the score with and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.encoders.base import unit_norm
from inference.inputs import opened
from training.metrics import retrieval

Array = NDArray[np.float64]
SIDE = 128
"""Pixels that pictures are brought to."""
BANDS = (1, 2, 4, 8, 16, 32, 64)
"""Edges of the bands of spatial frequency, cycles a picture."""
ORIENTATIONS = ("horizontal", "diagonal down", "vertical", "diagonal up")
PENALTIES = 10.0 ** np.arange(-2, 5)
FOLDS = 5
NAMES = (
    *("luminance", "contrast", "red-green", "red-green spread", "blue-yellow", "blue-yellow spread"),
    *(f"{low}-{high} cycles {way}" for low, high in pairwise(BANDS) for way in ORIENTATIONS),
)
"""Of the features, in order."""


def features(pictures: Sequence[Path]) -> Array:
    """Low-level features (n, len(NAMES)) of picture files.

    Mean linear luminance (CIE Y, 0 to 1); its root-mean-square contrast (standard deviation over mean); mean and spread
    of two opponent colours; and the logarithm of the energy of the luminance in bands of spatial frequency and
    orientation (of the grating's bars).

    Raises
    ------
    BundleError
        A picture cannot be read.
    """
    return np.array([of_pixels(_pixels(path)) for path in pictures])


def of_pixels(rgb: NDArray[Any]) -> Array:
    """Features (len(NAMES),) of linear RGB values (height, width, 3), 0 to 1."""
    red, green, blue = np.moveaxis(np.asarray(rgb, np.float64), 2, 0)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    mean = float(luminance.mean())
    opponents = (red - green, blue - (red + green) / 2)
    colour = [statistic for o in opponents for statistic in (o.mean(), o.std())]
    contrast = float(luminance.std()) / max(mean, 1e-6)
    return np.array([mean, contrast, *colour, *_energies(luminance)])


def _energies(luminance: Array) -> list[float]:
    height, width = luminance.shape
    taper = np.hanning(height)[:, None] * np.hanning(width)[None, :]
    power = np.abs(np.fft.fft2((luminance - luminance.mean()) * taper)) ** 2 / luminance.size
    down = np.fft.fftfreq(height, 1 / height)[:, None]
    across = np.fft.fftfreq(width, 1 / width)[None, :]
    radius = np.hypot(down, across)
    # bars are at right angles to the direction in which the luminance varies
    way = (np.round((np.arctan2(down, across) + np.pi / 2) / (np.pi / 4)).astype(int)) % len(ORIENTATIONS)
    found = []
    for low, high in pairwise(BANDS):
        ring = (radius >= low) & (radius < high)
        found += [float(np.log(power[ring & (way == k)].sum() + 1e-9)) for k in range(len(ORIENTATIONS))]
    return found


def _pixels(path: Path) -> Array:
    from PIL import Image

    with opened(path) as picture:
        small = picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX)
    srgb = np.asarray(small, np.float64) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


@dataclass(frozen=True)
class Control:
    """The mean reciprocal rank with and without what low-level features explain of the items' embeddings.

    Attributes
    ----------
    full
        As scored.
    alone
        With each item's embedding replaced by its prediction from its low-level features, items left out in turn.
    after
        With what the features predict taken out of the embeddings.
    after_shuffled
        The same with features of the wrong items: what taking out so many dimensions costs by itself.
    chance
        Of each.
    explained
        Share of the embeddings' variance that the features predict, items left out in turn; at or below 0: nothing.
    left
        How much of the score above chance remains: ``after`` against ``after_shuffled``; NaN where the latter is not
        above chance. 1: low-level features do not matter; 0: they explain everything.
    """

    full: float
    alone: float
    after: float
    after_shuffled: float
    chance: float
    explained: float
    left: float


def control(
    queries: NDArray[Any], truth: retrieval.Rows, vectors: NDArray[Any], low: NDArray[Any], *, seed: int = 0
) -> Control:
    """Whether low-level features explain a score.

    Parameters
    ----------
    queries
        (n, dim) embeddings of EEG, unit norm.
    truth
        (n,), row of the item that was shown.
    vectors
        (items, dim) embeddings of the items searched, unit norm.
    low
        (items, features), see `features`; several times as many items as features are needed.
    seed
        Of folds and shuffles.

    Raises
    ------
    RecordingError
        There are too few items.
    """
    items, count = low.shape
    if items < 2 * count + 2 or len(vectors) != items:
        raise RecordingError(
            f"{count} low-level features of {items} items ({len(vectors)} embeddings) would explain them by mere "
            f"number; give {2 * count + 2} items or more"
        )
    low = _standard(np.asarray(low, np.float64))
    target = np.asarray(vectors, np.float64)
    predicted = _left_out(low, target, seed)
    centred = target - target.mean(axis=0)
    rng = np.random.default_rng(seed)
    shuffled = np.mean([_mrr(queries, _without(rng.permutation(low), target), truth) for _ in range(5)])
    full, after = _mrr(queries, target, truth), _mrr(queries, _without(low, target), truth)
    chance = retrieval.chance(items)["mrr"]
    return Control(
        full=full,
        alone=_mrr(queries, predicted, truth),
        after=after,
        after_shuffled=float(shuffled),
        chance=chance,
        explained=float(1 - ((target - predicted) ** 2).sum() / (centred**2).sum()),
        left=float((after - chance) / (shuffled - chance)) if shuffled > chance else float("nan"),
    )


def _left_out(low: Array, target: Array, seed: int) -> Array:
    """Ridge predictions of items left out in turn."""
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import KFold, cross_val_predict

    folds = KFold(FOLDS, shuffle=True, random_state=seed)
    return np.asarray(cross_val_predict(RidgeCV(PENALTIES), low, target, cv=folds))


def _without(low: Array, target: Array) -> Array:
    """Residuals (items, dim) of least squares on the features, the mean kept."""
    beta, *_ = np.linalg.lstsq(low, target - target.mean(axis=0), rcond=None)
    return np.asarray(target - low @ beta)


def _standard(low: Array) -> Array:
    spread = low.std(axis=0)
    return np.asarray((low - low.mean(axis=0)) / np.where(spread > 0, spread, 1.0))


def _mrr(queries: NDArray[Any], vectors: Array, truth: retrieval.Rows) -> float:
    cosines = np.asarray(queries, np.float64) @ unit_norm(vectors.astype(np.float32)).T
    return float(retrieval.reciprocal(retrieval.ranks(cosines, truth)).mean())
