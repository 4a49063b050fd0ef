"""Milvus as one more kind of index: filled and queried for real, Milvus Lite in a file or a cluster by its address."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from inference.encoders.base import Vectors
from inference.index import Rows
from inference.milvus import Kind, connect, fill
from inference.milvus_client import Place


def run_milvus(
    vectors: Vectors,
    queries: Vectors,
    true: Rows,
    *,
    address: str = "",
    kind: Kind = "HNSW",
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Fill vectors in, search them, and compare with what exact search found.

    Parameters
    ----------
    vectors
        (n, dim) float32, unit norm.
    queries, true
        (m, dim), and the rows (m, k) that exact search answers with.
    address
        Of a cluster; empty: Milvus Lite in a file that goes afterwards.
    kind
        Of index.
    progress
        Told how many vectors are in, and of how many.

    Returns
    -------
    ``kind``, ``fill_s``, ``recall``, ``p50_ms`` and ``p99_ms`` of one query, ``batch_per_s`` of all at once, and
    ``disk_bytes`` of Milvus Lite's file.

    Raises
    ------
    BundleError
        Milvus is not there, or refuses.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file, name = Path(scratch) / "bench.db", sha256(vectors[:1000].tobytes()).hexdigest()[:16]
        place = Place(address or str(file), name, *vectors.shape)
        began = time.perf_counter()
        fill(place, vectors, kind, progress)
        filled = time.perf_counter() - began
        searched = connect(place)
        try:
            k, took, right = true.shape[1], [], 0
            searched.search(queries[:1], k)
            for query, wanted in zip(queries, true, strict=True):
                began = time.perf_counter()
                rows = searched.search(query[None], k)[1][0]
                took.append(1000 * (time.perf_counter() - began))
                right += len(set(rows.tolist()) & set(wanted.tolist()))
            began = time.perf_counter()
            searched.search(queries, k)
            batch = len(queries) / (time.perf_counter() - began)
        finally:
            searched.close()
        disk = sum(path.stat().st_size for path in file.rglob("*") if path.is_file()) if file.exists() else None
    p50, p99 = np.percentile(took, (50, 99))
    return {
        "kind": f"milvus {'lite ' if not place.is_cluster else ''}{searched.kind}",
        "fill_s": filled,
        "recall": right / true.size,
        "p50_ms": float(p50),
        "p99_ms": float(p99),
        "batch_per_s": batch,
        "disk_bytes": disk,
    }
