"""A simulated person: what a picture evokes in their EEG, streamed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition.participant import kernels, topographies

Array = NDArray[np.float64]

SUPPORT_S = 0.7
"""Length of a sampled response; kernels end before."""
REFERENCE_HZ = 250.0
FLOOR = 0.03
"""How far the mixing goes: sources that hardly differ are not driven against each other."""


@dataclass(frozen=True)
class Person:
    """How weights become an evoked response: linear, the same at every onset.

    Attributes
    ----------
    mixing
        (sources, latents): how much each latent drives each source.
    maps
        (channels, sources) spatial patterns.
    waves
        (sources, times) kernels at the sampling rate, from the first sample after an onset on.
    rate_hz
        Sampling rate.
    """

    mixing: Array
    maps: Array
    waves: Array
    rate_hz: float

    def response(self, weights: Array) -> Array:
        """Evoked response (channels, times) to a picture of weights (latents,)."""
        return np.asarray((self.maps * (self.mixing @ weights)) @ self.waves)


def make_person(directions: Array, rate_hz: float, latents: int, offset: float, seed: int) -> Person:
    """Person of a seed: the same sources, kernels and mixing whatever the rate and the channels.

    Parameters
    ----------
    directions
        (channels, 3) from `topographies.positions`.
    rate_hz
        Sampling rate.
    latents
        How many weights a picture has; there are as many sources.
    offset
        Onsets follow their sample by this share of a sample.
    seed
        Which person.
    """
    places, shapes = (np.random.default_rng(s) for s in np.random.SeedSequence([seed, 1]).spawn(2))
    everywhere = np.concatenate([directions, topographies.back_of_head()])
    maps = topographies.evoked_topographies(everywhere, latents, places)
    kernel = kernels.evoked_kernels(latents, shapes)
    times: Array = (np.arange(1, round(SUPPORT_S * rate_hz) + 1, dtype=np.float64) - offset) / rate_hz
    mixing = decorrelating(maps[len(directions) :], kernel)
    return Person(mixing, maps[: len(directions)], kernels.sample(kernel, times), rate_hz)


def decorrelating(back: Array, kernel: Array) -> Array:
    """Mixing (sources, latents) by which latents stand out from the background alike, and apart from each other.

    Sources that lie near each other and are active together look alike. So each latent drives several sources, by the
    inverse square root of how alike sources are to a cap over the back of the head, before a background that is
    correlated in space and falls with frequency (as a code that uses its sources well would [1]_).

    Parameters
    ----------
    back
        (directions, sources) patterns at `topographies.back_of_head`.
    kernel
        (sources, 4) from `kernels.evoked_kernels`.

    References
    ----------
    .. [1] Barlow (1961), Possible principles underlying the transformations of sensory messages.
    """
    times: Array = np.arange(round(SUPPORT_S * REFERENCE_HZ), dtype=np.float64) / REFERENCE_HZ
    noise = topographies.correlation(topographies.back_of_head())
    in_space = back.T @ np.linalg.solve(noise, back)
    hz = np.fft.rfftfreq(1024, 1 / REFERENCE_HZ)
    spectra = np.fft.rfft(kernels.sample(kernel, times), 1024) * np.sqrt(hz)
    alike = in_space * np.real(spectra @ spectra.conj().T)
    scale = np.sqrt(np.diag(alike))
    values, vectors = np.linalg.eigh(alike / np.outer(scale, scale))
    root = (vectors / np.sqrt(values + FLOOR)) @ vectors.T
    return np.asarray(root / scale[:, None])


def evoked_power(person: Person, vectors: Array, rsvp_hz: float, low_hz: float, high_hz: float) -> float:
    """Expected power of the ongoing evoked response between two frequencies, mean over channels.

    Pictures follow each other at random: what differs between them adds its energy at every onset (Campbell's
    theorem), and what they share is periodic, with power at the multiples of the presentation rate only.

    Parameters
    ----------
    person
        Of ``latents`` patterns.
    vectors
        (pictures, latents) weights.
    rsvp_hz
        Pictures a second.
    low_hz, high_hz
        The band.

    Returns
    -------
    Power in the unit of the weights, squared.
    """
    n = max(1 << 12, 1 << int(np.ceil(np.log2(person.waves.shape[1]))))
    hz = np.fft.rfftfreq(n, 1 / person.rate_hz)
    spectra = np.fft.rfft(person.waves, n)[:, (hz >= low_hz) & (hz <= high_hz)]
    # energy of a response with sources driven by s is s' E s
    energy = (person.maps.T @ person.maps) * np.real(spectra @ spectra.conj().T) * 2 / n
    driven = vectors @ person.mixing.T
    differing = np.cov(driven, rowvar=False, bias=True).reshape(energy.shape)
    power = float(np.sum(energy * differing)) * rsvp_hz / person.rate_hz
    mean = person.response(vectors.mean(axis=0))
    times = np.arange(mean.shape[1]) / person.rate_hz
    for k in range(int(np.ceil(low_hz / rsvp_hz)), int(high_hz / rsvp_hz) + 1):
        line = mean @ np.exp(-2j * np.pi * k * rsvp_hz * times) * rsvp_hz / person.rate_hz
        power += float(np.sum(np.abs(line) ** 2)) * (2 if k else 1)
    return power / len(person.maps)


class Evoked:
    """Overlapping responses, added up block by block."""

    def __init__(self, person: Person, gain: float) -> None:
        self.person = person
        self.gain = gain
        self.tail = np.zeros((len(person.maps), person.waves.shape[1]))

    def block(self, n: int, onsets: Sequence[tuple[int, Array]]) -> Array:
        """Next (channels, n) µV.

        Parameters
        ----------
        n
            Samples.
        onsets
            Rows within this block of the samples that onsets follow, and weights (latents,).
        """
        length = self.person.waves.shape[1]
        wave = np.zeros((len(self.tail), n + length))
        wave[:, :length] += self.tail
        for row, weights in onsets:
            wave[:, row + 1 : row + 1 + length] += self.person.response(weights)
        self.tail = wave[:, n:]
        return np.asarray(self.gain * wave[:, :n])
