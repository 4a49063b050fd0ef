"""Embeds pictures part by part and keeps each part that is done, so that an interrupted build goes on where it stopped.

For models that take a list of paths; `inference.clip_pictures` does the same for open_clip's, whose parts hold more.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError
from inference.clip_parts import Parts, files_key

PART = 64
"""Pictures in a part: what an interruption can cost. A multiple of what a model embeds at once, so that the parts are
the same whether it was interrupted or not."""
VECTORS = "vectors"
Told = Callable[[int, int], None]
Embed = Callable[[Sequence[Path], Told], NDArray[Any]]


def embedded(
    embed: Embed, paths: Sequence[Path], root: Path, keep: Path, made_by: str, progress: Told
) -> NDArray[np.float32]:
    """Vectors of pictures, the same ones whether or not the work was interrupted.

    Parameters
    ----------
    embed
        Vectors (n, dim) of some pictures; it is told how to say how many are done.
    paths
        Pictures.
    root
        Folder that they are named from.
    keep
        Folder for finished parts; take it away with `inference.clip_parts.Parts.remove` when the gallery is written.
    made_by
        Space of the vectors: parts of another model are thrown away.
    progress
        Told how many pictures are done, and of how many.

    Returns
    -------
    (n, dim) float32.

    Raises
    ------
    BundleError
        As ``embed``, or the parts cannot be kept.
    """
    parts = Parts(keep, {"space": made_by, "part": PART, "files": files_key(paths, root)})
    parts.prepare()
    for number, begin in enumerate(range(0, len(paths), PART)):
        some = paths[begin : begin + PART]
        if _vectors(parts, number, len(some)) is None:

            def told(done: int, _: int, begin: int = begin) -> None:
                progress(begin + done, len(paths))

            parts.write(number, {VECTORS: np.asarray(embed(some, told), np.float32)})
        else:
            progress(begin + len(some), len(paths))
    return np.concatenate(
        [_read(parts, k, len(paths[k * PART : (k + 1) * PART])) for k in range(-(-len(paths) // PART))]
    )


def _read(parts: Parts, number: int, count: int) -> NDArray[np.float32]:
    found = _vectors(parts, number, count)
    if found is None:
        raise BundleError(f"part {number} in '{parts.folder}' went away while it was needed; build the gallery again")
    return found


def _vectors(parts: Parts, number: int, count: int) -> NDArray[np.float32] | None:
    """Vectors of a part, where it is whole."""
    array = (parts.read(number) or {}).get(VECTORS)
    return array if array is not None and array.ndim == 2 and len(array) == count else None
