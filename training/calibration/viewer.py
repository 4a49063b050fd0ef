"""A simulated participant before pictures of some categories, the headset put on anew each time; as fast as it goes.

The person's brain is the same in every session (`acquisition.participant`). What changes is the headset: each electrode
sits between its place and a neighbour's, and has a gain of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from acquisition.offline import cut
from acquisition.participant.reaction import Reaction
from acquisition.plan import Plan
from acquisition.types import Chunk, Event, StreamInfo
from config.settings import ParticipantSource
from training.calibration.blocks import Block

NEIGHBOURS = {"TP9": ("P9", "T9"), "AF7": ("F7", "Fp1"), "AF8": ("F8", "Fp2"), "TP10": ("P10", "T10")}
"""Of the electrodes of a Muse."""
RATE_HZ, LEAD_S, TAIL_S = 256.0, 12.0, 2.0
ONSET = 0.25
"""An onset follows its sample by this share of a sample."""


@dataclass(frozen=True)
class Worn:
    """How the headset sits.

    Attributes
    ----------
    channels
        Its electrodes, then the neighbours.
    matrix
        (electrodes, channels): what each electrode sees of each place.
    """

    channels: tuple[str, ...]
    matrix: NDArray[np.float64]


def put_on(shift: float, gain: float, rng: np.random.Generator) -> Worn:
    """The headset of a Muse, put on once.

    Parameters
    ----------
    shift
        Each electrode has gone up to this share of the way to a neighbour, drawn evenly.
    gain
        Standard deviation of the natural logarithm of each electrode's gain.
    rng
        Draws.
    """
    own = tuple(NEIGHBOURS)
    places = own + tuple(name for pair in NEIGHBOURS.values() for name in pair)
    matrix = np.zeros((len(own), len(places)))
    for row, name in enumerate(own):
        gone = rng.uniform(0, shift)
        other = NEIGHBOURS[name][int(rng.integers(2))]
        matrix[row, row], matrix[row, places.index(other)] = 1 - gone, gone
    return Worn(places, matrix * np.exp(gain * rng.standard_normal((len(own), 1))))


class Viewer:
    """The participant as a source that ends; the constructor only stores.

    Parameters
    ----------
    settings
        Of the participant; its channels are the places of ``worn``.
    labels
        Shown one after the other.
    every_s
        From onset to onset.
    worn
        How the headset sits.
    """

    def __init__(self, settings: ParticipantSource, labels: Sequence[str], every_s: float, worn: Worn) -> None:
        self.settings, self.labels, self.every_s, self.worn = settings, labels, every_s, worn

    def open(self) -> StreamInfo:
        """Begin."""
        self._reaction = Reaction(self.settings)
        self._parts = self._reaction.session.background()
        self._row = self._told = 0
        rate = self.settings.rate_hz
        first = round(LEAD_S * rate)
        self._rows = [first + round(k * self.every_s * rate) + ONSET for k in range(len(self.labels))]
        for label, row in zip(self.labels, self._rows, strict=True):
            self._reaction.evoke(label, row)
        self._end = first + round((len(self.labels) * self.every_s + TAIL_S) * rate)
        channels = tuple(NEIGHBOURS)
        return StreamInfo("simulated participant", "participant", rate, channels, simulated=True, exact_rows=True)

    def read(self, timeout_s: float) -> Chunk:
        """The next second."""
        rate = self.settings.rate_hz
        n = min(round(rate), self._end - self._row)
        wave = self._reaction.block(n)
        for part in self._parts:
            wave = wave + part.block(n)
        stamps = np.arange(self._row, self._row + n) / rate
        self._row += n
        events = []
        while self._told < len(self._rows) and self._rows[self._told] < self._row:
            row = self._rows[self._told]
            events.append(Event(row / rate, self.labels[self._told], row))
            self._told += 1
        samples = np.ascontiguousarray(self.worn.matrix @ wave, dtype=np.float32)
        final = self._row >= self._end
        return Chunk(samples, stamps, float(stamps[-1]), stamps, events=tuple(events), final=final)

    def close(self) -> None:
        """Nothing is held."""


def viewed(
    plan: Plan,
    names: Sequence[str],
    *,
    trials: Sequence[int],
    person: int,
    seed: int,
    worn: Worn,
    snr_db: float,
    every_s: float = 0.8,
) -> list[Block]:
    """A session, cut by the live pipeline into blocks of so many trials, the order in each drawn evenly from all.

    Parameters
    ----------
    plan
        Chain, window and rejection; its channels are those of a Muse.
    names
        Stimuli, one a category.
    trials
        Of each block.
    person, seed
        Whose brain; and which session: background and order.
    worn
        How the headset sits.
    snr_db
        Power of the evoked response over the background's, within the signal band, dB.
    every_s
        From onset to onset.
    """
    rng = np.random.default_rng([person, seed, 7])
    orders = [[names[k] for k in rng.permutation(np.resize(np.arange(len(names)), n))] for n in trials]
    labels = [label for order in orders for label in order]
    settings = ParticipantSource(
        channels=worn.channels, rate_hz=RATE_HZ, snr_db=snr_db, person=person, seed=seed, rsvp_hz=1 / every_s
    )
    epochs = cut(Viewer(settings, labels, every_s, worn), replace(plan, window=plan.whole.window))
    number = np.searchsorted(np.cumsum(trials), epochs.sequences, side="right")
    found = []
    for k in range(len(trials)):
        mine = np.flatnonzero(number == k)
        onsets = tuple(epochs.onsets_s[mine].tolist())
        found.append(Block(k, epochs.data[mine, 0], tuple(epochs.labels[m] for m in mine), onsets, simulated=True))
    return found
