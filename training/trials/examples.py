"""From trials to what a network learns from, batch by batch: single trials are never copied as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from config.bundles import Normalisation
from config.errors import RecordingError
from inference.encoders.base import Windows
from training.trials.epochs import Trials

Index = NDArray[np.int64]
Average = Literal["single", "averaged", "both", "subsets"]
CHUNK = 4096
"""Trials that are worked on at once."""


class Pool(Protocol):
    """Windows to learn from, taken by their number."""

    @property
    def rows(self) -> Index:
        """(n,) int64, row of the gallery of each."""
        ...

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, times) of a window."""
        ...

    @property
    def changes(self) -> bool:
        """Whether `redraw` changes anything."""
        ...

    def take(self, index: Index) -> Windows:
        """Normalised windows (len(index), channels, times) float32, in memory of their own."""
        ...

    def redraw(self, rng: np.random.Generator) -> None:
        """Called before every pass."""
        ...


@dataclass(frozen=True)
class Examples:
    """Windows that are normalised already.

    Attributes
    ----------
    windows
        (n, channels, times) float32.
    rows
        (n,) int64, row of the gallery.
    """

    windows: Windows
    rows: Index
    changes = False

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, times)."""
        return self.windows.shape[1], self.windows.shape[2]

    def take(self, index: Index) -> Windows:
        """Copies of some windows."""
        return self.windows[index]

    def redraw(self, rng: np.random.Generator) -> None:
        """Nothing is drawn."""


class Scaling:
    """whitening @ ((x - mean) / scale), as `inference.bundle.LoadedEncoder` does it.

    Parameters
    ----------
    normalisation
        Of the bundle.
    """

    def __init__(self, normalisation: Normalisation) -> None:
        self.mean = np.array(normalisation.mean_uv, np.float32)[:, None]
        self.scale = np.array(normalisation.scale_uv, np.float32)[:, None]
        self.whitening = np.array(normalisation.whitening, np.float32) if normalisation.whitening else None

    def apply(self, windows: Windows) -> None:
        """Scale windows (n, channels, times) where they are."""
        windows -= self.mean
        windows /= self.scale
        if self.whitening is not None:
            windows[...] = self.whitening @ windows


class TrialExamples:
    """Single trials, means over repeats, or both, as a `Pool`.

    Parameters
    ----------
    trials
        Whose windows may be mapped; they are only read.
    index
        Which of them.
    average
        ``single``; ``averaged``, over all repeats of a stimulus of a subject; ``both``; or ``subsets``, the mean over
        as many repeats as chance says, drawn anew before every pass.
    normalisation
        How windows are scaled.
    """

    def __init__(self, trials: Trials, index: Index, average: Average, normalisation: Normalisation) -> None:
        self._trials, self._index, self._scaling = trials, np.asarray(index, np.int64), Scaling(normalisation)
        self.changes = average == "subsets"
        singles = self._index if average in ("single", "both") else np.empty(0, np.int64)
        self._singles = singles
        self._groups = _Groups(trials, self._index) if average != "single" else None
        self._means = np.empty((len(self._groups) if self._groups else 0, *self.shape), np.float32)
        if self._groups:
            self._average(self._groups, self._groups.order, self._groups.sizes)
        rows = self._groups.rows if self._groups else np.empty(0, np.int64)
        self.rows: Index = np.concatenate([trials.rows[singles], rows])

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, times)."""
        return self._trials.windows.shape[1], self._trials.windows.shape[2]

    def take(self, index: Index) -> Windows:
        """Normalised windows."""
        count = len(self._singles)
        single = index < count
        if not single.any():
            return self._means[index - count]
        singles = self._trials.windows[self._singles[index[single]]]
        self._scaling.apply(singles)
        if single.all():
            return singles
        out = np.empty((len(index), *self.shape), np.float32)
        out[single], out[~single] = singles, self._means[index[~single] - count]
        return out

    def redraw(self, rng: np.random.Generator) -> None:
        """Other subsets of repeats, where it learns from these."""
        if self._groups and self.changes:
            self._average(self._groups, *self._groups.subsets(rng))

    def _average(self, groups: _Groups, order: Index, counts: Index) -> None:
        for part, members, starts in groups.pieces(order, counts):
            sums = np.add.reduceat(self._trials.windows[members], starts, axis=0)
            sums /= counts[part, None, None]
            self._scaling.apply(sums)
            self._means[part] = sums


class _Groups:
    """Repeats of each stimulus of each subject, one group after another, in ``order``."""

    def __init__(self, trials: Trials, index: Index) -> None:
        keys = np.stack([trials.subject[index], trials.rows[index]])
        order = np.lexsort(keys)
        new = np.r_[True, (np.diff(keys[:, order], axis=1) != 0).any(axis=0)]
        self.starts = np.flatnonzero(new)
        self.sizes: Index = np.diff(np.r_[self.starts, len(order)])
        self.group = np.cumsum(new) - 1
        self.order = index[order]
        self.rows: Index = trials.rows[self.order[self.starts]]

    def __len__(self) -> int:
        return len(self.starts)

    def subsets(self, rng: np.random.Generator) -> tuple[Index, Index]:
        """The order with each group shuffled, and how many of its first members to take."""
        order = self.order[np.lexsort((rng.random(len(self.order)), self.group))]
        return order, np.asarray(rng.integers(1, self.sizes + 1), np.int64)

    def pieces(self, order: Index, counts: Index) -> Iterator[tuple[slice, Index, Index]]:
        """Groups, their trials one group after another, and where each group starts; some ``CHUNK`` trials a piece."""
        ends = np.cumsum(counts)
        first = 0
        while first < len(counts):
            done = ends[first - 1] if first else 0
            last = max(first + 1, int(np.searchsorted(ends, done + CHUNK, side="right")))
            part = slice(first, last)
            offsets = ends[part] - counts[part] - done
            rank = np.arange(ends[last - 1] - done) - np.repeat(offsets, counts[part])
            yield part, order[np.repeat(self.starts[part], counts[part]) + rank], offsets
            first = last


def normalisation_of(trials: Trials, index: Index | None = None) -> Normalisation:
    """Mean and standard deviation of each channel over trials and times.

    Parameters
    ----------
    trials
        Windows in microvolts.
    index
        Which of them; None: all.

    Raises
    ------
    RecordingError
        A channel never varies.
    """
    index = np.arange(len(trials)) if index is None else index
    mean, scale = _moments(trials.windows, index)
    flat = [name for name, value in zip(trials.channels, scale, strict=True) if not value > 0]
    if flat:
        raise RecordingError(
            f"channel '{flat[0]}' never varies in the training windows; leave it out with --set chain.channels=[…]"
        )
    return Normalisation(mean_uv=tuple(mean.tolist()), scale_uv=tuple(scale.tolist()))


def _moments(windows: Windows, index: Index) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and standard deviation by channel, piece by piece, so that no copy in double precision is made of all."""
    pieces = [index[k : k + CHUNK] for k in range(0, len(index), CHUNK)]
    count = len(index) * windows.shape[2]
    mean = sum(windows[p].sum(axis=(0, 2), dtype=np.float64) for p in pieces) / count
    squares = sum(np.square(windows[p] - mean[:, None]).sum(axis=(0, 2)) for p in pieces)
    return np.asarray(mean), np.sqrt(np.asarray(squares) / count)
