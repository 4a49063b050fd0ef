"""A screen that nobody sees: Xvfb on a free display, and pictures of it."""

from __future__ import annotations

import mmap
import os
import select
import shutil
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest
from PIL import Image, ImageGrab

READY_S = 30.0


def needs(*programs: str) -> None:
    """Skip where a program is not installed; in CI, fail."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing and os.environ.get("CI"):
        pytest.fail(f"CI is to have {', '.join(missing)}")
    if missing:
        pytest.skip(f"{', '.join(missing)} is not installed")


@contextmanager
def virtual_screen(size: str = "800x600", folder: Path | None = None) -> Iterator[str]:
    """The name of the display, such as ``:1``; with a folder, its pixels lie there as a file (Xvfb_screen0)."""
    needs("Xvfb")
    read, write = os.pipe()
    arguments = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-nolisten", "tcp"]
    arguments += ["-noreset"]  # else it starts a program of its own whenever its last client leaves
    arguments += ["-fbdir", str(folder)] if folder is not None else []
    process = subprocess.Popen(arguments, pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read, "rb") as pipe:
            yield f":{_number(pipe)}"
    finally:
        process.terminate()
        process.wait(10)


class Watched:
    """One pixel of a virtual screen, looked at about every 0.3 ms, in a thread, in the memory of the screen itself.

    Parameters
    ----------
    folder
        Of ``virtual_screen``.
    x, y
        Which pixel.
    """

    def __init__(self, folder: Path, x: int, y: int) -> None:
        self._file = (folder / "Xvfb_screen0").open("rb")
        self._memory = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        header = struct.unpack(">25I", self._memory[:100])  # of X's window dump: sizes, colours, bytes of a line
        self._at = header[0] + 12 * header[19] + y * header[12] + x * header[11] // 8
        self._seen: list[tuple[float, int]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            self._seen.append((time.monotonic(), self._memory[self._at]))
            time.sleep(0.0003)

    def whites(self) -> list[float]:
        """When it turned from black to white, s: half-way between two looks. Ends the watching."""
        self._over.set()
        self._thread.join(10)
        self._memory.close()
        self._file.close()
        pairs = zip(self._seen, self._seen[1:], strict=False)
        return [(a + b) / 2 for (a, before), (b, after) in pairs if before == 0 and after == 255]


def _number(pipe: IO[bytes]) -> int:
    there, _, _ = select.select([pipe], [], [], READY_S)
    line = pipe.readline() if there else b""
    if not line.strip().isdigit():
        pytest.fail(f"Xvfb did not start within {READY_S:g} s")
    return int(line)


def photograph(display: str, name: str, folder: Path) -> Image.Image:
    """What a display shows, kept in EEGSEEK_PICTURES or else in the folder."""
    picture = ImageGrab.grab(xdisplay=display).convert("RGB")
    keep = Path(os.environ.get("EEGSEEK_PICTURES") or folder)
    keep.mkdir(parents=True, exist_ok=True)
    picture.save(keep / f"{name}.png")
    return picture
