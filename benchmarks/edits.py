"""``eegseek bench edits``: what it costs to edit a gallery that serves, and to search one that was edited.

Searches are as live ones: the two rows of a window, at rest between them, for as many neighbours as answers are scored
by. Beside each figure stands the same before any edit, from the same process.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks import targets
from benchmarks.machine import machine, machine_line
from benchmarks.reporting import write_json
from config.bundles import Item
from config.gallery_log import read_log
from inference import gallery_compact, gallery_edit, index, score
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery, write_gallery
from inference.gallery_version import version

SLOWER = 1.5
"""Most that a search may take longer after the edits."""
WARM_UP = 10
Say = Callable[[str], None]


@dataclass(frozen=True)
class EditsOptions:
    """What is measured.

    Attributes
    ----------
    sizes
        Items of the galleries.
    dim
        Of their vectors.
    edits, each
        How many edits, and how many items each of them adds and removes.
    searches
        How many are timed, before and after.
    rest_s
        Between two searches, as between windows.
    json
        Where the result is written, too.
    """

    sizes: tuple[int, ...] = (16_540, 100_000)
    dim: int = 512
    edits: int = 20
    each: int = 50
    searches: int = 200
    rest_s: float = 0.01
    seed: int = 0
    json: Path | None = None


def run_edits(options: EditsOptions, say: Say | None = None) -> dict[str, Any]:
    """Measure, print a table, and write the JSON.

    Returns
    -------
    ``machine``, ``options``, ``rows`` (one a size; times in ms, folding and compacting in s) and ``targets``.
    """
    say = say or Console(stderr=True).print
    index.limit_threads()
    rows = []
    for size in options.sizes:
        say(f"a gallery of {size:,} x {options.dim}: {options.edits} edits of {options.each} items in and out")
        with tempfile.TemporaryDirectory() as scratch:
            rows.append(_size(Path(scratch) / "gallery", size, options))
    wrong = sum(row["wrong"] for row in rows)
    goals = [
        targets.at_most(f"search after edits / before, {row['items']:,}", SLOWER, row["ratio"], "×") for row in rows
    ]
    goals.append(targets.at_most("answers that differ from those of a gallery made anew", 0, float(wrong), "answers"))
    plain = {**options.__dict__, "json": str(options.json or "")}
    found = {"machine": machine(), "options": plain, "rows": rows, "targets": goals}
    _show(found)
    write_json(found, options.json)
    return found


def _size(folder: Path, size: int, options: EditsOptions) -> dict[str, Any]:
    rng = np.random.default_rng(options.seed)
    items = [Item(id=f"i{k}", label=f"i{k}") for k in range(size)]
    write_gallery(folder, items, _vectors(rng, size, options.dim), space="bench", model="random")
    served: Gallery = Gallery.load(folder)
    queries = [_vectors(rng, 2, options.dim) for _ in range(options.searches)]
    base = served
    written, followed, log = [], [], None
    for number in range(options.edits):
        new = [Item(id=f"n{number}-{k}", label="new") for k in range(options.each)]
        gone = [f"i{number * options.each + k}" for k in range(options.each)]
        vectors = _vectors(rng, options.each, options.dim)
        written.append(_timed(partial(gallery_edit.edit, folder, new, vectors, remove=gone))[1])
        log = read_log(folder, after=log)
        served, took = _timed(partial(version(served).edited, log.edits[-1:]))
        followed.append(took)
    before, after = _searches((base, served), queries, options.rest_s)
    anew, folding = _timed(version(served).folded)
    wrong = sum(_names(served, query) != _names(anew, query) for query in queries)
    _, compacting = _timed(partial(gallery_compact.compact, folder))
    return {
        "items": size,
        "edited": 2 * options.edits * options.each,
        "search_before_ms": before,
        "search_after_ms": after,
        "ratio": after["p50"] / before["p50"],
        "written_ms": median(written),
        "followed_ms": median(followed),
        "fold_s": folding / 1000,
        "compact_s": compacting / 1000,
        "wrong": wrong,
    }


def _vectors(rng: np.random.Generator, n: int, dim: int) -> Vectors:
    return unit_norm(rng.standard_normal((n, dim), dtype=np.float32))


def _searches(galleries: Sequence[Gallery], queries: list[Vectors], rest_s: float) -> list[dict[str, float]]:
    """Times of each gallery, in turns."""
    took: list[list[float]] = [[] for _ in galleries]
    for number, query in enumerate(queries):
        for times, gallery in zip(took, galleries, strict=True):
            time.sleep(rest_s)
            spent = _timed(partial(gallery.search, query, score.DEPTH))[1]
            if number >= WARM_UP:
                times.append(spent)
    return [{"p50": float(np.percentile(times, 50)), "p99": float(np.percentile(times, 99))} for times in took]


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and ms."""
    began = time.perf_counter()
    given = work()
    return given, 1000 * (time.perf_counter() - began)


def _names(gallery: Gallery, query: Vectors) -> list[list[str]]:
    """The ten best items of each row."""
    return [[gallery.items[row].id for row in best] for best in gallery.search(query, 10)[1].tolist()]


def _show(found: dict[str, Any]) -> None:
    drawn = Table(title=machine_line(found["machine"]), title_justify="left")
    for name in ("items", "edited", "before p50 / p99 ms", "after p50 / p99 ms", "write ms", "follow ms", "fold s",
                 "compact s", "wrong"):  # fmt: skip
        drawn.add_column(name, justify="right")
    for row in found["rows"]:
        spans = (f"{row[name]['p50']:.2f} / {row[name]['p99']:.2f}" for name in ("search_before_ms", "search_after_ms"))
        rest = (f"{row[name]:.2f}" for name in ("written_ms", "followed_ms", "fold_s", "compact_s"))
        drawn.add_row(f"{row['items']:,}", str(row["edited"]), *spans, *rest, str(row["wrong"]))
    Console().print(drawn, targets.table(found["targets"]))
