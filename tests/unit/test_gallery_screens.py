"""What ``eegseek gallery`` shows, and its lists of numbers."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from config.bundles import Item
from config.errors import SettingsError
from eegseek.gallery_screens import info, migrated, numbers
from inference.gallery import Gallery, write_gallery
from inference.migrate import Error


def test_numbers_are_counted_on() -> None:
    assert numbers("4, 6,8,10", "--layers") == (4, 6, 8, 10)
    assert numbers("1,3,9,15,…,63", "--blur") == (1, 3, 9, 15, 21, 27, 33, 39, 45, 51, 57, 63)
    assert numbers("1,2,...,4", "--layers") == (1, 2, 3, 4)
    assert numbers("", "--layers") == ()


@given(st.integers(1, 50), st.integers(1, 9), st.integers(3, 20))
def test_an_ellipsis_stands_for_equal_steps(first: int, step: int, count: int) -> None:
    whole = tuple(range(first, first + step * count, step))
    assert numbers(f"{whole[0]},{whole[1]},…,{whole[-1]}", "--blur") == whole


@pytest.mark.parametrize("text", ["a", "1,-3", "1.5", "…,3", "3,…,9", "1,3,…", "1,3,…,8", "9,3,…,63", "9,15,…,3"])
def test_lists_that_are_none(text: str) -> None:
    with pytest.raises(SettingsError, match="--blur"):
        numbers(text, "--blur")


def drawn(what: object) -> str:
    screen = Console(file=io.StringIO(), width=120)
    screen.print(what)
    return screen.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_info_tells_what_a_gallery_holds(tmp_path: Path) -> None:
    items = [Item(id=f"p{k}", label="cat") for k in range(9)] + [Item(id="w", label="[b]dog", modality="text")]
    sets = {"blurs": (("1", "9"), np.ones((10, 2, 3), np.float16))}
    vectors = np.random.default_rng(0).standard_normal((10, 4))
    notes = {"held-out error": {"cosine": 0.91234567}}
    write_gallery(tmp_path / "g", items, vectors, space="s:4", model="me", features=sets, notes=notes)
    text = drawn(info(tmp_path / "g", Gallery.load(tmp_path / "g")))
    for part in ("s:4", "me", "10 (image 9, text 1)", "blurs", "1, 9 (3-d)", "cosine 0.9123", "p4", "[b]dog"):
        assert part in text
    assert "p5" not in text


def test_a_bad_migration_is_said_to_be_bad() -> None:
    good = Error(100, 5, 0.95, 0.02, 0.9, 0.99, 0.01, 0.05)
    bad = Error(100, 5, 0.35, 0.2, 0.1, 0.2, 0.01, 0.05)
    assert "embed the pictures again" in drawn(migrated(bad)) and "0.0100" in drawn(migrated(bad))
    assert "embed the pictures again" not in drawn(migrated(good))
