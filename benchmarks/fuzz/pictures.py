"""Pictures of every format that galleries take."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from benchmarks.fuzz.target import Read
from benchmarks.fuzz.texts import in_file


def pictures(folder: Path) -> list[bytes]:
    """A small picture of every format and of several kinds."""
    from PIL import Image

    pixels = np.random.default_rng(0).integers(0, 255, (12, 10, 3), dtype=np.uint8)
    whole = Image.fromarray(pixels)
    found = []
    for kind, image, more in (
        ("PNG", whole, {}), ("PNG", whole.convert("P"), {}), ("JPEG", whole, {}),
        ("JPEG", whole, {"progressive": True}), ("WEBP", whole, {}), ("WEBP", whole, {"lossless": True}),
        ("BMP", whole, {}), ("BMP", whole.convert("1"), {}),
        ("GIF", whole, {}), ("GIF", whole, {"save_all": True, "append_images": [whole.rotate(90)]}),
        ("PNG", whole.convert("RGBA"), {}), ("PNG", whole.convert("I;16"), {}),
    ):  # fmt: skip
        stream = io.BytesIO()
        image.save(stream, kind, **more)
        found.append(stream.getvalue())
    return found


def open_picture(folder: Path) -> Read:
    """Check a picture as a build does, and decode it in every way."""
    from inference.inputs import check_pictures
    from inference.pixels import embed
    from training.metrics.lowlevel import _pixels as seen

    def read(file: Path) -> None:
        # whoever decodes may not have checked before
        embed([file])
        seen(file)
        check_pictures([file])

    return in_file("a.png", read, folder)
