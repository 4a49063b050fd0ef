"""What the simulated participant of generated datasets responds to: opponent colours and oriented edges on a grid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.inputs import opened

Array = NDArray[np.float64]

SIDE, GRID, ORIENTATIONS = 32, 4, 4
LATENTS, UNEXPLAINED = 24, 8
UNEXPLAINED_SHARE = 0.15
"""Of the energy in which responses to pictures differ."""


def features(paths: Sequence[Path]) -> Array:
    """Features (n, features) of pictures."""
    return np.array([_look(path) for path in paths])


def responses(looked: Array, fitted_on: int, ids: Sequence[str], seed: int) -> Array:
    """Weights (n, ``LATENTS`` + ``UNEXPLAINED``) of pictures for a `acquisition.participant.person.Person`.

    Principal components of the features, fitted on the first ``fitted_on`` pictures and made equally strong; beside
    them a part that no feature explains, drawn for each picture from its id.

    Parameters
    ----------
    looked
        (n, features).
    fitted_on
        How many pictures, the first ones, the components are of.
    ids
        Of each picture.
    seed
        Of the part that is not explained.
    """
    base = looked[:fitted_on]
    mean, scale = base.mean(axis=0), base.std(axis=0) + 1e-6
    _, values, axes = np.linalg.svd((base - mean) / scale, full_matrices=False)
    kept = min(LATENTS, int(np.count_nonzero(values > 1e-6 * values[0])))
    latents = np.zeros((len(looked), LATENTS))
    latents[:, :kept] = (looked - mean) / scale @ (axes[:kept].T / values[:kept])
    latents /= np.maximum(np.linalg.norm(latents, axis=1, keepdims=True), 1e-9)
    rest = np.array([np.random.default_rng([seed, 24, *name.encode()]).standard_normal(UNEXPLAINED) for name in ids])
    return np.column_stack([latents, rest * np.sqrt(UNEXPLAINED_SHARE / (1 - UNEXPLAINED_SHARE) / UNEXPLAINED)])


def _look(path: Path) -> Array:
    with opened(path) as image:
        rgb = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX), np.float64) / 255
    red, green, blue = np.moveaxis(rgb, -1, 0)
    light = rgb.mean(axis=-1)
    down, across = np.gradient(light)
    angles = np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS
    edges = [np.abs(across * np.cos(angle) + down * np.sin(angle)) for angle in angles]
    maps = np.stack([red - green, blue - (red + green) / 2, light, *edges])
    field = SIDE // GRID
    return np.asarray(maps.reshape(len(maps), GRID, field, GRID, field).mean(axis=(2, 4)).ravel())
