"""The wall clock moved by hours in the middle of a session.

The clock of the machine is everybody's and is left alone: every process of the session runs with a Python whose wall
clock (``time.time``, ``time.time_ns`` and the present of ``datetime``) is read through a file of ours, which is written
anew while the session runs. Stamps and limits are to come from the monotonic clock, which no such change moves.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

from acquisition import journal
from benchmarks.faults import rig
from benchmarks.faults.processes import not_worse
from benchmarks.faults.row import Row
from benchmarks.faults.session import Session
from benchmarks.faults.workers import LONG_S, WARM, counted
from config.errors import ProcessError

FLOWS_S = 3.0
"""Answers flow on within this after a jump."""
STEADY = 60
"""Answers after each jump."""
JUMPS_H = (5, -7)
"""Hours by which the clock is off, one after the other."""

SHIM = '''
"""Wall clock of a test: the real one and an offset that a file holds."""
import datetime as _d, os as _o, time as _t

_FILE, _REAL, _REAL_NS = _o.environ["EEGSEEK_FAULTS_CLOCK"], _t.time, _t.time_ns

def _offset():
    with open(_FILE) as file:
        return int(file.read() or 0)

class _Moved(_d.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls.fromtimestamp(_t.time(), tz)

_t.time = lambda: _REAL() + _offset()
_t.time_ns = lambda: _REAL_NS() + 1_000_000_000 * _offset()
_d.datetime = _Moved
with open(_FILE + ".used", "a") as _used:
    _used.write("%d\\n" % _o.getpid())
'''


def clock_moved(place: Path, short: bool) -> Row:
    """Move the wall clock by hours, forward and back, while answers flow."""
    place.mkdir(parents=True, exist_ok=True)
    (place / "shim").mkdir()
    (place / "shim" / "sitecustomize.py").write_text(SHIM, "utf-8")
    offset = place / "offset"
    offset.write_text("0", "utf-8")
    seen: list[float] = []
    extra = {"EEGSEEK_FAULTS_CLOCK": str(offset), "PYTHONPATH": str(place / "shim")}
    table = rig.settings(rig.bundles(place), rig.direct(LONG_S))
    with Session(place, table, extra=extra) as session:
        session.flowing(30)
        marks = [len(session.watch.shown)]
        for hours in JUMPS_H:
            _set(offset, 3600 * hours)
            began = time.monotonic()
            session.flowing(WARM)
            seen.append(time.monotonic() - began)
            session.flowing(STEADY)
            marks.append(len(session.watch.shown))
        latencies = [
            median(1e3 * (one.at_s - one.due_s) for one in session.watch.shown[first:last])
            for first, last in zip([0, *marks], marks, strict=False)
        ]
        children = set(session.children().values())
        ended = session.stop()
    used = {int(line) for line in offset.with_suffix(".used").read_text().split()}
    if not children <= used:
        raise ProcessError(
            f"{len(children - used)} processes of the session ran with the real clock; nothing was shown"
        )
    steady = _steady(session.journal())
    even = not_worse(latencies[0], max(latencies))
    return Row(
        fault=f"the wall clock moved by {' and '.join(f'{hours:+d}' for hours in JUMPS_H)} hours (in our processes)",
        passed=ended.clean and steady and even and max(seen) < FLOWS_S,
        measured={
            "processes": len(children), "latency_before_ms": round(latencies[0], 2),
            "latency_after_ms": round(max(latencies[1:]), 2), "stamps_rise": str(steady), **counted(ended),
        },
        wanted="nothing but labels (when a file was made) goes by the wall clock: answers, stamps, limits as before",
    )  # fmt: skip


def _set(file: Path, seconds: int) -> None:
    beside = file.with_suffix(".new")
    beside.write_text(str(seconds), "utf-8")
    os.replace(beside, file)  # noqa: PTH105


def _steady(file: Path) -> bool:
    """Whether stamps rise from record to record, by less than a second each."""
    last, steady = None, True
    for record in journal.read(file):
        if isinstance(record, journal.Header):
            last = record.clock_s
        elif isinstance(record, journal.PacketRecord) and hasattr(record.packet, "stamps"):
            committed = record.packet.stamps.committed
            steady = steady and committed is not None and (last is None or -0.1 < committed - last < 30.0)
            last = committed
    return steady
