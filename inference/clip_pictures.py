"""Embeds many pictures with open_clip: in batches, part by part, and on from where an earlier run was interrupted."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError
from inference.clip import Clip
from inference.clip_features import EMBEDDINGS, Wanted, features
from inference.clip_parts import Arrays, Parts, files_key
from inference.inputs import opened

if TYPE_CHECKING:
    from torch import Tensor

PART = 32
"""Pictures in a part, embedded together: what an interruption can cost."""
READERS = min(8, os.cpu_count() or 1)
"""Threads that decode the next pictures while the network is busy."""
HALF_LIMIT = 6e4
"""Features whose magnitude stays below are kept as float16, others as float32."""


@dataclass(frozen=True)
class Embedded:
    """Vectors of pictures.

    Attributes
    ----------
    vectors
        (n, dim) float32, unit norm.
    features
        By name: the variants' names, and (n, variants, dim) float16 or float32.
    """

    vectors: NDArray[np.float32]
    features: dict[str, tuple[tuple[str, ...], NDArray[Any]]]


def embed(
    clip: Clip,
    paths: Sequence[Path],
    root: Path,
    keep: Path,
    *,
    wanted: Wanted | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Embedded:
    """Vectors of pictures; the same ones whether or not the work was interrupted.

    Parameters
    ----------
    clip
        The model.
    paths
        Pictures.
    root
        Folder that they are named from.
    keep
        Folder for finished parts; take it away with `inference.clip_parts.Parts.remove` when the gallery is written.
    wanted
        Layers and blurs; None: only the embedding.
    progress
        Called with how many pictures are done, and of how many.

    Raises
    ------
    BundleError
        A picture cannot be decoded, a layer does not exist, or the parts cannot be kept.
    """
    wanted = wanted or Wanted()
    parts = parts_of(clip, paths, root, keep, wanted)
    parts.prepare()
    groups = [paths[k : k + PART] for k in range(0, len(paths), PART)]
    missing = [k for k, group in enumerate(groups) if not _whole(parts.read(k), len(group), wanted)]
    done = len(paths) - sum(len(groups[k]) for k in missing)
    with ThreadPoolExecutor(READERS, thread_name_prefix="picture") as readers:
        for number, batch in zip(missing, _batches(clip, [groups[k] for k in missing], readers), strict=True):
            parts.write(number, features(clip, batch, wanted))
            done += len(batch)
            if progress is not None:
                progress(done, len(paths))
    return _joined(parts, [len(group) for group in groups], wanted)


def parts_of(clip: Clip, paths: Sequence[Path], root: Path, keep: Path, wanted: Wanted) -> Parts:
    """Where the parts of such a computation are kept, and what they depend on."""
    key = {
        "space": clip.space,
        "transform": repr(clip.transform),
        "layers": wanted.layers,
        "blurs": wanted.blurs,
        "part": PART,
        "files": files_key(paths, root),
    }
    return Parts(keep, key)


def _batches(clip: Clip, groups: Sequence[Sequence[Path]], readers: ThreadPoolExecutor) -> Iterator[Tensor]:
    """Batches (n, 3, size, size); the next one is decoded while one is used."""
    import torch

    coming = [readers.submit(_decode, clip, path) for path in (groups[0] if groups else ())]
    for following in [*groups[1:], []][: len(groups)]:
        ready = coming
        coming = [readers.submit(_decode, clip, path) for path in following]
        yield torch.stack([future.result() for future in ready])


def _decode(clip: Clip, path: Path) -> Tensor:
    with opened(path) as picture:
        return clip.transform(picture.convert("RGB"))


def _whole(arrays: Arrays | None, count: int, wanted: Wanted) -> bool:
    names = {EMBEDDINGS, *wanted.variants}
    return arrays is not None and set(arrays) == names and all(len(value) == count for value in arrays.values())


def _joined(parts: Parts, counts: Sequence[int], wanted: Wanted) -> Embedded:
    """All parts; one set after the other, so that memory holds what is written and one part."""
    joined = {name: _set(parts, counts, name) for name in (EMBEDDINGS, *wanted.variants)}
    sets = {name: (variants, joined[name]) for name, variants in wanted.variants.items()}
    return Embedded(np.asarray(joined[EMBEDDINGS], np.float32), sets)


def _set(parts: Parts, counts: Sequence[int], name: str) -> NDArray[Any]:
    largest, shape = 0.0, (0,)
    for number in range(len(counts)):
        values = _read(parts, number)[name]
        largest, shape = max(largest, float(np.abs(values).max())), values.shape[1:]
    half = name != EMBEDDINGS and largest < HALF_LIMIT
    out = np.empty((sum(counts), *shape), np.float16 if half else np.float32)
    begin = 0
    for number, count in enumerate(counts):
        out[begin : begin + count] = _read(parts, number)[name]
        begin += count
    return out


def _read(parts: Parts, number: int) -> Arrays:
    arrays = parts.read(number)
    if arrays is None:
        raise BundleError(f"part {number} in '{parts.folder}' went away while it was needed; build the gallery again")
    return arrays
