"""What a guided session reads again, written by somebody else: one sentence, or nothing, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.errors import EegseekError
from config.guide import MAX_BYTES
from display.presenter import log
from eegseek.session.place import read_ask
from eegseek.session.setup import SESSION_JSON

NESTED = b"[" * 200_000


@pytest.mark.parametrize("line", [NESTED, b'{"event": ', b"[]", b"\xff\xfe", b"null"])
def test_a_presenters_log_of_something_else_is_refused(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "presented-1.jsonl"
    file.write_bytes(line + b"\n")
    with pytest.raises(EegseekError, match="presented-1"):
        log.read_log(file)


def test_a_presenters_log_without_end_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MAX_BYTES", 100)
    file = tmp_path / "presented-1.jsonl"
    file.write_bytes(b'{"event": "begin"}\n' * 10)
    with pytest.raises(EegseekError, match="presented-1"):
        log.read_log(file)


@pytest.mark.parametrize("data", [NESTED, b"{}", b"\xff", b" " * (MAX_BYTES + 1)])
def test_what_a_session_was_asked_to_be_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / SESSION_JSON).write_bytes(data)
    with pytest.raises(EegseekError, match=r"session\.json"):
        read_ask(tmp_path)
