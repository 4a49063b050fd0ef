"""``eegseek bench gallery``: recall, time, memory and build of kinds of index, on vectors like image embeddings."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import targets
from benchmarks.gallery_options import KINDS_UP_TO, GalleryOptions
from benchmarks.gallery_table import show
from benchmarks.gallery_vectors import Generator, generated_statistics, real_statistics
from benchmarks.machine import machine
from benchmarks.reporting import write_json
from config.errors import SettingsError
from inference.encoders.base import Vectors
from inference.index import Index, limit_threads
from inference.indexes.build import build
from inference.indexes.choose import candidates, free_memory
from inference.indexes.eight import EightBit
from inference.indexes.kinds import TABLE, kind
from inference.indexes.measure import Truth, queries

GOAL = 0.95
"""Recall at ten: of the efforts of a kind the least that reaches it is measured."""
WARM_UP = 20
BATCH = 64
P99_MS = 5.0
MEMORY_MIB = 1024.0
SECONDS = 15.0
"""After which no more queries of a slow kind are timed, once there are enough for a median."""
FEWEST = 50
TAIL_QUERIES = 1000
"""Timed for kinds that the targets are about, so that p99 is of ten values and not of three."""

Told = Callable[[str, int, int], None]


def run_gallery(options: GalleryOptions) -> dict[str, Any]:
    """Measure every kind at every size.

    Returns
    -------
    dict
        ``machine``, ``options``, ``statistics`` (generated and real), ``results`` (one dict a size and kind) and
        ``targets``. Printed as a table, too.

    Raises
    ------
    SettingsError
        A kind is not known, or the vectors do not fit into what is free in memory or on disk.
    ProcessError
        The JSON cannot be written.
    """
    from training.progress import bar

    for name in options.kinds:
        kind(name)
    limit_threads()
    found: dict[str, Any] = {"machine": machine(), "options": _options(options), "results": []}
    found["statistics"] = {"generated": generated_statistics(Generator(options.dim, options.seed))}
    real = real_statistics(options.data / "things") if options.data else None
    if real:
        found["statistics"]["real"] = real
        # the real ones are of 768 dimensions: so is what is compared with them
        found["statistics"]["generated"] = generated_statistics(Generator(768, options.seed))
    with bar() as told, tempfile.TemporaryDirectory(dir=options.work, prefix="eegseek-gallery-") as work:
        for size in options.sizes:
            _of_size(size, options, Path(work), found["results"], told)
    found["targets"] = aims(found["results"], options.target)
    show(found)
    write_json(found, options.json)
    return found


def aims(results: list[dict[str, Any]], size: int) -> list[targets.Target]:
    """The targets at a size, by the kind that ``auto`` takes there; none where that was not measured."""
    taken = [row for row in results if row["n"] == size and row["auto"]]
    if not taken:
        return []
    row = taken[0]
    name = f"{size:,} x {row['dim']}, {row['kind']}"
    return [
        targets.at_most(f"{name}: p99 of a query", P99_MS, row["p99_ms"], "ms"),
        targets.at_least(f"{name}: recall@10", GOAL, row["recall"], ""),
        targets.at_most(f"{name}: memory", MEMORY_MIB, row["memory_mib"], "MiB"),
    ]


def _of_size(size: int, options: GalleryOptions, work: Path, results: list[dict[str, Any]], told: Told) -> None:
    """Every kind at one size."""
    vectors = _vectors(size, options, work, told)
    told(f"{size:,}: exact search, to compare with", 0, 1)
    truth = Truth(vectors, options.seed, options.truths)
    told(f"{size:,}: exact search, to compare with", 1, 1)
    asked = queries(vectors, 0.4, max(options.queries, TAIL_QUERIES) + WARM_UP, options.seed + 1)
    auto = candidates(size, options.dim, free_memory())[0]
    names = options.kinds or tuple(name for name, up_to in KINDS_UP_TO.items() if size <= up_to)
    for done, name in enumerate(names):
        told(f"{size:,}: {len(names)} kinds", done, len(names))
        results.append(_of_kind(name, vectors, truth, asked, options, name == auto, told))
        gc.collect()
    told(f"{size:,}: {len(names)} kinds", len(names), len(names))
    path = Path(vectors.filename) if isinstance(vectors, np.memmap) and vectors.filename else None
    del vectors, truth
    if path:
        path.unlink()


def _vectors(size: int, options: GalleryOptions, work: Path, told: Told) -> Vectors:
    """Vectors, in a mapped file, so that what is not searched in memory takes none."""
    needed = 4 * size * options.dim
    left = os.statvfs(work)
    if needed > left.f_bavail * left.f_frsize:
        raise SettingsError(f"{size:,} vectors take {needed / 2**30:.1f} GiB on disk, more than is free in '{work}'")
    path = work / f"{size}.f32"
    made: Vectors = np.memmap(path, np.float32, "w+", shape=(size, options.dim))
    start = 0
    for piece in Generator(options.dim, options.seed).pieces(size):
        made[start : start + len(piece)] = piece
        start += len(piece)
        told(f"{size:,}: making vectors", start, size)
    return made


def _of_kind(
    name: str, vectors: Vectors, truth: Truth, asked: Vectors, options: GalleryOptions, auto: bool, told: Told
) -> dict[str, Any]:
    """One kind at one size: built, its effort chosen, timed."""
    found = kind(name)
    # as a worker holds them: in memory where the kind looks at them there
    held = np.array(vectors) if found.vectors == "memory" else vectors
    began = time.perf_counter()
    arrays = build(name, held, seed=options.seed, told=told)
    index = found.restore(arrays, held, found.efforts[0])
    took = time.perf_counter() - began
    del arrays
    for effort in found.efforts:
        if hasattr(index, "effort"):
            index.effort = effort
        recall = truth.recall(index, min(options.depth, len(vectors)))
        if min(one.at_10 for one in recall) >= GOAL:
            break
    times = _times(index, asked, options.queries if not auto else TAIL_QUERIES, min(options.depth, len(vectors)))
    return {
        "n": len(vectors),
        "dim": options.dim,
        "kind": name,
        "auto": auto,
        "effort": effort,
        "recall": min(one.at_10 for one in recall),
        "recall_by_cosine": {f"{one.cosine:g}": one.at_10 for one in recall},
        "p50_ms": float(np.quantile(times, 0.5)),
        "p99_ms": float(np.quantile(times, 0.99)),
        "timed": len(times),
        "queries_per_s": _batch_rate(index, asked, min(options.depth, len(vectors)), options.batch_s),
        "memory_mib": index.memory_bytes / 2**20,
        "mapped_mib": vectors.nbytes / 2**20 if found.vectors == "mapped" else 0.0,
        "build_s": took,
        # of those that prove their first ranks: queries where it could not be done, and which were searched exactly
        "uncertain": index.uncertain / max(index.searched, 1) if isinstance(index, EightBit) else None,
    }


def _times(index: Index, asked: Vectors, count: int, depth: int) -> list[float]:
    """Milliseconds of single queries, one after the other, each another."""
    for query in asked[:WARM_UP]:
        index.search(query[None], depth)
    times = []
    for query in asked[WARM_UP : WARM_UP + count]:
        began = time.perf_counter()
        index.search(query[None], depth)
        times.append(1000 * (time.perf_counter() - began))
        if len(times) >= FEWEST and sum(times) > 1000 * SECONDS:
            break
    return times


def _batch_rate(index: Index, asked: Vectors, depth: int, seconds: float) -> float:
    """Queries a second, in batches."""
    done, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = done % (len(asked) - BATCH)
        index.search(asked[start : start + BATCH], depth)
        done += BATCH
    return done / (time.perf_counter() - began)


def _options(options: GalleryOptions) -> dict[str, Any]:
    named = {key: getattr(options, key) for key in ("dim", "depth", "queries", "truths", "seed", "target")}
    return {**named, "sizes": list(options.sizes), "kinds": list(options.kinds) or list(TABLE)}
