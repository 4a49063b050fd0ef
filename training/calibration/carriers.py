"""Which channels and times carry what is decoded: differences of means against their noise, with their own chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.calibration import Map

Array = NDArray[np.float64]
Labels = NDArray[np.int64]
WIDTH_S = 0.05
SHUFFLES = 200
LEVEL = 95


def carriers(
    windows: NDArray[np.float32],
    labels: Labels,
    blocks: Labels,
    *,
    channels: tuple[str, ...],
    categories: Sequence[str],
    start_s: float,
    rate_hz: float,
    seed: int,
) -> Map | None:
    """Map of channels x times; None with fewer than two categories or too few trials.

    Parameters
    ----------
    windows
        (n, channels, times), µV.
    labels, blocks
        (n,), category and block of each. Blocks' own means are taken out; for chance, labels are shuffled within.
    start_s, rate_hz
        Of the windows.
    seed
        Of the shuffles.
    """
    shown = np.unique(labels)
    freedom = len(labels) - len(shown) - len(np.unique(blocks)) + 1
    if len(shown) < 2 or freedom < 2:
        return None
    per = max(1, round(WIDTH_S * rate_hz))
    bins = max(1, windows.shape[2] // per)
    used = np.asarray(windows[..., : bins * per], np.float64)
    # a window shorter than a bin is one bin
    means = used.reshape(*used.shape[:2], bins, -1).mean(axis=3).reshape(len(used), -1)
    for block in np.unique(blocks):
        means[blocks == block] -= means[blocks == block].mean(axis=0)
    values = _root_f(means, labels, freedom)
    rng = np.random.default_rng(seed)
    most = [_root_f(means, _shuffled(labels, blocks, rng), freedom).max() for _ in range(SHUFFLES)]
    counts = {name: int(np.sum(labels == k)) for k, name in enumerate(categories)}
    return Map(
        channels=channels,
        times_s=tuple(round(start_s + (k + 0.5) * per / rate_hz, 4) for k in range(bins)),
        width_s=per / rate_hz,
        values=tuple(tuple(round(float(v), 3) for v in row) for row in values.reshape(len(channels), bins)),
        unit="|t|" if len(shown) == 2 else "sqrt(F)",
        chance=round(float(np.percentile(most, LEVEL)), 3),
        trials=counts,
    )


def _shuffled(labels: Labels, blocks: Labels, rng: np.random.Generator) -> Labels:
    """Labels in another order within each block."""
    found = labels.copy()
    for block in np.unique(blocks):
        found[blocks == block] = rng.permutation(labels[blocks == block])
    return found


def _root_f(x: Array, labels: Labels, freedom: int) -> Array:
    """Square root of one-way F of each column; of two categories |t|."""
    groups = np.unique(labels)
    sums = np.stack([x[labels == k].sum(axis=0) for k in groups])
    sizes = np.array([np.sum(labels == k) for k in groups])[:, None]
    whole = x.sum(axis=0)
    between = (sums**2 / sizes).sum(axis=0) - whole**2 / len(x)
    total = (x**2).sum(axis=0) - whole**2 / len(x)
    within = np.maximum(total - between, 1e-12)
    return np.asarray(np.sqrt(np.maximum(between, 0) / (len(groups) - 1) / (within / freedom)))
