"""What drives a score: how much is lost when a channel, or a piece of time, says nothing.

Occlusion [1]_: that part of every window is replaced by its mean over the windows, which holds nothing of any one
stimulus but looks like EEG. A part whose information others also hold shows little.

References
----------
.. [1] Zeiler & Fergus (2014), Visualizing and understanding convolutional networks, ECCV.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from training.metrics import retrieval
from training.protocols.schema import Curve, Topography

Array = NDArray[np.float64]
Windows = NDArray[np.float32]
Encode = Callable[[Windows], NDArray[np.float32]]
BIN_S = 0.05
PIECES = 4
"""Pieces of time that topographies are made for."""
DRAWS = 500


@dataclass(frozen=True)
class Lost:
    """What occluding parts costs.

    Attributes
    ----------
    cosine
        (parts,), mean drop of the cosine with the true item.
    rank
        (parts,), drop of the mean reciprocal rank.
    low, high
        (parts,), 95 % interval of the drop of the mean reciprocal rank, stimuli resampled.
    """

    cosine: Array
    rank: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Drivers:
    """What is lost without each channel, each bin of time, and each channel in each piece of time.

    Attributes
    ----------
    cosine, rank
        Mean cosine with the true item, and mean reciprocal rank, with nothing occluded.
    channels, times
        A part each.
    times_s
        (bins,), middle of each bin, seconds after the onset.
    pieces
        (pieces, channels), drop of the mean reciprocal rank.
    pieces_s
        (pieces,), middle of each piece.
    n
        Windows.
    """

    cosine: float
    rank: float
    channels: Lost
    times: Lost
    times_s: Array
    pieces: Array
    pieces_s: Array
    n: int


def drivers(
    encode: Encode,
    windows: Windows,
    truth: NDArray[np.int64],
    vectors: NDArray[Any],
    *,
    rate_hz: float,
    start_s: float = 0.0,
    bin_s: float = BIN_S,
    pieces: int = PIECES,
    seed: int = 0,
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Drivers:
    """Occlude each channel, each bin of time, and each channel in each piece of time.

    Parameters
    ----------
    encode
        Windows to unit vectors.
    windows
        (n, channels, times), µV; averages over repeats show more than single trials.
    truth
        (n,), row of the item that was shown.
    vectors
        (items, dim) of the items searched, unit norm.
    rate_hz, start_s
        Sampling rate, and when the windows start, seconds after the onset.
    bin_s
        Length of a bin, seconds.
    pieces
        Pieces of time for topographies.
    seed
        Of the resampling.
    progress
        Told what is being done.
    """
    channels, times = windows.shape[1:]
    mean = windows.mean(axis=0)
    bins = np.array_split(np.arange(times), max(1, round(times / rate_hz / bin_s)))
    coarse = np.array_split(np.arange(times), min(pieces, times))
    parts = [
        *((slice(c, c + 1), slice(None)) for c in range(channels)),
        *((slice(None), _span(one)) for one in bins),
        *((slice(c, c + 1), _span(one)) for one in coarse for c in range(channels)),
    ]
    base = _scores(encode(windows), truth, vectors)
    drops = []
    for done, part in enumerate(parts):
        progress("occluding channels and times", done, len(parts))
        drops.append(base - _scores(encode(_occluded(windows, mean, part)), truth, vectors))
    progress("occluding channels and times", len(parts), len(parts))
    each = np.stack(drops)
    weights = _resampled(truth, seed)
    edge = channels + len(bins)
    return Drivers(
        cosine=float(base[0].mean()),
        rank=float(base[1].mean()),
        channels=_lost(each[:channels], weights),
        times=_lost(each[channels:edge], weights),
        times_s=_middles(bins, rate_hz, start_s),
        pieces=each[edge:, 1].mean(axis=1).reshape(len(coarse), channels),
        pieces_s=_middles(coarse, rate_hz, start_s),
        n=len(windows),
    )


def topographies(found: Drivers, channels: Sequence[str]) -> tuple[Topography, ...]:
    """Maps for a report: over the whole window, and in pieces of time."""
    unit = "drop of mean reciprocal rank"
    note = f"occlusion; {found.n} windows, mean reciprocal rank {found.rank:.3f} with nothing occluded"
    whole = Topography(
        name="what each channel adds",
        channels=tuple(channels),
        times_s=(float(found.times_s.mean()),),
        values=(tuple(found.channels.rank.tolist()),),
        unit=unit,
        note=note,
    )
    pieces = Topography(
        name="what each channel adds, in pieces of time",
        channels=tuple(channels),
        times_s=tuple(found.pieces_s.tolist()),
        values=tuple(tuple(row) for row in found.pieces.tolist()),
        unit=unit,
        note=note,
    )
    return whole, pieces


def time_course(found: Drivers) -> Curve:
    """Curve for a report: what each bin of time adds."""
    return Curve(
        name="what each piece of time adds",
        x_label="time after the onset (ms)",
        y_label="drop of mean reciprocal rank when occluded",
        x=tuple((1000 * found.times_s).tolist()),
        y=tuple(found.times.rank.tolist()),
        low=tuple(found.times.low.tolist()),
        high=tuple(found.times.high.tolist()),
        chance=(0.0,) * len(found.times_s),
        note=f"occlusion; {found.n} windows; intervals resample stimuli",
    )


def _span(index: NDArray[np.int64]) -> slice:
    return slice(int(index[0]), int(index[-1]) + 1)


def _occluded(windows: Windows, mean: Windows, part: tuple[slice, slice]) -> Windows:
    out = windows.copy()
    out[(slice(None), *part)] = mean[part]
    return out


def _scores(found: NDArray[np.float32], truth: NDArray[np.int64], vectors: NDArray[Any]) -> Array:
    """Cosine with the true item, and reciprocal rank: (2, n)."""
    cosines = found @ np.asarray(vectors).T
    shown = np.asarray(cosines[np.arange(len(truth)), truth], np.float64)
    return np.stack([shown, retrieval.reciprocal(retrieval.ranks(cosines, truth))])


def _resampled(truth: NDArray[np.int64], seed: int) -> Array:
    """Weights (draws, n) of the windows when stimuli are drawn with replacement."""
    _, place = np.unique(truth, return_inverse=True)
    count = int(place.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), DRAWS)
    weights = drawn[:, place].astype(np.float64)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _lost(drops: Array, weights: Array) -> Lost:
    """From drops (parts, 2, n)."""
    low, high = np.quantile(drops[:, 1] @ weights.T, [0.025, 0.975], axis=1)
    return Lost(drops[:, 0].mean(axis=1), drops[:, 1].mean(axis=1), low, high)


def _middles(parts: Sequence[NDArray[np.int64]], rate_hz: float, start_s: float) -> Array:
    return np.array([start_s + (part.mean() + 0.5) / rate_hz for part in parts])
