"""Deleting a session: the whole of it, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from config.errors import PathError
from eegseek.cli import app


@pytest.fixture
def session(tmp_path: Path) -> Path:
    folder = tmp_path / "sessions" / "p01"
    (folder / "logs").mkdir(parents=True)
    (folder / "segment-0000.esj").write_bytes(b"journal")
    (folder / "settings.json").write_text("{}")
    (folder / "logs" / "session.log").write_text("")
    (tmp_path / "sessions" / "p02").mkdir()
    (tmp_path / "sessions" / "p02" / "segment-0000.esj").write_bytes(b"another")
    return folder


def forget(*arguments: str, said: str = "") -> tuple[int, str]:
    ran = CliRunner().invoke(app, ["forget", *arguments], input=said)
    if ran.exception is not None and not isinstance(ran.exception, SystemExit):
        raise ran.exception
    return ran.exit_code, ran.output


def test_a_session_is_deleted_whole_and_its_neighbour_is_not(session: Path) -> None:
    code, words = forget(str(session), "--yes")
    assert code == 0 and "3 files" in words
    assert not session.exists()
    assert (session.parent / "p02" / "segment-0000.esj").exists()


@pytest.mark.parametrize(("said", "gone"), [("y\n", True), ("n\n", False), ("\n", False), ("", False)])
def test_it_asks_first(session: Path, said: str, gone: bool) -> None:
    code, _ = forget(str(session), said=said)
    assert session.exists() is not gone
    assert code == (0 if gone else 1)


def test_what_is_no_session_is_left_alone(session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "thesis.txt").write_text("")
    (session.parent / "segment-0000.esj").write_bytes(b"lost journal")
    (session / "link").symlink_to(tmp_path / "notes")
    link = tmp_path / "p"
    link.symlink_to(session)
    for folder, words in (
        (tmp_path / "notes", "no session's folder"),
        (tmp_path / "nowhere", "is no folder"),
        (link, "is no folder"),
        (session.parent, "holds other sessions"),
    ):
        with pytest.raises(PathError, match=words):
            forget(str(folder), "--yes")
    monkeypatch.chdir(session / "logs")
    with pytest.raises(PathError, match="you are in"):
        forget(str(session), "--yes")
    monkeypatch.chdir(tmp_path)
    with (session / "segment-0000.esj").open("rb"), pytest.raises(PathError, match="in use by process"):
        forget(str(session), "--yes")
    forget(str(session), "--yes")
    assert not session.exists() and (tmp_path / "notes" / "thesis.txt").exists()  # links are not followed
