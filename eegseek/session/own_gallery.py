"""The gallery that a search draws itself: simple shapes in colours, sizes and stripes, with vectors of these."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from config.bundles import GALLERY_JSON, Item

if TYPE_CHECKING:
    from PIL.Image import Image

SIDE = 360
"""Pixels of a side."""
GREY = (128, 128, 128)
COLOURS = {
    "orange": (230, 159, 0),
    "sky blue": (86, 180, 233),
    "green": (0, 158, 115),
    "yellow": (240, 228, 66),
    "red": (213, 94, 0),
    "pink": (204, 121, 167),
}
"""Of Okabe and Ito, which people with any colour vision tell apart."""
SHAPES = ("disc", "square", "triangle", "star", "cross")
SIZES = {"small": 0.26, "large": 0.42}
"""Radius as a share of the side."""
STRIPES = ("lying", "upright")
WEIGHTS = {"shape": 1.0, "colour": 1.0, "size": 0.6, "stripes": 0.6}
"""How much each attribute counts in what is alike."""
SPACE, MODEL = "shapes-v1", "attributes of drawn shapes"
_BAR = 0.055


@dataclass(frozen=True)
class Figure:
    """One picture."""

    shape: str
    colour: str
    size: str
    stripes: str

    @property
    def id(self) -> str:
        """In the gallery."""
        return f"{self.size}-{self.colour.replace(' ', '-')}-{self.shape}-{self.stripes}"

    @property
    def label(self) -> str:
        """For people."""
        return f"{self.size} {self.colour} {self.shape}, {self.stripes} stripes"

    @property
    def vector(self) -> NDArray[np.float32]:
        """(dim,) one-hot of each attribute, weighted, unit norm."""
        parts = (
            (SHAPES, self.shape, "shape"),
            (tuple(COLOURS), self.colour, "colour"),
            (tuple(SIZES), self.size, "size"),
            (STRIPES, self.stripes, "stripes"),
        )
        whole = np.array([WEIGHTS[name] * (one == mine) for every, mine, name in parts for one in every], np.float32)
        return np.asarray(whole / np.linalg.norm(whole), np.float32)


def figures() -> tuple[Figure, ...]:
    """All of them, in a fixed order."""
    return tuple(Figure(*one) for one in itertools.product(SHAPES, COLOURS, SIZES, STRIPES))


def vectors() -> NDArray[np.float32]:
    """(items, dim) of all of them."""
    return np.stack([one.vector for one in figures()])


def draw(figure: Figure) -> Image:
    """A shape with darker stripes on grey."""
    from PIL import Image, ImageDraw

    mask = Image.new("L", (SIDE, SIDE))
    pen = ImageDraw.Draw(mask)
    middle, radius = SIDE / 2, SIZES[figure.size] * SIDE
    if figure.shape == "disc":
        pen.ellipse((middle - radius, middle - radius, middle + radius, middle + radius), fill=255)
    else:
        pen.polygon([(middle + radius * x, middle + radius * y) for x, y in _outline(figure.shape)], fill=255)
    down, across = np.mgrid[0:SIDE, 0:SIDE]
    along = down if figure.stripes == "lying" else across
    dark = (along // max(1, round(_BAR * SIDE))) % 2 == 0
    colour = np.array(COLOURS[figure.colour], np.float64)
    striped = np.where(dark[..., None], 0.55 * colour, colour)
    inside = np.asarray(mask)[..., None] > 0
    return Image.fromarray(np.where(inside, striped, GREY).astype(np.uint8))


def write_own(folder: Path) -> Path:
    """Draw the gallery into a folder, where it is not there already; the folder.

    Raises
    ------
    BundleError
        It cannot be written.
    """
    from tempfile import TemporaryDirectory

    from inference.gallery import write_gallery

    if (folder / GALLERY_JSON).exists():
        return folder
    items, sources = [], {}
    with TemporaryDirectory(prefix="eegseek-") as drawn:
        for one in figures():
            made = Path(drawn) / f"{one.id}.png"
            draw(one).save(made)
            about = {"shape": one.shape, "colour": one.colour, "size": one.size, "stripes": one.stripes}
            items.append(Item(id=one.id, label=one.label, picture=f"pictures/{made.name}", attributes=about))
            sources[items[-1].picture] = made
        write_gallery(folder, items, vectors(), space=SPACE, model=MODEL, pictures=sources)
    return folder


def _outline(shape: str) -> list[tuple[float, float]]:
    """Corners of a shape within the unit circle."""
    if shape == "square":
        return _around(4, 1.1, turn=45)
    if shape == "triangle":
        return _around(3, 1.15, turn=-90)
    if shape == "star":
        outer, inner = _around(5, 1.15, turn=-90), _around(5, 0.48, turn=-54)
        return [point for pair in zip(outer, inner, strict=True) for point in pair]
    arm = 0.36
    quarter = [(-arm, -1.0), (arm, -1.0), (arm, -arm)]
    turned = [quarter]
    for _ in range(3):
        turned.append([(-y, x) for x, y in turned[-1]])
    return [point for part in turned for point in part]


def _around(corners: int, radius: float, turn: float) -> list[tuple[float, float]]:
    angles = [math.radians(turn + 360 * k / corners) for k in range(corners)]
    return [(radius * math.cos(a), radius * math.sin(a)) for a in angles]
