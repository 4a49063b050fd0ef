"""The rows of `eegseek bench faults` that need no socket: stamps on a simulated clock, channels that say nonsense."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.faults import stamps, table
from benchmarks.faults.stamps_made import cut

ROWS = table.of_kind("alone")


@pytest.mark.parametrize("entry", ROWS, ids=map(table.name_of, ROWS))
def test_what_must_happen_happens(entry: str, tmp_path: Path) -> None:
    found = table.load(entry)(tmp_path, True)
    assert found.passed, found.measured


@pytest.mark.parametrize(("rate_hz", "ppm"), [(250.0, 200.0), (1000.0, -200.0)])
def test_minutes_of_drift_stay_within_half_a_sample(rate_hz: float, ppm: float) -> None:
    """The hour is the row's; the correction in use may be seconds old all the time."""
    made = stamps._drifting(np.random.default_rng(0), rate_hz, ppm, 100.0)
    found = cut(made)
    assert not found.gaps
    assert found.worst <= 0.5
    assert len(found.epochs) >= 0.9 * len(made.onsets)
