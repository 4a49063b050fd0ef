"""Running averages of the evoked response, one for each category, with their standard error. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from wire.packets import Tap

MOST = 40
"""Categories averaged by themselves; what comes later is counted together as `REST`."""
REST = "all others"
EVERY = "all trials"
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """What windows must share to be averaged together."""

    channels: tuple[str, ...]
    times: int
    rate_hz: float
    first_s: float
    """Time of the first sample after the onset, to the millisecond."""


class Running:
    """Mean and spread of trials, by Welford's method: no trial is kept, and no precision lost.

    Attributes
    ----------
    n
        Trials so far.
    mean
        (channels, times) float64, µV.
    """

    def __init__(self, shape: tuple[int, int]):
        self.n = 0
        self.mean: Float = np.zeros(shape)
        self._squares: Float = np.zeros(shape)

    def add(self, trial: NDArray[np.float32]) -> None:
        """One more: (channels, times), µV."""
        self.n += 1
        off = trial - self.mean
        self.mean += off / self.n
        self._squares += off * (trial - self.mean)

    @property
    def error(self) -> Float:
        """Standard error of the mean, (channels, times) µV; NaN of fewer than two trials."""
        if self.n < 2:
            return np.full(self.mean.shape, np.nan)
        return np.asarray(np.sqrt(self._squares / (self.n * (self.n - 1))))


@dataclass
class Averages:
    """All categories since some moment.

    Attributes
    ----------
    since_s
        From when on trials are counted, seconds of any clock.
    shape
        Of the windows; None before the first.
    by
        Category to its average; `EVERY` has all trials.
    begun_anew
        Why older trials are no longer counted, where they are not.
    """

    since_s: float
    shape: Shape | None = None
    by: dict[str, Running] = field(default_factory=dict)
    begun_anew: str = ""

    @property
    def n(self) -> int:
        """Trials of all categories."""
        every = self.by.get(EVERY)
        return every.n if every else 0

    @property
    def counts(self) -> dict[str, int]:
        """Trials of each category, in the order in which they were first seen."""
        return {name: one.n for name, one in self.by.items() if name != EVERY}

    @property
    def times_s(self) -> Float:
        """Time of each sample after the onset, s: (times,)."""
        shape = self.shape
        return np.zeros(0) if shape is None else shape.first_s + np.arange(shape.times) / shape.rate_hz

    def add(self, tap: Tap, category: str, at_s: float, *, former: bool = False) -> bool:
        """Count a trial; whether it was.

        Parameters
        ----------
        tap
            Its window: version 0, the single trial, is averaged.
        category
            What was shown.
        at_s
            Now, on the clock of ``since_s``: a window of another shape begins anew.
        former
            It is of before: of another shape it is left out.
        """
        shape = Shape(tap.channels, tap.times, tap.sampling_rate_hz, round(tap.first_sample_offset_s, 2))
        if self.shape is not None and not fits(self.shape, shape):
            if former:
                return False
            self.by.clear()
            self.since_s, self.begun_anew = at_s, "windows of another shape came"
            self.shape = None
        self.shape = self.shape or shape
        trial = tap.data[0]
        if not np.isfinite(trial).all():
            return False
        if category not in self.by and len(self.by) > MOST:
            category = REST
        for name in (category, EVERY):
            self.by.setdefault(name, Running((len(shape.channels), shape.times))).add(trial)
        return True


def fits(one: Shape, other: Shape) -> bool:
    """Whether windows of two shapes may be averaged: onsets differ by less than a sample."""
    same = (one.channels, one.times, one.rate_hz) == (other.channels, other.times, other.rate_hz)
    return same and abs(one.first_s - other.first_s) <= max(0.011, 1 / one.rate_hz)


def category_of(stimulus: str, truth: Mapping[str, str], labels: Mapping[str, str]) -> str:
    """What a stimulus is an example of.

    Parameters
    ----------
    stimulus
        The marker: ``category/name``, or anything that the truth maps.
    truth
        Marker to gallery id.
    labels
        Gallery id to readable label.
    """
    category, slash, _ = stimulus.partition("/")
    if slash and category:
        return category
    item = truth.get(stimulus)
    return stimulus if item is None else labels.get(item, item)
