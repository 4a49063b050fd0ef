"""The rows of `eegseek bench faults` with real LSL streams and the real acquisition process; boards, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.faults import boards, markers, streams
from benchmarks.faults.row import Fault

pytestmark = pytest.mark.timeout(300)
ROWS: tuple[Fault, ...] = (
    streams.outlet_restarted,
    streams.outlet_gone,
    streams.network_stall,
    streams.network_stall_kept,
    markers.markers_late,
    markers.markers_out_of_order,
    markers.markers_doubled,
    markers.marker_storm,
    boards.board_stops,
    boards.synthetic_board_stops,
    boards.board_repeats,
    boards.board_skips,
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_what_must_happen_happens(row: Fault, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # how soon it is told is measured by the benchmark; a busy machine may be late
    monkeypatch.setattr(streams, "STALLED_S", 5.0)
    monkeypatch.setattr(streams, "LOST_S", 5.0)
    found = row(tmp_path / "place", True)
    assert found.passed, found.measured
