"""Files written in one step: old or new, never torn, nothing left beside them."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from config.whole import read_whole, write_whole


class Point(BaseModel):
    """Something to write."""

    model_config = ConfigDict(extra="forbid")

    name: str
    uv: float


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    """Any text, and the new one in place of the old one."""
    path = tmp_path / "point.json"
    for point in (Point(name="Fz – ünïcode", uv=1.5), Point(name="Oz", uv=-2.0)):
        write_whole(path, point.model_dump_json(indent=1))
        assert read_whole(Point, path, 1000) == point
    assert list(tmp_path.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    """Such as one of a text that is no UTF-8: the file that was there stays, without a partial one beside it."""
    path = tmp_path / "point.json"
    write_whole(path, "{}")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "half\ud800")
    assert path.read_text() == "{}"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "{", '{"name": 1, "uv": 2}', '{"name": "Cz", "uv": 1, "more": 2}', "\x00" * 2000])
def test_what_cannot_be_read_is_none(tmp_path: Path, text: str) -> None:
    """Torn, foreign, or larger than allowed."""
    path = tmp_path / "point.json"
    path.write_text(text)
    assert read_whole(Point, path, 1000) is None


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    """Neither is an error."""
    assert read_whole(Point, tmp_path / "none.json", 1000) is None
