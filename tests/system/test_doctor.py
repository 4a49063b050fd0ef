"""The doctor on this machine, and what it says when something is wrong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from eegseek import doctor
from eegseek.doctor import Check, diagnose, show, table
from wire import lsl_scope

lsl_scope.restrict()
pytestmark = pytest.mark.timeout(180)


def test_everything_is_looked_at_and_works_here() -> None:
    checks = diagnose()
    assert [c.what for c in checks] == [
        "Python",
        "packages",
        "torch",
        "liblsl",
        "LSL discovery on this machine",
        "clocks",
        "BrainFlow",
        "GPU",
        "ZeroMQ",
        "latency",
        "disk",
    ]
    failed = [check for check in checks if check.state == "fail"]
    assert not failed
    assert all(check.mend for check in checks if check.state != "ok")
    assert "4 of 4" in checks[4].seen


def test_other_versions_are_named(tmp_path: Path) -> None:
    path = tmp_path / "constraints.txt"
    path.write_text("# tested\nnumpy==0.1\nsetuptools==1.2 ; python_version < '3.12'\nno-such-package==1\n")
    check = doctor._packages(path)
    assert check.state == "warn"
    assert "2 of 3" in check.seen
    assert "(tested 0.1)" in check.seen
    assert doctor._packages(tmp_path / "none").state == "warn"


def test_a_torch_that_does_not_match_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_version", {"torch": "2.11.0+cu130", "torchvision": "0.26.0"}.get)
    check = doctor._torch_set()
    assert check.state == "fail"
    assert "torchaudio missing" in check.seen
    assert "torchaudio==2.11.0" in check.mend


def test_streams_that_are_not_found_fail_with_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    import pylsl

    monkeypatch.setattr(pylsl, "resolve_byprop", lambda *_: [])
    check = doctor._discovery()
    assert (check.state, check.seen[:6]) == ("fail", "0 of 4")
    assert "KnownPeers" in check.mend


def test_a_clock_that_is_not_shared_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    import pylsl

    monkeypatch.setattr(pylsl, "local_clock", time.time)
    assert doctor._clocks().state == "fail"


def test_a_full_disk_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("U", (), {"free": 1 << 28})())
    check = doctor._disk(Path.cwd())
    assert check.state == "fail"
    assert "session.folder" in check.mend


@contextmanager
def printed() -> Iterator[Any]:
    out = io.StringIO()
    yield Console(file=out, width=200), out


def test_the_table_shows_state_and_mend_and_failure_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    bad = [Check("a", "ok", "[lab] fine"), Check("b", "fail", "broken", "mend it")]
    with printed() as (console, out):
        console.print(table(bad))
        assert "[lab] fine" in out.getvalue()
        assert "mend it" in out.getvalue()
    assert not show(bad)
    assert show(bad[:1])
    assert "fine" in capsys.readouterr().out
