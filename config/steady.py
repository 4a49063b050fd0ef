"""Reads a gallery bundle of several files as one, also while another takes its place."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from config.bundles import GALLERY_JSON
from config.errors import BundleError

Found = TypeVar("Found")
TRIES, AGAIN_S = 6, 0.02
"""A bundle that takes another's place is away for less than that."""


def steady(folder: Path, read: Callable[[], Found]) -> Found:
    """What is read of a bundle, all of it from one: where it was compacted meanwhile, it is read again.

    Raises
    ------
    BundleError
        As ``read``, of a bundle that stays as it is.
    """
    for left in reversed(range(TRIES)):
        before = _identity(folder)
        try:
            found = read()
        except BundleError:
            if not left or (before is not None and _identity(folder) == before):
                raise
        else:
            if not left or _identity(folder) == before:
                return found
        time.sleep(AGAIN_S)
    raise BundleError(f"gallery '{folder}' changes all the time; wait until it is written")


def _identity(folder: Path) -> tuple[int, int] | None:
    """Which bundle stands there."""
    try:
        state = (folder / GALLERY_JSON).stat()
    except OSError:
        return None
    return state.st_ino, state.st_mtime_ns
