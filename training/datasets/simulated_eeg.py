"""EEG of a simulated participant for a given schedule of pictures, block by block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import noise
from acquisition.participant.person import Evoked, evoked_power, make_person
from acquisition.participant.topographies import positions

Array = NDArray[np.float64]

BAND_HZ = (1.0, 30.0)
"""The band in which the signal-to-noise ratio is defined."""
MONTAGE = "standard_1020"
WARM_BLOCKS = 8


@dataclass(frozen=True)
class Schedule:
    """When which picture is shown.

    Attributes
    ----------
    rows
        (n,) int64, samples that onsets stand on, ascending.
    pictures
        (n,) int64, index of the picture; -1 for one that evokes nothing of its own.
    n_rows
        Samples of the recording.
    """

    rows: NDArray[np.int64]
    pictures: NDArray[np.int64]
    n_rows: int


@dataclass(frozen=True)
class Head:
    """Whose EEG it is.

    Attributes
    ----------
    channels
        Names in the montage.
    rate_hz
        Sampling rate.
    person
        Which simulated person: spatial patterns and kernels.
    snr_db
        Power of the evoked response over that of the background, within ``BAND_HZ``.
    line_hz
        Of the mains.
    """

    channels: tuple[str, ...]
    rate_hz: float
    person: int
    snr_db: float
    line_hz: float = 50.0


def blocks(head: Head, weights: Array, schedule: Schedule, seed: Sequence[int]) -> Iterator[Array]:
    """EEG (channels, about a second), µV, to the end of the schedule.

    Parameters
    ----------
    head
        Whose.
    weights
        (pictures, latents), from `picture_features.responses`.
    schedule
        What is shown when.
    seed
        Of the background.
    """
    where = positions(MONTAGE, head.channels)
    streams = [np.random.default_rng(one) for one in np.random.SeedSequence([*seed, 25]).spawn(5)]
    rate = head.rate_hz
    brain = (noise.Pink(where, rate, streams[0]), noise.Alpha(where, rate, streams[1], 4.0))
    parts: tuple[noise.Noise, ...] = (
        *brain,
        noise.Line(len(where), rate, streams[2], head.line_hz, 3.0),
        noise.Drift(len(where), rate, streams[3], 8.0),
        noise.Blinks(where, rate, streams[4], 4.0),
    )
    evoked = _evoked(head, where, weights, schedule, brain)
    size = round(rate)
    for _ in range(WARM_BLOCKS):
        for part in parts:
            part.block(size)
    for start in range(0, schedule.n_rows, size):
        n = min(size, schedule.n_rows - start)
        first, last = np.searchsorted(schedule.rows, [start, start + n])
        shown = [
            (int(schedule.rows[k]) - start, weights[schedule.pictures[k]])
            for k in range(first, last)
            if schedule.pictures[k] >= 0
        ]
        wave = evoked.block(n, shown)
        for part in parts:
            wave = wave + part.block(n)
        yield wave


def _evoked(
    head: Head, where: Array, weights: Array, schedule: Schedule, brain: tuple[noise.Pink, noise.Alpha]
) -> Evoked:
    person = make_person(where, head.rate_hz, weights.shape[1], 0.0, head.person)
    gaps = np.diff(schedule.rows)
    rsvp_hz = head.rate_hz / float(np.median(gaps)) if len(gaps) else 1.0
    power = evoked_power(person, weights, rsvp_hz, *BAND_HZ)
    background = float(np.mean(sum(part.power(head.rate_hz, *BAND_HZ) for part in brain)))
    wanted = 10 ** (head.snr_db / 10) * background
    return Evoked(person, float(np.sqrt(wanted / power)) if power > 0 else 0.0)
