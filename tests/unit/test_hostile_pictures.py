"""Pictures that somebody made to do harm."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hostile import refused
from PIL import Image

from config.errors import BundleError
from inference import image_vae, inputs, pixels
from training.metrics import lowlevel

READERS: tuple[Callable[[Path], Any], ...] = (
    lambda path: inputs.check_pictures([path]),
    lambda path: pixels.embed([path]),
    image_vae.read_picture,
    lowlevel._pixels,
)


def png(width: int, height: int, rows: bytes, kind: bytes = b"IDAT") -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(kind, zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def animated() -> bytes:
    stream = io.BytesIO()
    frames = [Image.new("P", (7100, 7100), k) for k in range(3)]
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def whole(kind: str) -> bytes:
    stream = io.BytesIO()
    pixels_ = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(pixels_).save(stream, kind)
    return stream.getvalue()


ATTACKS: dict[str, bytes] = {
    "a bomb": png(60_000, 60_000, bytes(10_000_000)),
    "a bomb just below Pillow's own limit": png(9_000, 9_000, bytes(1_000)),
    "sizes that overflow": png(0x7FFFFFFF, 0x7FFFFFFF, b""),
    "no size": png(0, 5, b""),
    "an animated bomb": animated(),
    "a wrong type": b"GIF89a" + whole("PNG"),
    "PostScript, which Pillow would hand to a program": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(x) run",
    "TIFF, which no gallery takes": whole("TIFF"),
    "text": b"<svg xmlns='http://www.w3.org/2000/svg'><script/></svg>",
    "a text chunk bomb": whole("PNG")[:33] + png(1, 1, b"\x00" * 90_000_000, b"zTXt")[33:],
    "nothing": b"",
    **{f"{kind} cut off": whole(kind)[:-40] for kind in ("PNG", "JPEG", "WEBP", "BMP")},
}


@pytest.mark.parametrize("reader", READERS, ids=["check", "pixels", "vae", "lowlevel"])
@pytest.mark.parametrize("name", ATTACKS)
def test_it_is_refused(tmp_path: Path, name: str, reader: Callable[[Path], Any]) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(ATTACKS[name])
    started: list[str] = []
    sys.addaudithook(lambda event, args: started.append(event) if event in ("subprocess.Popen", "os.system") else None)
    with refused(BundleError):
        reader(path)
    assert not started


def test_a_picture_that_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    for reader in READERS:
        with refused(BundleError):
            reader(tmp_path / "a.png")
