"""Pictures drawn by the program: shape × colour × texture × arrangement, each drawn a little differently."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageDraw

from eegseek.demo.shapes import ARRANGEMENTS, COLOURS, OUTLINES, TEXTURES, Point, texture

SIZE = 96
"""Pixels of a picture's side."""
OVERSAMPLING = 2
BACKGROUND = (120.0, 235.0)
Pixels = NDArray[np.uint8]
Report = Callable[[int], None]


@dataclass(frozen=True, order=True)
class Combination:
    """What a picture shows."""

    shape: str
    colour: str
    texture: str
    arrangement: str

    @property
    def label(self) -> str:
        """In words, such as "striped red triangles, ring of six"."""
        one = self.arrangement == "one large"
        shape = self.shape.removesuffix("s") if one and not self.shape.endswith("sses") else self.shape
        shape = "cross" if one and self.shape == "crosses" else shape
        return f"{self.texture} {self.colour} {shape}, {self.arrangement}"

    @property
    def attributes(self) -> dict[str, str]:
        """By name."""
        return {
            "shape": self.shape,
            "colour": self.colour,
            "texture": self.texture,
            "arrangement": self.arrangement,
        }


@dataclass(frozen=True)
class Picture:
    """One picture: its id, what it shows, and its pixels (``SIZE``, ``SIZE``, 3) uint8."""

    id: str
    shows: Combination
    pixels: Pixels


def combinations() -> list[Combination]:
    """All there are."""
    return [Combination(*parts) for parts in itertools.product(OUTLINES, COLOURS, TEXTURES, ARRANGEMENTS)]


def choose(gallery: int, others: int, seed: int) -> tuple[list[Combination], list[Combination]]:
    """Combinations of the gallery and of the other pictures: none stands in both, and none twice."""
    every = combinations()
    drawn = np.random.default_rng([seed, 10]).permutation(len(every))[: gallery + others]
    chosen = [every[k] for k in drawn]
    return chosen[:gallery], chosen[gallery:]


def draw_all(shown: Sequence[Combination], prefix: str, seed: int) -> Iterator[Picture]:
    """Draw a list of combinations; picture k is the same whatever else is drawn."""
    masks = {name: texture(name, SIZE * OVERSAMPLING) for name in TEXTURES}
    for k, combination in enumerate(shown):
        generator = np.random.default_rng([seed, 11, *prefix.encode(), k])
        yield Picture(f"{prefix}-{k + 1:04d}", combination, draw(combination, masks, generator))


def draw(shows: Combination, masks: dict[str, Image.Image], generator: np.random.Generator) -> Pixels:
    """Draw one picture.

    Parameters
    ----------
    shows
        What.
    masks
        `texture` of each name, ``OVERSAMPLING`` times the picture's size.
    generator
        Draws what differs between pictures of one combination: size, place, turn, shade.

    Returns
    -------
    (``SIZE``, ``SIZE``, 3) uint8.
    """
    size = SIZE * OVERSAMPLING
    inside, rim = Image.new("L", (size, size), 0), Image.new("L", (size, size), 0)
    outlines = _outlines(shows, generator, size)
    for outline in outlines:
        ImageDraw.Draw(inside).polygon(outline, fill=255)
        ImageDraw.Draw(rim).line([*outline, *outline[:2]], fill=255, width=round(size * 0.022), joint="curve")
    filled = ImageChops.lighter(ImageChops.multiply(inside, masks[shows.texture]), rim)
    picture = Image.new("RGB", (size, size), _background(generator))
    picture.paste(_shade(COLOURS[shows.colour], generator, 12.0), (0, 0, size, size), filled)
    return np.asarray(picture.resize((SIZE, SIZE), Image.Resampling.BOX), dtype=np.uint8)


def _outlines(shows: Combination, generator: np.random.Generator, size: int) -> list[list[Point]]:
    scale, shift = generator.uniform(0.8, 1.05), generator.uniform(-0.06, 0.06, 2)
    turn, own_turn = (_rotation(generator.uniform(-limit, limit)) for limit in (12.0, 14.0))
    found = []
    for x, y, radius in ARRANGEMENTS[shows.arrangement]:
        centre = (np.array([x, y]) - 0.5) @ turn * scale + 0.5 + shift + generator.uniform(-0.01, 0.01, 2)
        points = np.array(OUTLINES[shows.shape]) @ own_turn * radius * scale + centre
        found.append([(float(px), float(py)) for px, py in points * size])
    return found


def _rotation(degrees: float) -> NDArray[np.float64]:
    turn = np.radians(degrees)
    return np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])


def _background(generator: np.random.Generator) -> tuple[int, int, int]:
    light = generator.uniform(BACKGROUND[0], BACKGROUND[1])
    return _shade((int(light), int(light), int(light)), generator, 8.0)


def _shade(colour: tuple[int, int, int], generator: np.random.Generator, spread: float) -> tuple[int, int, int]:
    red, green, blue = np.clip(np.array(colour) + generator.normal(0.0, spread, 3), 0, 255).astype(int).tolist()
    return red, green, blue
