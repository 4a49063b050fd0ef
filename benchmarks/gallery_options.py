"""Options of the gallery benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

SIZES = (200, 16_540, 100_000, 1_000_000)
KINDS_UP_TO = {
    "flat": 100_000,
    "8bit": 1_000_000,
    "ivf": 100_000,
    "ivf-pq": 1_000_000,
    "pq": 10_000_000,
    "hnsw": 100_000,
    "binary": 1_000_000,
    "disk": 10_000_000,
    "disk-16": 100_000,
    "disk-8": 100_000,
}
"""Largest size at which each kind is measured by default: a graph of a million takes too long to build on one core.

Ten million vectors of 512 take 19 GiB on disk while they are measured; ``pq`` then 12 GiB of memory, ``disk`` 2 GiB."""


@dataclass(frozen=True)
class GalleryOptions:
    """What is measured.

    Attributes
    ----------
    sizes
        Numbers of vectors.
    kinds
        Of index; empty: every one, up to its size in ``KINDS_UP_TO``. Those that are named are measured at every size.
    dim
        Of a vector.
    depth
        Neighbours asked for: as many as a worker asks for.
    queries
        Timed one by one, after some that are not.
    batch_s
        How long batches are searched for their rate, seconds.
    truths
        Queries of each cosine that recall is measured with.
    data
        Folder with ``things``, for the statistics of real features; None: those of the generator only.
    work
        Where vectors and indexes that are mapped stand; None: a temporary folder.
    target
        Size that the targets are of.
    seed
        Of everything.
    json
        Write the figures here.
    """

    sizes: tuple[int, ...] = SIZES
    kinds: tuple[str, ...] = ()
    dim: int = 512
    depth: int = 256
    queries: int = 300
    batch_s: float = 1.0
    truths: int = 50
    data: Path | None = None
    work: Path | None = None
    target: int = 1_000_000
    seed: int = 0
    json: Path | None = None
