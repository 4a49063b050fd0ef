"""Rows about marker streams that are late, out of order, doubled or storming, from real LSL processes."""

from __future__ import annotations

import uuid
from pathlib import Path

import psutil

from acquisition.pipeline import MOST_PENDING
from benchmarks.faults.row import Measured, Row
from benchmarks.faults.streams import Senders, lsl
from benchmarks.faults.streams_run import Run, closes, errors, whole
from benchmarks.faults.streams_sender import CHANNELS
from wire.clock import now
from wire.packets import Status

RIGHT = "right windows: every one within half a sample of its onset, every stimulus accounted for"
GROWTH_MB = 64.0
"""What a storm may add to acquisition's memory: a thousand averages, two thousand stimuli that wait."""


def markers_late(place: Path, short: bool) -> Row:
    """Every marker comes 1.5 s after its onset."""
    return _row(place, "markers late by 1.5 s", "late", short)


def markers_out_of_order(place: Path, short: bool) -> Row:
    """Eight markers at a time come in any order, the first of them 1.4 s late."""
    return _row(place, "markers out of order", "shuffled", short)


def markers_doubled(place: Path, short: bool) -> Row:
    """Every marker comes twice."""
    return _row(place, "markers doubled", "doubled", short)


def _row(place: Path, fault: str, form: str, short: bool) -> Row:
    name = f"faults-{uuid.uuid4().hex[:10]}"
    with Run(place, lsl(name), CHANNELS) as run:
        Senders(run, name, form)
        run.windows(30 if short else 600)
        status = run.stop()
    measured = _measured(run, status)
    measured["duplicates"] = doubled = status.counters.get("duplicates", 0)
    once = len({one.stimulus for one in run.heard.windows}) == len(run.heard.windows)
    fine = closes(status) and once and _right(run)
    # the last of them may have come once when the run was stopped
    fine &= doubled >= status.counters["due"] - 1 if form == "doubled" else doubled == 0
    return Row(fault, bool(fine), measured, f"{RIGHT}; doubled ones are counted and answered once")


def marker_storm(place: Path, short: bool) -> Row:
    """A thousand stimuli a second for ten seconds, then five a second again."""
    name, storm_s = f"faults-{uuid.uuid4().hex[:10]}", 10.0 if short else 60.0
    with Run(place, lsl(name), CHANNELS) as run:
        Senders(run, name, "storm", more=("--storm", f"{storm_s:g}"))
        run.until(lambda: _count(run, "due") > 0, "the storm")
        process, begun_s = psutil.Process(run.pid), now()
        before = process.memory_info().rss
        peak, pending, queue = before, 0, 0.0
        while now() < begun_s + storm_s + 1.0:
            run.during(0.25)
            peak = max(peak, process.memory_info().rss)
            pending = max(pending, _count(run, "pending"))
            queue = max(queue, run.heard.status.gauges["queue"] if run.heard.status else 0.0)
        after_s = now()
        run.until(lambda: sum(one.onset_s > after_s for one in run.heard.windows) >= 10, "windows after the storm")
        status = run.stop()
    measured = _measured(run, status)
    grown = (peak - before) / 2**20
    measured.update(
        storm_s=storm_s,
        peak_pending=pending,
        peak_queue=int(queue),
        rss_before_mb=round(before / 2**20, 1),
        rss_growth_mb=round(grown, 1),
        dropped=status.counters["dropped"],
        expired=status.counters["expired"],
    )
    counters = status.counters
    sums = counters["due"] == counters["sent"] + counters["rejected"] + counters["missed"]
    fine = sums and _right(run) and pending <= MOST_PENDING and grown <= GROWTH_MB
    fine &= counters["due"] >= 900 * storm_s
    return Row("marker storm of 1 kHz", bool(fine), measured,
               f"{RIGHT}; memory bounded; windows dropped by the overload are counted")  # fmt: skip


def _count(run: Run, name: str) -> int:
    return run.heard.status.counters.get(name, 0) if run.heard.status else 0


def _right(run: Run) -> bool:
    return whole(run.heard.windows) and max(map(abs, errors(run.heard.windows))) <= 0.5


def _measured(run: Run, status: Status) -> dict[str, Measured]:
    reasons = ", ".join(f"{count} {word}" for word, count in sorted(status.rejected_by.items())) or "none"
    return {
        "due": status.counters["due"],
        "windows": len(run.heard.windows),
        "rejected": status.counters["rejected"],
        "missed": status.counters["missed"],
        "worst_alignment_samples": round(max(map(abs, errors(run.heard.windows))), 4),
        "reasons": reasons,
    }
