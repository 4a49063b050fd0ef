"""Edited galleries over every kind of index: what was removed never comes back, what was added is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from config.bundles import Item
from config.index_kinds import AskedIndex
from inference import gallery_edit
from inference.encoders.base import unit_norm
from inference.gallery import write_gallery
from inference.gallery_index import index_gallery
from inference.gallery_version import Version

N, DIM = 1500, 32


@pytest.mark.parametrize("kind", ["flat", "8bit", "ivf", "pq", "hnsw", "binary", "disk"])
def test_over_any_index(tmp_path: Path, kind: AskedIndex) -> None:
    rng = np.random.default_rng(0)
    rows = unit_norm(rng.standard_normal((N + 60, DIM)))
    items = [Item(id=f"i{k}", label=f"i{k}") for k in range(N + 60)]
    write_gallery(tmp_path / "g", items[:N], rows[:N], space="s", model="m")
    index_gallery(tmp_path / "g", kind)
    gone = {f"i{k}" for k in range(0, N, 7)}
    gallery_edit.edit(tmp_path / "g", items[N:], rows[N:], remove=sorted(gone))
    gallery = gallery_edit.serving(tmp_path / "g", kind)
    assert isinstance(gallery, Version)
    there = {item.id: row for item, row in zip(items, rows, strict=True) if item.id not in gone}
    assert len(gallery) == len(there)
    queries = unit_norm(rows[N - 20 : N + 20] + 0.1 * rng.standard_normal((40, DIM)))
    found, right = gallery.search(queries, 10), 0
    names, vectors = list(there), np.stack(list(there.values()))
    for query, cosines, best in zip(queries, *found, strict=True):
        hits = [gallery.items[row].id for row in best]
        assert len(set(hits)) == 10
        assert not set(hits) & gone, "removed, and answered"
        assert np.allclose([there[hit] @ query for hit in hits], cosines, atol=0.02)
        right += len(set(hits) & {names[k] for k in np.argsort(-(vectors @ query))[:10]})
    assert right / 400 >= 0.9
    own = gallery.search(rows[N:], 1)[1][:, 0]
    assert [gallery.items[row].id for row in own] == [f"i{N + k}" for k in range(60)], "added, and not found"
    before = gallery.search(queries, 256)
    after = gallery_edit.load(tmp_path / "g").search(queries, 256)
    assert before[0].shape == after[0].shape == (40, 256)
