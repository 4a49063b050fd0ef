"""The rows of `eegseek bench faults` with real LSL streams and the real acquisition process; boards, too."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.faults import streams, table

pytestmark = pytest.mark.timeout(300)
ROWS = table.of_kind("streams")


@pytest.mark.parametrize("entry", ROWS, ids=map(table.name_of, ROWS))
def test_what_must_happen_happens(entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # how soon it is told is measured by the benchmark; a busy machine may be late
    monkeypatch.setattr(streams, "STALLED_S", 5.0)
    monkeypatch.setattr(streams, "LOST_S", 5.0)
    found = table.load(entry)(tmp_path / "place", True)
    assert found.passed, found.measured
