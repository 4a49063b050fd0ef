"""What the simulated participant responds to: other features of a picture than those that the gallery is built from.

Energies of Gabor filters on a coarse grid (as complex cells in visual cortex respond [1]_) and opponent colours on a
grid (red against green, blue against yellow, light against dark). Their principal components, fitted on pictures that
are not in the gallery, made equally strong and divided by their joint strength (divisive normalisation [2]_), are the
participant's response. Beside them stand a part that no feature explains, another for each picture, and one response
that every picture evokes alike.

References
----------
.. [1] Adelson and Bergen (1985), Spatiotemporal energy models for the perception of motion, JOSA A 2 (2).
.. [2] Carandini and Heeger (2012), Normalization as a canonical neural computation, Nature Reviews Neuroscience 13.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from eegseek.demo.pictures import Picture

Array = NDArray[np.float64]

SIDE = 48
CYCLES = (3.0, 6.0, 12.0)
"""Of the Gabor filters, per picture."""
ORIENTATIONS = 6
GRID = 4
LATENTS = 28
UNEXPLAINED = 8
UNEXPLAINED_SHARE = 0.15
"""Of the energy in which responses to pictures differ."""
COMMON = 0.2
"""The response common to all pictures; what differs between them has a norm of 1."""
BATCH = 64


@dataclass(frozen=True)
class Perception:
    """Principal components of the features of pictures.

    Attributes
    ----------
    mean, scale
        (features,) of the pictures that it was fitted on.
    axes
        (features, latents); each latent has unit variance there.
    """

    mean: Array
    scale: Array
    axes: Array

    def responses(self, features: Array) -> NDArray[np.float32]:
        """Latents (n, ``LATENTS`` + 1) float32 of features (n, features); the last is common to all pictures."""
        latents = (features - self.mean) / self.scale @ self.axes
        latents /= np.maximum(np.linalg.norm(latents, axis=1, keepdims=True), 1e-9)
        common = np.full(len(latents), COMMON)
        return np.asarray(np.column_stack([latents, common]), dtype=np.float32)


def fit(features: Array) -> Perception:
    """Perception of a participant from features (n, features) of pictures."""
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-9
    _, values, axes = np.linalg.svd((features - mean) / scale, full_matrices=False)
    return Perception(mean, scale, axes[:LATENTS].T * np.sqrt(len(features)) / values[:LATENTS])


def unexplained(pictures: Sequence[Picture], seed: int) -> NDArray[np.float32]:
    """What no feature explains: (n, ``UNEXPLAINED``) float32, drawn for each picture from its id."""
    draws = [np.random.default_rng([seed, 12, *p.id.encode()]).standard_normal(UNEXPLAINED) for p in pictures]
    energy = UNEXPLAINED_SHARE / (1 - UNEXPLAINED_SHARE)
    return np.asarray(np.array(draws) * np.sqrt(energy / UNEXPLAINED), dtype=np.float32)


def look(pictures: Sequence[Picture], progress: Callable[[int, int], None] | None = None) -> Array:
    """Features (n, features) of pictures, before any fitting."""
    filters = _filters()
    parts = []
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        parts.append(_look(np.stack([_small(picture) for picture in batch]), filters))
        if progress is not None:
            progress(start + len(batch), len(pictures))
    return np.concatenate(parts)


def _look(rgb: Array, filters: NDArray[np.complex128]) -> Array:
    """Features of (n, ``SIDE``, ``SIDE``, 3) in 0 to 1."""
    red, green, blue = np.moveaxis(rgb, -1, 0)
    light = (red + green + blue) / 3
    opponent = np.stack([red - green, blue - (red + green) / 2, light], axis=1)
    colours = _pool(opponent).reshape(len(rgb), -1)
    spectra = np.fft.fft2(light - light.mean(axis=(1, 2), keepdims=True))
    energies = [np.sqrt(_pool(np.abs(np.fft.ifft2(spectra * one))[:, None])) for one in filters]
    return np.concatenate([colours, *(energy.reshape(len(rgb), -1) for energy in energies)], axis=1)


def _pool(maps: Array) -> Array:
    """Mean in ``GRID`` × ``GRID`` fields of (n, maps, ``SIDE``, ``SIDE``)."""
    n, m = maps.shape[:2]
    field = SIDE // GRID
    return np.asarray(maps.reshape(n, m, GRID, field, GRID, field).mean(axis=(3, 5)))


def _filters() -> NDArray[np.complex128]:
    """Gabor filters (filters, ``SIDE``, ``SIDE``) in the frequency domain: Gaussians around each frequency."""
    fy, fx = np.meshgrid(np.fft.fftfreq(SIDE, 1 / SIDE), np.fft.fftfreq(SIDE, 1 / SIDE), indexing="ij")
    found = []
    for cycles in CYCLES:
        for k in range(ORIENTATIONS):
            angle = np.pi * k / ORIENTATIONS
            x, y = cycles * np.cos(angle), cycles * np.sin(angle)
            found.append(np.exp(-((fx - x) ** 2 + (fy - y) ** 2) / (2 * (0.4 * cycles) ** 2)))
    return np.asarray(found, dtype=np.complex128)


def _small(picture: Picture) -> Array:
    image = Image.fromarray(picture.pixels).resize((SIDE, SIDE), Image.Resampling.BOX)
    return np.asarray(image, dtype=np.float64) / 255.0
