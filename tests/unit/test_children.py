"""What the supervisor does with a child that ends, hangs or never starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from config.settings import RunSettings, Settings
from eegseek.children import Child, may_start, verdict
from eegseek.supervise import table

LIMITS = RunSettings(start_s=10, hung_s=5, restarts=2)


def child(role: str = "inference", heard_s: float | None = 100.0, restarts: int = 0) -> Child:
    return Child("c", role, started_s=95.0, heard_s=heard_s, restarts=restarts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("who", "returncode", "now_s", "action"),
    [
        (child(), None, 104.0, "go_on"),
        (child(), None, 105.5, "kill_and_restart"),
        (child(restarts=2), None, 105.5, "give_up"),
        (child(heard_s=None), None, 104.0, "go_on"),
        (child(heard_s=None), None, 105.5, "give_up"),
        (child(), 0, 100.0, "finished"),
        (child(), 1, 100.0, "give_up"),
        (child(), 2, 100.0, "give_up"),
        (child(), -9, 100.0, "restart"),
        (child(restarts=2), -9, 100.0, "give_up"),
        (child(), 134, 100.0, "restart"),
        (child("source", None), None, 1e6, "go_on"),
        (child("source"), -9, 100.0, "give_up"),
        (child("display"), -9, 100.0, "restart"),
        (child("display", heard_s=None), 1, 100.0, "give_up"),
        (child("display"), 1, 100.0, "leave"),  # it had shown the session: that goes on without it
        (child("display", restarts=2), -9, 100.0, "leave"),
        (child("display", restarts=2), None, 105.5, "leave"),
    ],
)
def test_verdict(who: Child, returncode: int | None, now_s: float, action: str) -> None:
    got, why = verdict(who, returncode, now_s, LIMITS)
    assert got == action
    assert bool(why) == (action != "go_on")


def test_a_spare_waits_until_a_worker_is_ready() -> None:
    spare = Child("spare", "inference", spare=True)
    worker, display = child(heard_s=None), child("display")
    assert may_start(worker, [worker, spare, display])
    assert not may_start(spare, [worker, spare, display])  # the display's word is not a worker's
    worker.heard_s = 96.0
    assert may_start(spare, [worker, spare, display])


def test_who_awaits_a_file_starts_once_it_is_there() -> None:
    worker = Child("w", "inference", awaits="bundle/encoder.json")
    spare = Child("s", "inference", spare=True, awaits="bundle/encoder.json")
    made: set[str] = set()
    assert not may_start(worker, [worker, spare], made.__contains__)
    made.add("bundle/encoder.json")
    assert may_start(worker, [worker, spare], made.__contains__)
    assert not may_start(spare, [worker, spare], made.__contains__)
    worker.heard_s = 1.0
    assert may_start(spare, [worker, spare], made.__contains__)


def test_workers_of_a_session_that_calibrates_await_its_encoder(tmp_path: Path) -> None:
    for calibrate, awaited in ((True, str(tmp_path / "made" / "encoder.json")), (False, "")):
        settings = Settings(session={"calibrate": calibrate}, inference={"encoder": str(tmp_path / "made")})
        children = table(settings, tmp_path / "settings.json", headless=True)
        assert {c.awaits for c in children if c.role == "inference"} == {awaited}
        assert {c.awaits for c in children if c.role != "inference"} == {""}
