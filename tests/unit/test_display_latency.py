"""Stages from stamps."""

from __future__ import annotations

import numpy as np
import pytest
from display_fakes import STAGE_MS, result
from msgspec.structs import replace

from display.latency import KEPT, STAGES, Durations, Latencies, durations, spread
from wire.packets import Stamps


def test_every_stage_is_the_difference_of_its_two_stamps() -> None:
    stamps = replace(result(0).stamps, shown=100.036)
    found = durations(stamps)
    assert [found[name] for name, _, _ in STAGES] == pytest.approx([*STAGE_MS, 8.0], abs=1e-6)
    assert found["total"] == pytest.approx(36.0, abs=1e-6)
    assert list(found) == [*(name for name, _, _ in STAGES), "total"]


def test_the_stages_add_up_to_the_total() -> None:
    found = durations(replace(result(0).stamps, shown=100.05))
    assert sum(value for name, value in found.items() if name != "total") == pytest.approx(found["total"])


def test_a_stamp_that_is_missing_leaves_its_stages_out() -> None:
    assert durations(Stamps(sample_in=1.0, cut=1.5, shown=2.0)) == {"in_to_cut": 500.0}


def test_percentiles() -> None:
    found = spread([float(k) for k in range(101)])
    assert (found.p50, found.p95, found.p99, found.max, found.n) == (50.0, 95.0, 99.0, 100.0, 101)
    assert spread([]).table == {"p50": None, "p95": None, "p99": None, "max": None, "n": 0}


def test_recent_results_only_where_asked() -> None:
    counted = Latencies()
    for k in np.linspace(0.01, 0.1, 10):
        counted.add(Stamps(sample_due=1.0, shown=1.0 + k))
    assert counted.total().n == 10
    assert counted.total(last=1).p50 == pytest.approx(100.0)
    assert counted.stages() == {}


def test_what_is_kept_of_hours_is_bounded_and_stands_for_all() -> None:
    counted, n = Durations(), 5 * KEPT
    for k in range(n):
        counted.add(float(k))
    counted.add(2.0 * n)
    found = counted.spread()
    assert (found.n, found.max) == (n + 1, 2.0 * n)
    assert found.p50 == pytest.approx(n / 2, rel=0.01)
    assert found.p99 == pytest.approx(0.99 * n, rel=0.01)
    assert counted.spread(1).p50 == 2.0 * n
    assert len(counted._kept) < KEPT


def test_a_recording_played_ahead_of_the_clock_is_timed_from_its_arrival() -> None:
    found = durations(Stamps(sample_due=100.0, sample_in=10.0, cut=10.001, shown=10.004))
    assert "source_to_in" not in found
    assert found["total"] == pytest.approx(4.0)
