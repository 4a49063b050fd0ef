"""Participant v1 as decoders see it: mean and covariance of a window after the chain, exactly. Pure.

A window is linear in everything: ``level * latents @ patterns`` of its own picture, the same of every neighbour in the
stream through shifted patterns, and stationary Gaussian noise, all filtered by the chain and cut with its baseline.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import sosfilt, sosfreqz

from acquisition.chain import sections
from acquisition.participant import v1
from acquisition.participant.person import Person
from acquisition.resample import Grid, make_grid

Array = NDArray[np.float64]
MEMORY_S = 12.0
"""How long a picture is felt after the chain: its high-pass of 0.1 Hz has forgotten 99.9 % by then."""
GRID = 1 << 19
"""Points of the frequency grid: 0.0005 Hz apart, far finer than drift and high-pass."""


@dataclass(frozen=True)
class WindowModel:
    """Windows of participant v1, channels before times in every flattened window.

    Attributes
    ----------
    own
        (RANK, values): window that a latent of 1 evokes at a level of 1 µV.
    neighbours
        (lags, RANK, values): the same of pictures shown before and after.
    noise
        Pairs of factors (channels, channels) and (times, times), µV²; their Kronecker products add up.
    """

    own: Array
    neighbours: Array
    noise: tuple[tuple[Array, Array], ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(channels, times) of a window."""
        space, time = self.noise[0]
        return len(space), len(time)

    def noise_covariance(self) -> Array:
        """Covariance (values, values) of the noise, µV²."""
        total = np.kron(*self.noise[0])
        for space, time in self.noise[1:]:
            total += np.kron(space, time)
        return np.asarray(total)


def window_model(person: int = 0) -> WindowModel:
    """The windows that ``v1.CHAIN`` and ``v1.WINDOW`` give of a person."""
    grid = make_grid(v1.WINDOW, v1.RATE_HZ)
    cut = grid.cut(np.eye(grid.hi - grid.lo + 1)).astype(np.float64).T
    sos = sections(v1.CHAIN, v1.RATE_HZ)
    felt = _felt(v1.person(person), sos)
    step = round(v1.RATE_HZ / v1.RSVP_HZ)
    first, last = -int(felt.shape[2] // step), grid.hi // step
    shifted = {lag: _window(felt, lag * step, grid, cut) for lag in range(first, last + 1)}
    others = np.stack([shifted[lag] for lag in shifted if lag])
    return WindowModel(shifted[0], others, tuple(_noise(sos, grid, cut)))


def _felt(person: Person, sos: Array) -> Array:
    """Filtered response (RANK, channels, rows) to each latent, from the onset's sample on."""
    raw = np.zeros((v1.RANK, len(person.maps), round(MEMORY_S * v1.RATE_HZ)))
    for latent, weights in enumerate(np.eye(v1.RANK)):
        # an onset follows its sample, so the response begins one sample later
        raw[latent, :, 1 : 1 + person.waves.shape[1]] = person.response(weights)
    return np.asarray(sosfilt(sos, raw, axis=2))


def _window(felt: Array, onset: int, grid: Grid, cut: Array) -> Array:
    """Windows (RANK, values) in which a picture whose onset lies ``onset`` rows after the window's is felt."""
    rows = np.arange(grid.lo, grid.hi + 1) - onset
    there = (rows >= 0) & (rows < felt.shape[2])
    stretch = np.zeros((*felt.shape[:2], len(rows)))
    stretch[..., there] = felt[..., rows[there]]
    return np.asarray((stretch @ cut.T).reshape(len(felt), -1))


def _noise(sos: Array, grid: Grid, cut: Array) -> list[tuple[Array, Array]]:
    """Each part's factors: white noise through its own filter and the chain, by the Wiener-Khinchin theorem."""
    hz = np.asarray(np.fft.rfftfreq(GRID, 1 / v1.RATE_HZ), np.float64)
    chain = np.abs(sosfreqz(sos, worN=hz, fs=v1.RATE_HZ)[1]) ** 2
    lags = np.abs(np.subtract.outer(np.arange(cut.shape[1]), np.arange(cut.shape[1])))
    found = []
    for part in v1.background():
        after = np.fft.irfft(part.gain(hz, v1.RATE_HZ) * chain, GRID)
        found.append((part.space(), cut @ after[lags] @ cut.T))
    return found
