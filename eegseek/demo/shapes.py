"""Outlines, arrangements, textures and colours of the demo's pictures. Coordinates are in picture sizes."""

from __future__ import annotations

import math
from collections.abc import Callable

from PIL import Image, ImageDraw

Point = tuple[float, float]
Outline = list[Point]
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (208, 38, 42),
    "orange": (238, 134, 28),
    "yellow": (232, 208, 40),
    "green": (52, 150, 62),
    "turquoise": (48, 186, 190),
    "blue": (40, 74, 190),
    "violet": (128, 54, 164),
    "pink": (236, 128, 178),
    "brown": (118, 74, 42),
    "black": (28, 28, 32),
    "white": (250, 250, 248),
    "olive": (124, 128, 36),
}


def _polygon(n: int, turn: float = -90.0) -> Outline:
    return [_polar(1.0, turn + 360.0 * k / n) for k in range(n)]


def _star(n: int, inner: float) -> Outline:
    return [_polar(1.0 if k % 2 == 0 else inner, -90.0 + 180.0 * k / n) for k in range(2 * n)]


def _polar(radius: float, degrees: float) -> Point:
    return radius * math.cos(math.radians(degrees)), radius * math.sin(math.radians(degrees))


def _heart() -> Outline:
    turns = [math.radians(6.0 * k) for k in range(60)]
    return [
        (
            math.sin(t) ** 3,
            -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)) / 16,
        )
        for t in turns
    ]


def _crescent() -> Outline:
    outer = [_polar(1.0, 55.0 + 5.0 * k) for k in range(51)]
    inner = [(0.42 + 0.72 * x, 0.72 * y) for x, y in (_polar(1.0, 295.0 - 5.0 * k) for k in range(46))]
    return outer + inner


OUTLINES: dict[str, Outline] = {
    "circles": _polygon(48),
    "triangles": _polygon(3),
    "squares": _polygon(4, -45.0),
    "hexagons": _polygon(6),
    "stars": _star(5, 0.42),
    "crosses": [
        *[(-0.33, -1.0), (0.33, -1.0), (0.33, -0.33), (1.0, -0.33), (1.0, 0.33), (0.33, 0.33)],
        *[(0.33, 1.0), (-0.33, 1.0), (-0.33, 0.33), (-1.0, 0.33), (-1.0, -0.33), (-0.33, -0.33)],
    ],
    "hearts": _heart(),
    "crescents": _crescent(),
    "bars": [(-1.0, -0.34), (1.0, -0.34), (1.0, 0.34), (-1.0, 0.34)],
    "bursts": _star(12, 0.62),
}

ARRANGEMENTS: dict[str, list[tuple[float, float, float]]] = {
    # centre and radius of each
    "one large": [(0.5, 0.5, 0.36)],
    "two side by side": [(0.28, 0.5, 0.19), (0.72, 0.5, 0.19)],
    "two above each other": [(0.5, 0.28, 0.19), (0.5, 0.72, 0.19)],
    "row of four": [(0.14 + 0.24 * k, 0.5, 0.11) for k in range(4)],
    "column of four": [(0.5, 0.14 + 0.24 * k, 0.11) for k in range(4)],
    "diagonal of four": [(0.16 + 0.227 * k, 0.16 + 0.227 * k, 0.12) for k in range(4)],
    "ring of six": [(0.5 + 0.33 * x, 0.5 + 0.33 * y, 0.12) for x, y in _polygon(6)],
    "grid of nine": [(0.2 + 0.3 * (k % 3), 0.2 + 0.3 * (k // 3), 0.11) for k in range(9)],
    "four in the corners": [(x, y, 0.15) for x in (0.19, 0.81) for y in (0.19, 0.81)],
    "small one above a large one": [(0.5, 0.17, 0.1), (0.5, 0.64, 0.27)],
    "large one beside a small one": [(0.36, 0.5, 0.27), (0.83, 0.5, 0.1)],
    "rising diagonal of four": [(0.16 + 0.227 * k, 0.84 - 0.227 * k, 0.12) for k in range(4)],
    "triangle of three": [(0.5, 0.26, 0.17), (0.27, 0.7, 0.17), (0.73, 0.7, 0.17)],
    "cross of five": [(0.5, 0.5, 0.11), *((0.5 + 0.33 * x, 0.5 + 0.33 * y, 0.11) for x, y in _polygon(4))],
}


def _nothing(draw: ImageDraw.ImageDraw, size: int) -> None:
    draw.rectangle((0, 0, size, size), fill=255)


def _stripes(draw: ImageDraw.ImageDraw, size: int) -> None:
    step = size / 14
    for k in range(-14, 28):
        x = k * step
        draw.line((x, -size * 0.1, x + size * 0.55, size * 1.1), fill=255, width=round(step * 0.5))


def _bands(draw: ImageDraw.ImageDraw, size: int) -> None:
    step = size / 12
    for k in range(13):
        draw.rectangle((0, k * step, size, (k + 0.5) * step), fill=255)


def _dots(draw: ImageDraw.ImageDraw, size: int) -> None:
    step = size / 16
    for row in range(18):
        for column in range(18):
            x, y = (column + 0.5 * (row % 2)) * step, row * step
            draw.ellipse((x - step * 0.32, y - step * 0.32, x + step * 0.32, y + step * 0.32), fill=255)


def _checks(draw: ImageDraw.ImageDraw, size: int) -> None:
    step = size / 16
    for row in range(16):
        for column in range(row % 2, 16, 2):
            draw.rectangle((column * step, row * step, (column + 1) * step, (row + 1) * step), fill=255)


TEXTURES: dict[str, Callable[[ImageDraw.ImageDraw, int], None] | None] = {
    # what is filled; None: the rim only
    "solid": _nothing,
    "striped": _stripes,
    "banded": _bands,
    "dotted": _dots,
    "checked": _checks,
    "hollow": None,
}


def texture(name: str, size: int) -> Image.Image:
    """Mask of a texture over a whole picture, mode ``L``; black for ``hollow``."""
    mask = Image.new("L", (size, size), 0)
    paint = TEXTURES[name]
    if paint is not None:
        paint(ImageDraw.Draw(mask), size)
    return mask
