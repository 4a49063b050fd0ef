"""Truth: which marker is which item, and what chance is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from config.bundles import Item, fingerprint, read_gallery_spec
from config.errors import BundleError
from config.settings import DisplaySettings, InferenceSettings, SessionSettings, Settings
from display.truth import read_truth
from inference.gallery import write_gallery


@pytest.fixture
def gallery(tmp_path: Path) -> Path:
    items = [Item(id=f"i{k}", label=f"item {k}") for k in range(4)]
    write_gallery(tmp_path / "gallery", items, np.eye(4, dtype=np.float32), space="test", model="test")
    return tmp_path / "gallery"


def settings(tmp_path: Path, gallery: Path | None, truth: dict[str, str] | None) -> Settings:
    file = tmp_path / "session.json"
    if truth is not None:
        file.write_text(json.dumps({"format": "eegseek-session", "version": 1, "truth": truth}))
    return Settings(
        session=SessionSettings(truth=str(file) if truth is not None else ""),
        inference=InferenceSettings(gallery=str(gallery or "")),
        display=DisplaySettings(),
    )


def test_markers_items_labels_and_size(tmp_path: Path, gallery: Path) -> None:
    found = read_truth(settings(tmp_path, gallery, {"a": "i0", "b": "i3"}))
    assert found.of == {"a": "i0", "b": "i3"}
    assert found.labels["i3"] == "item 3"
    assert (found.n_items, found.unknown, found.notes) == (4, "", ())
    assert found.gallery == fingerprint(read_gallery_spec(gallery))


def test_without_a_session_file_the_truth_is_unknown_and_chance_is_not(tmp_path: Path, gallery: Path) -> None:
    found = read_truth(settings(tmp_path, gallery, None))
    assert "truth unknown" in found.unknown
    assert (found.of, found.n_items) == ({}, 4)
    assert "truth unknown" in read_truth(settings(tmp_path, gallery, {})).unknown
    assert read_truth(Settings()).n_items is None


def test_items_that_the_gallery_lacks_count_in_no_accuracy(tmp_path: Path, gallery: Path) -> None:
    found = read_truth(settings(tmp_path, gallery, {"a": "i0", "b": "elsewhere"}))
    assert found.of == {"a": "i0"}
    assert found.notes == ("1 of 2 true items are not in the gallery and count in no accuracy",)


def test_a_session_file_of_another_gallery_is_refused(tmp_path: Path, gallery: Path) -> None:
    with pytest.raises(BundleError, match=r"names items such as 'x'.*has none of them"):
        read_truth(settings(tmp_path, gallery, {"a": "x"}))


def test_a_missing_session_file_is_refused(tmp_path: Path, gallery: Path) -> None:
    wrong = settings(tmp_path, gallery, None)
    session = wrong.session.model_copy(update={"truth": str(tmp_path / "none.json")})
    with pytest.raises(BundleError, match="cannot be read"):
        read_truth(wrong.model_copy(update={"session": session}))
