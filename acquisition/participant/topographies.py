"""Where on the scalp a simulated source is seen: smooth patterns computed from electrode positions."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.errors import SourceError

Array = NDArray[np.float64]

POSTERIOR = ("P7", "P5", "P3", "P1", "Pz", "P2", "P4", "P6", "P8", "PO7", "PO3", "POz", "PO4", "PO8", "O1", "Oz", "O2")
"""The 17 channels of THINGS-EEG2 that decoders of pictures use most."""
CENTRES_DEG = {"azimuth": (-75.0, 75.0), "elevation": (-15.0, 65.0)}
"""Where the sources of evoked responses lie: from occipital to parietal, seen from the centre of the head, with azimuth
0 at the back."""
WIDTHS_DEG = (18.0, 32.0)
CORRELATION_RAD = 0.6
"""Angle between electrodes at which the background's correlation is 1/e."""
_RENAMED = {"standard_1005": "colin27_1005", "standard_1020": "colin27_1020"}
"""What MNE 1.13 calls its oldest montages; both names work here, with older and newer MNE."""


def positions(montage: str, channels: Sequence[str]) -> Array:
    """Directions of electrodes from the centre of the head.

    Parameters
    ----------
    montage
        Name of a montage that MNE knows.
    channels
        Names in that montage.

    Returns
    -------
    (channels, 3) unit vectors: right, front, up.

    Raises
    ------
    SourceError
        MNE knows no such montage, or the montage has no such channel, or a channel stands twice.
    """
    from mne.channels import get_builtin_montages, make_standard_montage

    known = get_builtin_montages()
    if montage in _RENAMED and montage not in known:
        montage = _RENAMED[montage]
    if montage not in known:
        raise SourceError(f"unknown montage '{montage}'{_nearest(montage, known)}; known: {', '.join(known)}")
    places: dict[str, Array] = make_standard_montage(montage).get_positions()["ch_pos"]
    for name in channels:
        if name not in places:
            raise SourceError(f"montage '{montage}' has no channel '{name}'{_nearest(name, places)}")
    if not channels or len(set(channels)) != len(channels):
        raise SourceError(f"the participant's channels {list(channels)} must be named, each once")
    centre = _centre(np.array(list(places.values())))
    rays = np.array([places[name] for name in channels]) - centre
    return np.asarray(rays / np.linalg.norm(rays, axis=1, keepdims=True))


def evoked_topographies(directions: Array, n: int, generator: np.random.Generator) -> Array:
    """Fixed patterns of sources from occipital to parietal.

    Each is a smooth bump, or a bump beside its opposite, as a source that points at the scalp or along it is seen.

    Parameters
    ----------
    directions
        (channels, 3), from `positions`.
    n
        How many.
    generator
        Draws centres and widths; they do not depend on which channels are asked for.

    Returns
    -------
    (channels, n), 1 at most.
    """
    centres = [_draw_centre(generator) for _ in range(2 * n)]
    widths = np.radians(generator.uniform(*WIDTHS_DEG, n))
    opposite = generator.uniform(0.0, 1.0, n)
    maps = np.empty((len(directions), n))
    for k in range(n):
        here, there = (bump(directions, centre, widths[k]) for centre in centres[2 * k : 2 * k + 2])
        maps[:, k] = here - opposite[k] * there
    return maps


def back_of_head(n: int = 7) -> Array:
    """Directions (n², 3) spread over where the sources lie: a cap with an electrode everywhere, for comparisons."""
    grid = [np.linspace(*CENTRES_DEG[name], n) for name in ("azimuth", "elevation")]
    return np.array([direction(azimuth, elevation) for azimuth in grid[0] for elevation in grid[1]])


def bump(directions: Array, centre: Array, width_rad: float) -> Array:
    """Gaussian of the angle from a centre: (channels,), 1 at the centre."""
    angle = np.arccos(np.clip(directions @ centre, -1.0, 1.0))
    return np.asarray(np.exp(-0.5 * (angle / width_rad) ** 2))


def correlation(directions: Array) -> Array:
    """Correlation (channels, channels) of the background between electrodes: it falls with the angle between them."""
    angle = np.arccos(np.clip(directions @ directions.T, -1.0, 1.0))
    return np.asarray(np.exp(-angle / CORRELATION_RAD))


def direction(azimuth_deg: float, elevation_deg: float) -> Array:
    """Unit vector (3,); azimuth 0 is the back of the head, positive to its right; elevation 0 is the ears' height."""
    azimuth, elevation = np.radians([azimuth_deg, elevation_deg])
    return np.array([np.cos(elevation) * np.sin(azimuth), -np.cos(elevation) * np.cos(azimuth), np.sin(elevation)])


def _draw_centre(generator: np.random.Generator) -> Array:
    return direction(generator.uniform(*CENTRES_DEG["azimuth"]), generator.uniform(*CENTRES_DEG["elevation"]))


def _centre(points: Array) -> Array:
    """Centre (3,) of the sphere nearest to points (n, 3), in the least squares sense."""
    design = np.column_stack([2 * points, np.ones(len(points))])
    solution = np.linalg.lstsq(design, (points**2).sum(axis=1), rcond=None)[0]
    return np.asarray(solution[:3])


def _nearest(name: str, known: Sequence[str] | dict[str, Array]) -> str:
    close = difflib.get_close_matches(name, list(known), n=1, cutoff=0.4)
    return f" (did you mean '{close[0]}'?)" if close else ""
