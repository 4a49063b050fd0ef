"""The session's log: JSON lines, whole whoever writes, rotated by one, private; and a short console."""

from __future__ import annotations

import io
import json
import logging
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from config.errors import JournalError
from wire import logs
from wire.logs import JsonLines, OneLine, SessionFile, rotate


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "session.log"


@pytest.fixture
def log(file: Path) -> Iterator[logging.Logger]:
    made = logging.Logger("acquisition.test")
    handler = SessionFile(file)
    handler.setFormatter(JsonLines("acquisition"))
    made.addHandler(handler)
    yield made
    handler.close()


def lines(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()]


def test_a_line_says_who_when_and_what(log: logging.Logger, file: Path) -> None:
    log.warning("a message was dropped (%d so far): %s", 2, "garbage\nin two lines")
    (line,) = lines(file)
    assert (line["process"], line["level"], line["logger"]) == ("acquisition", "warning", "acquisition.test")
    assert line["message"] == "a message was dropped (2 so far): garbage\nin two lines"
    assert isinstance(line["mono_s"], float) and isinstance(line["pid"], int)
    assert str(line["time"]).startswith("2") and "T" in str(line["time"]) and str(line["time"])[-6] in "+-"
    assert "code" not in line and "traceback" not in line
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_an_error_of_ours_brings_its_code_and_a_crash_its_traceback(log: logging.Logger, file: Path) -> None:
    log.error("%s", JournalError("the disk is full"))
    try:
        raise JournalError("again")
    except JournalError:
        log.exception("it went wrong")
    first, second = lines(file)
    assert (first["message"], first["code"]) == ("the disk is full", "E500")
    assert second["code"] == "E500"
    assert str(second["traceback"]).startswith("Traceback") and "JournalError: again" in str(second["traceback"])


def test_half_characters_and_long_messages_are_written(log: logging.Logger, file: Path) -> None:
    log.warning("\ud800 %s", "x" * 100_000)
    (line,) = lines(file)
    assert str(line["message"]).startswith("? xxx") or "\\ud800" in file.read_text()
    assert len(str(line["message"])) <= logs.MAX_MESSAGE + 1


def test_lines_of_many_writers_never_mix_though_one_of_them_rotates(file: Path) -> None:
    def write(name: str, rotates: bool) -> None:
        handler = SessionFile(file)
        handler.setFormatter(JsonLines(name))
        made = logging.Logger(name)
        made.addHandler(handler)
        for k in range(200):
            made.warning("%d %s", k, "y" * 300)
            if rotates and k % 10 == 9:
                rotate(file, 2000, 100)
        handler.close()

    writers = [threading.Thread(target=write, args=(f"w{n}", n == 0)) for n in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    there = sorted(file.parent.iterdir())
    assert len(there) > 2
    found = [line for part in there for line in lines(part)]
    assert len(found) == 800
    assert {(str(line["process"]), str(line["message"]).split()[0]) for line in found} == {
        (f"w{n}", str(k)) for n in range(4) for k in range(200)
    }


def test_rotation_keeps_so_many(file: Path) -> None:
    for k in range(5):
        file.write_text(f"{k}" * 10)
        assert not rotate(file, 11, 2)
        assert rotate(file, 10, 2)
    assert not rotate(file, 10, 2), "there is none now"
    assert {path.name: path.read_text()[0] for path in file.parent.iterdir()} == {
        "session.log.1": "4",
        "session.log.2": "3",
    }
    file.write_text("x")
    assert rotate(file, 1, 0)
    assert not file.exists()


def test_a_log_that_cannot_be_written_is_said_once_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = io.StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    handler = SessionFile(tmp_path / "nowhere" / "session.log")
    handler.setFormatter(JsonLines("w"))
    made = logging.Logger("w")
    made.addHandler(handler)
    made.error("one")
    made.error("two")
    assert said.getvalue().count("cannot be written") == 1


def record(message: str, *args: object) -> logging.LogRecord:
    return logging.LogRecord("acquisition", logging.ERROR, "", 0, message, args, None)


def test_the_console_gets_one_line_with_the_code() -> None:
    form = OneLine("acquisition")
    assert form.format(record("%s", JournalError("the disk is full"))) == "acquisition: the disk is full [E500]"
    assert form.format(record("two\nlines")) == "acquisition: two"
    assert form.format(record("kept: %s", JournalError("no [E999]"))) == "acquisition: kept: no [E999]"
    assert form.format(record("")) == "acquisition: "


def test_a_session_writes_while_it_lasts(file: Path) -> None:
    mine = logging.getLogger("eegseek.test")
    before = list(logging.getLogger().handlers)
    with logs.session("eegseek", file):
        mine.info("begun")
    mine.info("after")
    assert [line["message"] for line in lines(file)] == ["begun"]
    with pytest.raises(ZeroDivisionError), logs.session("eegseek", file):
        1 / 0  # noqa: B018
    assert "ZeroDivisionError" in str(lines(file)[-1]["traceback"])
    assert logging.getLogger().handlers == before


def test_what_a_thread_does_not_catch_is_logged(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def breaks() -> None:
        raise JournalError("in a thread")

    before = threading.excepthook
    threading.excepthook = logs._uncaught_in_thread
    try:
        with logs.session("acquisition", file):
            thread = threading.Thread(target=breaks, name="reader")
            thread.start()
            thread.join()
    finally:
        threading.excepthook = before
    (line,) = lines(file)
    assert (line["level"], line["code"]) == ("critical", "E500")
    assert "in thread reader" in str(line["message"]) and "in a thread" in str(line["traceback"])
    assert "Traceback" in capsys.readouterr().err
