"""Small files are read with a limit that holds whatever the file system says of their size."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

PIECE = 1 << 16


class TooLargeError(ValueError):
    """A file is larger than what it should be can be."""


def read_bounded(path: Path, most: int) -> bytes:
    """Bytes of a regular file.

    Parameters
    ----------
    path
        A pipe or device, which need not have an end, is refused; a link to a regular file is followed.
    most
        Bytes that it may have.

    Raises
    ------
    OSError
        It is not there, or no regular file.
    TooLargeError
        It is larger.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError(0, "it is no regular file")
    parts, total = [], 0
    with path.open("rb") as file:
        # piece by piece: memory for all that is asked for would be taken at once
        while part := file.read(PIECE):
            parts.append(part)
            total += len(part)
            if total > most:
                raise TooLargeError(f"larger than {most} bytes")
    return b"".join(parts)


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON (for ``object_pairs_hook``) in which no key stands twice.

    Raises
    ------
    ValueError
        One does: readers do not agree on which of the two counts.
    """
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise ValueError(f"key '{twice:.80}' stands twice")
    return found
