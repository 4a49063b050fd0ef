"""The EEG of a whole simulated session, block by block in constant memory. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import noise, stimuli
from acquisition.participant.person import Evoked, evoked_power, make_person
from acquisition.participant.stimuli import TIE_BREAK, Responses
from acquisition.participant.topographies import POSTERIOR, positions
from config.settings import ParticipantSource

Array = NDArray[np.float64]

SIGNAL_BAND_HZ = (1.0, 30.0)
"""The band in which the signal-to-noise ratio is defined."""
TAIL_S = 2.0
"""EEG after the last onset."""
WARM_BLOCKS = 8
"""Blocks of noise thrown away, so that it starts stationary."""


@dataclass(frozen=True)
class Onset:
    """A picture shown: its label and the fractional row on which it stands."""

    label: str
    row: float


@dataclass(frozen=True)
class Block:
    """About a second of EEG, (channels, times) float32 µV, and the onsets that lie in it."""

    samples: NDArray[np.float32]
    onsets: tuple[Onset, ...]


class Session:
    """A simulated session.

    The signal-to-noise ratio is that of the raw EEG, before any filter: the expected power of the evoked response while
    pictures are shown over that of the background (pink noise and alpha; not line, drift or blinks), both within
    ``SIGNAL_BAND_HZ`` and averaged over channels. Where ``level_uv`` is given it says how loud the response is instead.

    Parameters
    ----------
    settings
        Of the participant.

    Raises
    ------
    SourceError
        Montage, channels or responses cannot be used.
    """

    def __init__(self, settings: ParticipantSource) -> None:
        self.settings = settings
        self.channels = settings.channels or POSTERIOR
        self.rate_hz = settings.rate_hz
        self.directions = positions(settings.montage, self.channels)
        seeds = np.random.SeedSequence([settings.seed, 0]).spawn(7)
        self.generators = [np.random.default_rng(seed) for seed in seeds]
        self.responses: Responses = stimuli.read_responses(
            settings.responses, settings.stimuli, np.random.default_rng([settings.person, 2])
        )
        self.first_row = round(settings.lead_s * self.rate_hz)
        n = settings.stimuli * settings.repeats
        last = stimuli.onset_row(n - 1, self.first_row, self.rate_hz, settings.rsvp_hz)
        self.n_rows = int(last + TAIL_S * self.rate_hz) + 1

    def background(self) -> tuple[noise.Pink, noise.Alpha, noise.Line, noise.Drift, noise.Blinks]:
        """The noise generators."""
        s, rate, where, rng = self.settings, self.rate_hz, self.directions, self.generators
        return (
            noise.Pink(where, rate, rng[0]),
            noise.Alpha(where, rate, rng[1], s.alpha_uv),
            noise.Line(len(where), rate, rng[2], s.line_hz, s.line_uv),
            noise.Drift(len(where), rate, rng[3], s.drift_uv),
            noise.Blinks(where, rate, rng[4], s.blinks_per_minute),
        )

    def evoked(self, brain: tuple[noise.Pink, noise.Alpha]) -> Evoked:
        """The evoked response, scaled to the signal-to-noise ratio against this brain's activity."""
        vectors = self.responses.vectors
        person = make_person(self.directions, self.rate_hz, vectors.shape[1], TIE_BREAK, self.settings.person)
        if self.settings.level_uv is not None:
            return Evoked(person, self.settings.level_uv * self.settings.signal)
        power = evoked_power(person, vectors, self.settings.rsvp_hz, *SIGNAL_BAND_HZ)
        other = float(np.mean(sum(part.power(self.rate_hz, *SIGNAL_BAND_HZ) for part in brain)))
        wanted = 10 ** (self.settings.snr_db / 10) * other * self.settings.signal
        return Evoked(person, float(np.sqrt(wanted / power)) if power > 0 else 0.0)

    def blocks(self) -> Iterator[Block]:
        """The session from its first sample to its last; to be asked for once."""
        size = max(1, round(self.rate_hz))
        parts = self.background()
        evoked = self.evoked(parts[:2])
        for _ in range(WARM_BLOCKS):
            for part in parts:
                part.block(size)
        onsets = self._onsets()
        following = next(onsets, None)
        for start in range(0, self.n_rows, size):
            n = min(size, self.n_rows - start)
            shown: list[tuple[int, int, float]] = []
            while following is not None and following[1] < start + n:
                shown.append((following[0], int(following[1]) - start, following[1]))
                following = next(onsets, None)
            wave = evoked.block(n, [(row, self.responses.vectors[picture]) for picture, row, _ in shown])
            for part in parts:
                wave += part.block(n)
            labels = self.responses.labels
            yield Block(wave.astype(np.float32), tuple(Onset(labels[picture], at) for picture, _, at in shown))

    def _onsets(self) -> Iterator[tuple[int, float]]:
        """Pictures and their rows."""
        s = self.settings
        for k, picture in enumerate(stimuli.order(s.stimuli, s.repeats, self.generators[5])):
            yield picture, stimuli.onset_row(k, self.first_row, self.rate_hz, s.rsvp_hz)


def loudness(settings: ParticipantSource) -> str:
    """How loud the response is, for people."""
    if not settings.signal:
        return "no signal at all"
    if settings.level_uv is not None:
        return f"responses of weight 1 have {settings.level_uv:g} µV"
    low, high = SIGNAL_BAND_HZ
    return f"signal to noise {settings.snr_db:g} dB between {low:g} and {high:g} Hz"
