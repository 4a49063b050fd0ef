"""Fits the score of how unlike the training data a window is (see `inference.novelty`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference import novelty as live
from inference.novelty import Arrays, Fitted

Windows = NDArray[np.float32]
Encode = Callable[[Windows], NDArray[np.float32]]
BANK = 1000
"""Training embeddings kept."""
HELD = 2000
"""Held-out windows kept, over all folds."""
NEIGHBOURS = 10
COMPONENTS = 32
FEWEST = 50
"""Training windows, and held-out windows, without which nothing is fitted: a 99th percentile of fewer says nothing."""


@dataclass(frozen=True)
class Side:
    """An encoder, windows (n, channels, times) it learned from, µV, and windows that it has not seen."""

    encode: Encode
    known: Windows
    held: Windows


@dataclass(frozen=True)
class Uniformity:
    """Data of a plot of percentiles against how often windows lie below them; on the diagonal where all is well.

    Attributes
    ----------
    nominal, observed
        (points,), percentiles, and the share of windows at or below each.
    distance
        Largest distance from the diagonal (Kolmogorov and Smirnov's).
    p
        That it is so large by chance, windows taken as independent.
    n
        Windows.
    """

    nominal: NDArray[np.float64]
    observed: NDArray[np.float64]
    distance: float
    p: float
    n: int


def fit(folds: Sequence[Side], final: tuple[Encode, Windows] | None, seed: int) -> Fitted | None:
    """Novelty of single trials.

    Parameters
    ----------
    folds
        Each with the encoder that has not seen its held-out windows; these give the percentiles.
    final
        The encoder of the bundle and the windows it learned from; None: those of the only fold.
    seed
        Of the windows that are kept.

    Returns
    -------
    None where there are too few windows.
    """
    rng = np.random.default_rng(seed)
    if not folds or sum(len(side.held) for side in folds) < FEWEST or min(len(s.known) for s in folds) < FEWEST:
        return None
    share = -(-HELD // len(folds))
    found, made = [], None
    for side in folds:
        made = _arrays(side.encode, _some(side.known, BANK, rng), seed)
        held = _some(side.held, share, rng)
        found.append((live.distances(made["bank"], side.encode(held), NEIGHBOURS), live.errors(_half(made), held)))
    distances, errors = (np.sort(np.concatenate(part)).astype(np.float32) for part in zip(*found, strict=True))
    pairs = [np.concatenate(part) for part in zip(*found, strict=True)]
    joint = np.maximum(live.percentile(distances, pairs[0]), live.percentile(errors, pairs[1]))
    if final is not None:
        made = _arrays(final[0], _some(final[1], BANK, rng), seed)
    arrays = {**(made or {}), "distances": distances, "errors": errors, "joint": np.sort(joint).astype(np.float32)}
    fields = {
        "neighbours": NEIGHBOURS,
        "components": len(arrays["components"]),
        "n_bank": len(arrays["bank"]),
        "n_held_out": len(distances),
    }
    return Fitted(fields, arrays)


def uniformity(percentiles: NDArray[Any], points: int = 51) -> Uniformity:
    """How evenly percentiles (n,) of normal windows spread over 0 to 1."""
    from scipy.stats import kstest

    values = np.sort(np.asarray(percentiles, np.float64))
    nominal = np.linspace(0, 1, points)
    observed = np.searchsorted(values, nominal, "right") / len(values)
    test = kstest(values, "uniform")
    return Uniformity(nominal, observed, float(test.statistic), float(test.pvalue), len(values))


def _arrays(encode: Encode, windows: Windows, seed: int) -> dict[str, NDArray[np.float32]]:
    """What depends on training windows."""
    from sklearn.decomposition import PCA

    mean = windows.mean(axis=(0, 2), dtype=np.float64).astype(np.float32)
    scale = np.maximum(windows.std(axis=(0, 2), dtype=np.float64), 1e-6).astype(np.float32)
    flat = ((windows - mean[:, None]) / scale[:, None]).reshape(len(windows), -1)
    count = min(COMPONENTS, flat.shape[1] - 1, len(flat) // 2)
    solved = PCA(count, svd_solver="randomized", random_state=seed).fit(flat)
    return {
        "bank": np.ascontiguousarray(encode(windows), np.float32),
        "mean": mean,
        "scale": scale,
        "centre": np.asarray(solved.mean_, np.float32),
        "components": np.ascontiguousarray(solved.components_, np.float32),
    }


def _half(made: dict[str, NDArray[np.float32]]) -> Arrays:
    none = np.zeros(0, np.float32)
    return Arrays(**made, distances=none, errors=none, joint=none)


def _some(windows: Windows, most: int, rng: np.random.Generator) -> Windows:
    return windows[np.sort(rng.permutation(len(windows))[:most])]
