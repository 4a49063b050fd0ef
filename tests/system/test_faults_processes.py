"""Faults injected for real: the rows about processes, disk, ports, clock and endurance, shorter than the short form."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from benchmarks.faults import clock, endurance, processes, table, workers

ROWS = table.of_kind("processes")


@pytest.mark.parametrize("entry", ROWS, ids=map(table.name_of, ROWS))
def test_what_must_happen_happens(entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "KILLS", 2)  # one right after an answer, one between two
    monkeypatch.setattr(workers, "KILLS_ALONE", 2)
    monkeypatch.setattr(workers, "STOPPED_S", 3.0)
    monkeypatch.setattr(processes, "KILLS", 2)
    monkeypatch.setattr(endurance, "TEN_MINUTES_S", 300.0)
    monkeypatch.setattr(endurance, "MINUTE_S", 25.0)
    monkeypatch.setattr(endurance, "WARM_S", 8.0)
    # how fast and how flat is measured by the benchmark; a test on a busy machine asks what becomes of the windows
    monkeypatch.setattr(workers, "WITH_SPARE_S", 30.0)
    monkeypatch.setattr(workers, "ALONE_S", 60.0)
    monkeypatch.setattr(workers, "AGE_S", 60.0)
    monkeypatch.setattr(processes, "BEFORE", 5)
    monkeypatch.setattr(processes, "REAL_S", 2.0)
    monkeypatch.setattr(processes, "FAST_S", 6.0)
    monkeypatch.setattr(clock, "STEADY", 15)
    monkeypatch.setattr(clock, "FLOWS_S", 60.0)
    monkeypatch.setattr(endurance, "DRIFT_MS", 1000.0)
    for module in (processes, clock):
        monkeypatch.setattr(module, "not_worse", lambda before_ms, after_ms: True)
    for module in (processes, endurance):
        monkeypatch.setattr(module, "GROWTH", 0.1)
    row = table.load(entry)(tmp_path / "p", True)
    assert row.passed, row
    assert row.measured


CHILD = "import sys, time; from wire import lifeline; print(lifeline.watch(), flush=True); time.sleep(60)"
PARENT = f"""
import os, subprocess, sys, time
from wire.lifeline import Lifeline
line = Lifeline()
line.open()
child = subprocess.Popen([sys.executable, "-c", {CHILD!r}], pass_fds=line.passed, stdout=subprocess.PIPE, text=True,
                         start_new_session=True, env={{**os.environ, **line.environment}})
print(child.stdout.readline().strip(), child.pid, flush=True)
time.sleep(60)
"""


def test_a_child_ends_when_its_supervisor_is_killed() -> None:
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    with subprocess.Popen([sys.executable, "-c", PARENT], env=environment, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        watched, pid = parent.stdout.readline().split()
        child = psutil.Process(int(pid))
        assert watched == "True"
        assert child.is_running()
        parent.send_signal(signal.SIGKILL)
        parent.wait(10)
    # no longer a child of anybody here: waited for by looking
    deadline = time.monotonic() + 10.0
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
        if time.monotonic() > deadline:
            child.kill()
            pytest.fail("the child lives on without its supervisor")
        time.sleep(0.02)


def test_a_process_that_was_started_by_hand_has_no_lifeline() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CHILD.replace("time.sleep(60)", "")],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, text=True, timeout=30,
        check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
