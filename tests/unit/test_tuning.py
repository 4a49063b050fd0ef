"""What a process asks of the machine: taken where it is allowed, and no harm where it is not."""

from __future__ import annotations

import gc
import os
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from config.settings import RunSettings
from wire import tuning


def test_processors_are_asked_to_stay_awake_and_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "latency"
    file.touch()
    monkeypatch.setattr(tuning, "QOS", str(file))
    awake = tuning.Awake()
    awake.hold()  # not open: nothing happens
    assert not awake.held
    assert awake.open()
    for step in (awake.hold, awake.hold, awake.rest, awake.rest):
        step()
    assert not awake.held
    written = [number for (number,) in struct.iter_unpack("i", file.read_bytes())]
    assert written == [tuning.ANY_LATENCY_US, 0, tuning.ANY_LATENCY_US]
    awake.close()
    awake.close()


def test_where_it_is_not_allowed_nothing_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "QOS", str(tmp_path / "absent"))
    awake = tuning.Awake()
    assert not awake.open()
    awake.hold()
    awake.rest()
    awake.close()


def test_memory_is_kept_by_glibc() -> None:
    # in a process of its own: it cannot be taken back
    code = "import sys; from wire import tuning; sys.exit(0 if tuning.keep_memory() else 3)"
    done = subprocess.run([sys.executable, "-c", code], timeout=60, check=False)
    assert done.returncode == (0 if sys.platform == "linux" and "glibc" in os.confstr("CS_GNU_LIBC_VERSION") else 3)


def test_the_collector_waits_until_it_is_told() -> None:
    try:
        tuning.hold_collector()
        assert not gc.isenabled()
        tuning.collect()
    finally:
        gc.unfreeze()
        gc.enable()


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="this system has no such priorities")
def test_priority_is_for_live_runs_that_ask_for_it() -> None:
    before = os.sched_getscheduler(0)
    asked = RunSettings(realtime=True)
    tuning.settle(RunSettings(), live=True)
    tuning.settle(asked, live=False)
    assert os.sched_getscheduler(0) == before
    tuning.may_prioritise()
    assert os.sched_getscheduler(0) == before
