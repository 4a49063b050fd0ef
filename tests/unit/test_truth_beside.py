"""The truth that stands in a converted copy is taken where the gallery knows its pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from config.bundles import Item
from eegseek.dataset_files import truth_beside
from inference.gallery import write_gallery


def test_it_is_taken_where_the_gallery_holds_a_picture_of_it(tmp_path: Path) -> None:
    items = [Item(id=f"i{k}", label=f"l{k}") for k in range(3)]
    write_gallery(tmp_path / "g", items, np.eye(3, dtype=np.float32), space="s", model="m")
    path = tmp_path / "truth.json"
    assert truth_beside(str(tmp_path), tmp_path / "g") is None
    for named, wanted in ({"a": "i1", "b": "zz"}, path), ({"a": "zz"}, None), ({}, None):
        path.write_text(json.dumps({"format": "eegseek-session", "version": 1, "truth": named}))
        assert truth_beside(str(tmp_path), tmp_path / "g") == wanted
        assert truth_beside(str(tmp_path), None) is None
