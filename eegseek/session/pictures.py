"""Pictures that the session draws itself: gratings left and right of a fixation mark. Pure.

Where in the visual field something appears is among the plainest things that EEG tells, also far from visual cortex:
the evoked response is larger over the other side of the head.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SIZE = 640
"""Pixels of a side."""
GREY = 128
VARIANTS = 6
SIDES = ("left", "right")
_INNER, _OUTER = 0.06, 0.94
"""Where a grating lies in its half, as shares of its width from the middle."""


@dataclass(frozen=True)
class Grating:
    """One picture: which side, how steep (degrees) and how fine (bars across)."""

    side: str
    degrees: float
    bars: float

    @property
    def name(self) -> str:
        """Of the picture within its category."""
        return f"grating-{self.degrees:.0f}-{self.bars:.0f}"


def gratings(side: str) -> tuple[Grating, ...]:
    """The variants of a side: both sides have the same ones, so that only the side tells them apart."""
    return tuple(Grating(side, 180.0 * k / VARIANTS, 5.0 + k % 3) for k in range(VARIANTS))


def draw(grating: Grating) -> NDArray[np.uint8]:
    """(``SIZE``, ``SIZE``, 3) uint8: a round grating in one half, grey elsewhere."""
    down, across = np.mgrid[0:SIZE, 0:SIZE] / (SIZE - 1)
    half = across if grating.side == "left" else 1.0 - across
    # in the picture's middle 1, at its edge 0
    place = 1.0 - 2.0 * half
    radius = (_OUTER - _INNER) / 4
    middle = 0.5 - (_INNER + _OUTER) / 4 if grating.side == "left" else 0.5 + (_INNER + _OUTER) / 4
    x, y = (across - middle) / radius, (down - 0.5) / radius
    turn = np.radians(grating.degrees)
    wave = np.sin(np.pi * grating.bars * (x * np.cos(turn) + y * np.sin(turn)))
    edge = np.clip((1.0 - np.hypot(x, y)) / 0.12, 0.0, 1.0) * (place > 0)
    shade = np.clip(GREY + 127 * wave * edge, 0, 255).astype(np.uint8)
    return np.repeat(shade[..., None], 3, axis=2)
