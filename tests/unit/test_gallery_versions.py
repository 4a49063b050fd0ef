"""What a display knows of a gallery that is edited, and compacted, while it watches."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from config.bundles import Item, fingerprint, read_gallery_spec
from config.settings import Settings
from display.gallery_versions import Versions
from display.truth import read_truth
from inference import gallery_compact, gallery_edit
from inference.gallery import write_gallery


def edit(folder: Path, add: str = "", remove: str = "") -> str:
    items = [Item(id=name, label=f"label {name}") for name in add]
    return gallery_edit.edit(folder, items, np.random.default_rng(0).random((len(items), 4)), remove=list(remove))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    items = [Item(id=name, label=f"label {name}") for name in "abcd"]
    write_gallery(tmp_path / "g", items, np.eye(4, dtype=np.float32), space="s", model="m")
    return tmp_path / "g"


def test_versions_come_as_the_gallery_is_edited(folder: Path) -> None:
    before = edit(folder, add="e", remove="a")
    versions = Versions(folder, read_gallery_spec(folder))
    base = fingerprint(read_gallery_spec(folder))
    assert versions.first == before
    assert versions.knows(base)
    assert (versions.holds(base, "a"), versions.holds(base, "e"), versions.size(base)) == (True, False, 4)
    assert (versions.holds(before, "a"), versions.holds(before, "e"), versions.size(before)) == (False, True, 4)
    assert not versions.knows("0" * 16)
    again = edit(folder, add="af", remove="eb")
    assert versions.knows(again)
    assert [name for name in "abcdefg" if versions.holds(again, name)] == list("acdf")
    assert versions.holds(before, "e"), "older versions stay what they were"
    assert versions.size(again) == 4
    assert versions.labels["f"] == "label f"
    last = edit(folder, remove="af")
    assert versions.knows(last)
    assert [name for name in "abcdef" if versions.holds(last, name)] == list("cd")


def test_compaction_changes_nothing(folder: Path) -> None:
    versions = Versions(folder, read_gallery_spec(folder))
    first = edit(folder, add="e")
    assert versions.knows(first)
    gallery_compact.compact(folder)
    second = edit(folder, remove="a")
    assert versions.knows(second)
    assert [name for name in "abcde" if versions.holds(second, name)] == list("bcde")
    # edited and compacted, unseen
    third = edit(folder, add="f")
    gallery_compact.compact(folder)
    fourth = edit(folder, remove="e")
    assert versions.knows(third)
    assert versions.knows(fourth)
    assert [name for name in "abcdef" if versions.holds(third, name)] == list("bcdef")
    assert [name for name in "abcdef" if versions.holds(fourth, name)] == list("bcdf")
    assert (versions.size(third), versions.size(fourth)) == (5, 4)


def test_another_gallery_in_its_place_is_foreign(folder: Path) -> None:
    versions = Versions(folder, read_gallery_spec(folder))
    name = edit(folder, add="e")
    assert versions.knows(name)
    write_gallery(folder, [Item(id="z", label="z")], np.ones((1, 4), np.float32), space="s", model="m")
    other = edit(folder, add="e")
    assert not versions.knows(other)
    assert not versions.knows(fingerprint(read_gallery_spec(folder)))
    assert versions.knows(name)


def test_answers_are_judged_by_what_their_version_held(folder: Path, tmp_path: Path) -> None:
    truth = {"format": "eegseek-session", "version": 1, "truth": {"1": "a", "2": "b", "9": "z"}}
    (tmp_path / "t.json").write_text(json.dumps(truth))
    first = edit(folder, remove="b")
    given = {"session": {"truth": str(tmp_path / "t.json")}, "inference": {"gallery": str(folder)}}
    found = read_truth(Settings.model_validate(given))
    assert (found.gallery, found.n_items, found.of) == (first, 3, {"1": "a"})
    assert found.notes == ("2 of 3 true items are not in the gallery and count in no accuracy",)
    second = edit(folder, add="zb", remove="a")
    assert found.judges(first)
    assert found.judges(second)
    assert not found.judges("0" * 16)
    assert [found.item(marker, first) for marker in "129x"] == ["a", None, None, None]
    assert [found.item(marker, second) for marker in "129x"] == [None, "b", "z", None]
    assert found.labels["z"] == "label z"
    assert read_truth(Settings.model_validate({"inference": given["inference"]})).gallery == second
