"""Pictures and drawings as pixels of the size that they are shown in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from config.errors import PlanError
from config.presentation import Drawing, Stimulus
from display.presenter.stimuli import missing_pictures

if TYPE_CHECKING:
    from PIL import Image

MOST_PIXELS = 200_000_000
"""Of one picture's file."""
MOST_BYTES = 4 << 30
"""Of all pictures as they are shown: they lie ready in memory."""
Pixels = NDArray[np.uint8]
Progress = Callable[[int, int], None]


def check_missing(stimuli: Sequence[Stimulus]) -> None:
    """Refuse, before anything else is done, pictures that are not there.

    Raises
    ------
    PlanError
        Names the first and tells how many.
    """
    if missing := missing_pictures(stimuli):
        raise PlanError(f"{_several(missing, len(stimuli))} not there; put them back, or make the plan again")


def check_room(count: int, side: int) -> None:
    """Refuse more pictures than memory is to hold.

    Raises
    ------
    PlanError
        Says how much they would take.
    """
    total = count * side * side * 4
    if total > MOST_BYTES:
        raise PlanError(
            f"{count} pictures of {side} × {side} pixels would take {total / 2**30:.1f} GiB of memory, and "
            f"{MOST_BYTES >> 30} GiB is most; show fewer in one plan, or smaller ones (look.height)"
        )


def load(stimuli: Sequence[Stimulus], side: int, background: str, ready: Callable[[int, Pixels], None]) -> None:
    """Load everything, one after the other.

    Parameters
    ----------
    stimuli
        Pictures and drawings.
    side
        Of the square that each is fitted into, pixels.
    background
        ``#rrggbb`` behind what is transparent.
    ready
        Given each one's row and its pixels, (height, width, 3), at most ``side`` either way.

    Raises
    ------
    PlanError
        Some cannot be read; names the first and tells how many.
    """
    broken: list[tuple[str, str]] = []
    for row, stimulus in enumerate(stimuli):
        try:
            pixels = (
                draw(stimulus.drawing, side, background)
                if stimulus.drawing
                else read(stimulus.picture, side, background)
            )
        except PlanError as error:
            broken.append((stimulus.picture, str(error)))
            pixels = np.zeros((1, 1, 3), dtype=np.uint8)
        ready(row, pixels)
    if broken:
        why = broken[0][1]
        more = f"; so are {len(broken) - 1} more, such as '{broken[1][0]}'" if len(broken) > 1 else ""
        raise PlanError(f"{why}{more}; mend or remove them before anything is shown")


def read(file: str, side: int, background: str) -> Pixels:
    """A picture of a file, fitted into a square.

    Raises
    ------
    PlanError
        It is none, damaged, or too large.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(Path(file)) as opened:
            if opened.width * opened.height > MOST_PIXELS:
                raise PlanError(f"picture '{file}' has more than {MOST_PIXELS // 10**6} million pixels")
            opened.draft("RGB", (side, side))
            picture = ImageOps.exif_transpose(opened) or opened
            rgba = picture.convert("RGBA")
    except PlanError:
        raise
    except (OSError, ValueError, SyntaxError, MemoryError, Image.DecompressionBombError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
        raise PlanError(f"picture '{file}' is damaged or no picture ({why})") from error
    scale = side / max(rgba.size)
    size = (max(1, round(rgba.width * scale)), max(1, round(rgba.height * scale)))
    fitted = rgba.resize(size, Image.Resampling.LANCZOS)
    behind = Image.new("RGBA", size, background)
    return np.asarray(Image.alpha_composite(behind, fitted).convert("RGB"))


def draw(drawing: Drawing, side: int, background: str) -> Pixels:
    """A drawing: (side, side, 3)."""
    from PIL import Image

    over = 2 * side  # edges are smoothed by drawing larger
    picture = Image.new("RGB", (over, over), background)
    if drawing.shape in ("checker", "grating"):
        _pattern(picture, drawing)
    else:
        _shape(picture, drawing, background)
    return np.asarray(picture.resize((side, side), Image.Resampling.BOX))


def _shape(picture: Image.Image, drawing: Drawing, background: str) -> None:
    from PIL import ImageDraw

    pen, whole = ImageDraw.Draw(picture), picture.width
    edge = round(whole * (1 - drawing.size) / 2)
    box = (edge, edge, whole - 1 - edge, whole - 1 - edge)
    if drawing.shape == "square":
        pen.rectangle(box, fill=drawing.colour)
        return
    pen.ellipse(box, fill=drawing.colour)
    if drawing.shape == "ring":
        inner = edge + round(whole * drawing.size * 0.15)
        pen.ellipse((inner, inner, whole - 1 - inner, whole - 1 - inner), fill=background)


def _pattern(picture: Image.Image, drawing: Drawing) -> None:
    from PIL import Image

    side = round(picture.width * drawing.size)
    place = np.arange(side) * drawing.cells // side % 2
    light = place[None, :] ^ place[:, None] if drawing.shape == "checker" else np.broadcast_to(place, (side, side))
    colours = np.array([_rgb(drawing.colour), _rgb(drawing.second)], dtype=np.uint8)
    edge = (picture.width - side) // 2
    picture.paste(Image.fromarray(colours[light]), (edge, edge))


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _several(files: Sequence[str], of: int) -> str:
    if len(files) == 1:
        return f"picture '{files[0]}' is"
    return f"{len(files)} of {of} pictures, such as '{files[0]}', are"
