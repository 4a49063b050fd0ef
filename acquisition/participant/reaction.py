"""What a simulated person's brain makes of pictures that somebody else shows: evoked by label, at any moment. Pure.

A label ``category/name`` evokes mostly what its category does, and a little of its own; others are a category each.
The same person answers to a label alike in every session.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import stimuli
from acquisition.participant.person import Person, evoked_power, make_person
from acquisition.participant.session import SIGNAL_BAND_HZ, Session
from config.settings import ParticipantSource

Array = NDArray[np.float64]

CATEGORY_SHARE = 0.8
"""Of the energy of a response that is its category's; the rest is the picture's own."""
PHASES = 8
"""An onset is placed to so many parts of a sample."""
TYPICAL = 24
"""Categories, of two pictures each, that the signal-to-noise ratio is worked out with."""


def vector_of(label: str, person: int, latents: int = stimuli.RANDOM_LATENTS) -> Array:
    """What a label evokes: (latents,) weights of unit norm.

    Parameters
    ----------
    label
        ``category/name``; without a slash it is a category by itself.
    person
        Which simulated person.
    latents
        How many weights.
    """
    category = label.partition("/")[0]
    whole = math.sqrt(CATEGORY_SHARE) * unit(f"category {category}", person, latents)
    whole += math.sqrt(1 - CATEGORY_SHARE) * unit(f"picture {label}", person, latents)
    return np.asarray(whole / np.linalg.norm(whole))


def unit(text: str, person: int, latents: int) -> Array:
    """A random direction (latents,) of unit norm, the same for the same text and person."""
    seed = int.from_bytes(hashlib.sha256(text.encode(errors="replace")).digest()[:8], "little")
    drawn = np.random.default_rng([person, 3, seed]).standard_normal(latents)
    return np.asarray(drawn / np.linalg.norm(drawn))


class Reaction:
    """Overlapping responses to labels, given out block by block from row 0 on.

    Parameters
    ----------
    settings
        Of the participant. With ``responses`` a label evokes what that file says of it, or of its category, and
        nothing where the file knows neither.

    Attributes
    ----------
    evoked
        Labels that evoked something.
    late
        ... of those the ones that came when part of their response was over.
    unknown
        Labels that evoked nothing.

    Raises
    ------
    SourceError
        Montage, channels or responses cannot be used.
    """

    def __init__(self, settings: ParticipantSource) -> None:
        self.settings = settings
        self.session = Session(settings.model_copy(update={"responses": ""}))
        self.evoked = self.late = self.unknown = 0
        self._known: dict[str, Array] | None = None
        if settings.responses:
            read = stimuli.read_all(settings.responses)
            self._known = dict(zip(read.labels, read.vectors, strict=True))
            typical = read.vectors
        else:
            labels = [f"{k}/{name}" for k in range(TYPICAL) for name in "ab"]
            typical = np.array([vector_of(label, settings.person) for label in labels])
        where, rate, latents = self.session.directions, settings.rate_hz, typical.shape[1]
        self._persons = [make_person(where, rate, latents, (k + 0.5) / PHASES, settings.person) for k in range(PHASES)]
        self._gain = self._loudness(self._persons[0], typical)
        self._row = 0
        self._tail = np.zeros((len(where), self._persons[0].waves.shape[1]))
        self._waiting: list[tuple[int, Array]] = []

    def evoke(self, label: str, row: float) -> bool:
        """Add the response to a label whose onset lies at a fractional row; whether it is known.

        Responses begin 100 ms after the onset: a marker that comes sooner than that loses nothing.
        """
        weights = self._weights(label)
        if weights is None or not math.isfinite(row):
            self.unknown += 1
            return False
        begin = math.floor(row)
        person = self._persons[min(PHASES - 1, int(PHASES * (row - begin)))]
        response = self._gain * person.response(weights)
        over = self._row - (begin + 1)
        if over > 0 and np.any(person.waves[:, :over]):
            self.late += 1
        self.evoked += 1
        self._waiting.append((begin + 1, response))
        return True

    def block(self, n: int) -> Array:
        """Next (channels, n) µV."""
        length = self._tail.shape[1]
        wave = np.zeros((len(self._tail), n + length))
        wave[:, :length] = self._tail
        later = []
        for begin, response in self._waiting:
            at = begin - self._row
            if at >= n:
                later.append((begin, response))
                continue
            part = response[:, max(0, -at) :]
            wave[:, max(0, at) : max(0, at) + part.shape[1]] += part
        self._waiting, self._tail = later, wave[:, n:]
        self._row += n
        return wave[:, :n]

    def _weights(self, label: str) -> Array | None:
        if self._known is None:
            return vector_of(label, self.settings.person)
        return self._known.get(label, self._known.get(label.partition("/")[0]))

    def _loudness(self, person: Person, typical: Array) -> float:
        """As of a participant with a schedule: see `Session`."""
        s = self.settings
        if s.level_uv is not None or not s.signal:
            return (s.level_uv or 0.0) * s.signal
        power = evoked_power(person, typical, s.rsvp_hz, *SIGNAL_BAND_HZ)
        brain = self.session.background()[:2]
        other = float(np.mean(sum(part.power(s.rate_hz, *SIGNAL_BAND_HZ) for part in brain)))
        return math.sqrt(10 ** (s.snr_db / 10) * other / power) if power > 0 else 0.0
