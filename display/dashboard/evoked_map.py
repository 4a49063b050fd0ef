"""Topography: what lies between electrodes, by biharmonic splines, on a small grid. Pure.

After Sandwell (1987), as EEGLAB's ``topoplot`` has it. What is far from every electrode is left out: it would be made
up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from display.dashboard.head import Place

GRID = 45
"""Points along a side."""
EXTENT = 1.12
"""The grid reaches from -EXTENT to EXTENT; the head's outline has radius 1."""
REACH, OUTWARDS = 0.45, 0.1
"""What is further from every electrode than this is left out, in radii of the head: between electrodes, and outside of
all of them, where a spline runs away."""
LEAST = 4
"""Electrodes with a known place that a map needs."""
OUTSIDE = -128
Float = NDArray[np.float64]


@dataclass(frozen=True)
class Mapper:
    """A linear map from channels to grid points.

    Attributes
    ----------
    rows
        Rows of the data that have a known place.
    weights
        (points, len(rows)) float64.
    inside
        (GRID, GRID) bool: points that are drawn; front first.
    """

    rows: NDArray[np.int64]
    weights: Float
    inside: NDArray[np.bool_]

    def grid(self, values: Float) -> Float:
        """Values between the electrodes, none beyond the least and the greatest of them.

        Parameters
        ----------
        values
            (channels,), µV.

        Returns
        -------
        (GRID, GRID) float64, µV, the front first; NaN outside.
        """
        known = values[self.rows]
        found = np.full((GRID, GRID), np.nan)
        found[self.inside] = np.clip(self.weights @ known, known.min(), known.max())
        return found


def mapper(channels: Sequence[str], known: Mapping[str, Place]) -> Mapper | None:
    """How channels are mapped; None where fewer than `LEAST` of them have a known place."""
    rows = [k for k, channel in enumerate(channels) if channel in known]
    spots = np.array([known[channels[k]] for k in rows]).reshape(-1, 2)
    if len(np.unique(spots, axis=0)) < max(LEAST, len(spots)):  # two at one place have no values between them
        return None
    axis = np.linspace(-EXTENT, EXTENT, GRID)
    x, y = np.meshgrid(axis, axis[::-1])
    points = np.stack([x.ravel(), y.ravel()], axis=1)
    apart = np.linalg.norm(points[:, None] - spots[None], axis=2)
    near = apart.min(axis=1)
    inside = (near <= OUTWARDS) | (_between(points, spots) & (near <= REACH))
    between = np.linalg.norm(spots[:, None] - spots[None], axis=2)
    weights = np.linalg.solve(_green(between).T, _green(apart[inside]).T).T
    return Mapper(np.array(rows), np.asarray(weights, np.float64), inside.reshape(GRID, GRID))


def packed(grid: Float, limit_uv: float) -> NDArray[np.int8]:
    """A grid as -127 to 127 for -limit to limit; `OUTSIDE` where there is nothing."""
    steps = np.clip(np.round(np.nan_to_num(grid) / (limit_uv or 1.0) * 127), -127, 127)
    return np.where(np.isnan(grid), OUTSIDE, steps).astype(np.int8)


def _between(points: Float, spots: Float) -> NDArray[np.bool_]:
    """Which points lie within the convex hull of spots: seen from them, no gap between spots is half a circle."""
    off = spots[None] - points[:, None]
    around = np.sort(np.arctan2(off[..., 1], off[..., 0]), axis=1)
    gaps = np.diff(around, axis=1, append=around[:, :1] + 2 * np.pi)
    return np.asarray(gaps.max(axis=1) < np.pi)


def _green(distance: Float) -> Float:
    """Green's function of the biharmonic operator in the plane."""
    with np.errstate(divide="ignore", invalid="ignore"):
        found = distance**2 * (np.log(distance) - 1)
    return np.where(distance > 0, found, 0.0)
