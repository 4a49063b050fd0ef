"""Pictures drawn by the program, as folders of concepts: colour × texture × shape × ground, each drawn differently."""

from __future__ import annotations

import colorsys
import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from config.errors import SettingsError
from training.datasets.metadata import Picture

SIDE = 128
HUES = {
    "red": 0.0, "orange": 0.07, "yellow": 0.15, "lime": 0.25, "green": 0.36, "teal": 0.48, "blue": 0.6, "violet": 0.73,
    "magenta": 0.84, "pink": 0.93,
}  # fmt: skip
SHAPES = {
    "triangle": (3, 1.0), "square": (4, 1.0), "hexagon": (6, 1.0), "disc": (40, 1.0), "star": (5, 0.45),
    "burst": (9, 0.6), "cross": (4, 0.3),
}  # fmt: skip
"""Corners, and how far the dents between them lie from the centre (1: none)."""
TEXTURES = ("plain", "striped", "banded", "checked", "ringed")
GROUNDS = {"white": 0.95, "grey": 0.6, "dark": 0.3, "black": 0.08, "sloping": -1.0, "split": -2.0}
LETTERS = "bnsx"


@dataclass(frozen=True)
class Concept:
    """What a picture shows."""

    hue: str
    texture: str
    shape: str
    ground: str

    @property
    def name(self) -> str:
        """As a folder is called."""
        return f"{self.texture}_{self.hue}_{self.shape}_{self.ground}"


def most_concepts() -> int:
    """How many there are."""
    return len(HUES) * len(TEXTURES) * len(SHAPES) * len(GROUNDS)


def choose(n: int, seed: int) -> list[Concept]:
    """Different concepts, drawn at random.

    Raises
    ------
    SettingsError
        There are not so many.
    """
    every = [Concept(*parts) for parts in itertools.product(HUES, TEXTURES, SHAPES, GROUNDS)]
    if n > len(every):
        raise SettingsError(f"{n} concepts are asked for, the drawn pictures have {len(every)}; ask for fewer")
    return [every[k] for k in np.random.default_rng([seed, 21]).permutation(len(every))[:n]]


def list_pictures(concepts: list[Concept], each: int, seed: int) -> list[tuple[Concept, Picture]]:
    """Pictures of some concepts, folders numbered by their alphabetical order as in THINGS-EEG2."""
    rng = np.random.default_rng([seed, 22])
    found = []
    for number, concept in enumerate(sorted(concepts, key=lambda one: one.name), 1):
        for k in range(each):
            file = f"{concept.name}_{k + 1:02d}{LETTERS[int(rng.integers(len(LETTERS)))]}.jpg"
            found.append((concept, Picture(f"{number:05d}_{concept.name}", file)))
    return found


def draw(concept: Concept, seed: int, file: str) -> Image.Image:
    """A picture, always the same for a seed and file name: size, place, turn and shade differ between files."""
    rng = np.random.default_rng([seed, 23, *file.encode()])
    size = 2 * SIDE
    picture = _ground(concept.ground, size, rng)
    mask = Image.new("L", (size, size), 0)
    centre = size * (0.5 + rng.uniform(-0.14, 0.14, 2))
    radius = size * rng.uniform(0.24, 0.4)
    corners, dent = SHAPES[concept.shape]
    ImageDraw.Draw(mask).polygon(_outline(centre, radius, corners, dent, rng.uniform(-0.35, 0.35)), fill=255)
    picture.paste(_filling(concept, size, rng), (0, 0), mask)
    return picture.resize((SIDE, SIDE), Image.Resampling.BOX)


def write(root: Path, listed: list[tuple[Concept, Picture]], seed: int) -> None:
    """Draw pictures into the folders of their concepts, as JPEG."""
    for concept, picture in listed:
        folder = root / picture.concept
        folder.mkdir(parents=True, exist_ok=True)
        draw(concept, seed, picture.file).save(folder / picture.file, quality=90)


def _outline(centre: np.ndarray, radius: float, corners: int, dent: float, turn: float) -> list[tuple[float, float]]:
    points = []
    for k in range(2 * corners if dent < 1 else corners):
        angle = turn + 2 * math.pi * k / (2 * corners if dent < 1 else corners) - math.pi / 2
        far = radius * (dent if dent < 1 and k % 2 else 1.0)
        points.append((float(centre[0] + far * math.cos(angle)), float(centre[1] + far * math.sin(angle))))
    return points


def _filling(concept: Concept, size: int, rng: np.random.Generator) -> Image.Image:
    """Two shades of a hue in the pattern of the texture."""
    hue = HUES[concept.hue] + rng.normal(0, 0.008)
    light, dark = _rgb(hue, 0.55, 0.95, rng), _rgb(hue, 0.95, 0.45, rng)
    y, x = np.mgrid[0:size, 0:size] / size
    waves = rng.uniform(7, 10)
    phase = rng.uniform(0, 1)
    pattern = {
        "plain": np.ones_like(x),
        "striped": np.sin(2 * np.pi * (waves * x + phase)),
        "banded": np.sin(2 * np.pi * (waves * y + phase)),
        "checked": np.sin(2 * np.pi * (waves * x + phase)) * np.sin(2 * np.pi * (waves * y + phase)),
        "ringed": np.sin(2 * np.pi * (waves * 1.3 * np.hypot(x - 0.5, y - 0.5) + phase)),
    }[concept.texture]
    pixels = np.where(pattern[..., None] > 0, np.array(light), np.array(dark)).astype(np.uint8)
    return Image.fromarray(pixels)


def _rgb(hue: float, saturation: float, value: float, rng: np.random.Generator) -> tuple[int, int, int]:
    rgb = colorsys.hsv_to_rgb(hue % 1.0, saturation, min(1.0, value * rng.uniform(0.92, 1.05)))
    red, green, blue = (round(255 * part) for part in rgb)
    return red, green, blue


def _ground(name: str, size: int, rng: np.random.Generator) -> Image.Image:
    level = GROUNDS[name]
    slope = np.linspace(0.25, 0.9, size) if level == -1.0 else np.full(size, abs(level))
    if level == -2.0:
        slope = np.where(np.arange(size) < size / 2, 0.85, 0.25)
    pixels = np.clip(slope[:, None, None] + rng.normal(0, 0.02) + np.zeros((size, size, 3)), 0, 1)
    return Image.fromarray((255 * pixels).astype(np.uint8))
