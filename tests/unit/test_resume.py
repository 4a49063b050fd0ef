"""A session that goes on in a new segment: the time without samples is written at its start."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from acquisition import journal, rebuild
from acquisition.plan import Plan
from acquisition.types import Chunk, StreamInfo
from config.chain import ChainSettings, RejectionSettings, WindowSettings
from config.settings import MarkerSettings

RATE_HZ = 250.0
PLAN = Plan(
    ChainSettings(channels=("Cz", "Pz")),
    WindowSettings(start_s=0.0, end_s=0.2, rate_hz=RATE_HZ),
    RejectionSettings(),
    MarkerSettings(),
)


def write(folder: Path, segment: int, end_s: float, session: str = "s") -> None:
    info = StreamInfo("x", "lsl", RATE_HZ, ("Cz", "Pz"))
    writer = journal.JournalWriter(journal.path(folder, segment))
    writer.open(journal.make_header(session, segment, info))
    stamps = end_s + (np.arange(-199, 1)) / RATE_HZ
    writer.chunk(Chunk(np.ones((2, 200), np.float32), stamps, end_s, stamps))
    writer.close()


def last_s(folder: Path, segments: int) -> float | None:
    return rebuild.rebuild(folder, segments, "s", PLAN, lambda: False).last_s


def test_the_last_sample_of_the_last_segment_is_known(tmp_path: Path) -> None:
    assert last_s(tmp_path, 0) is None
    write(tmp_path, 0, 20.0)
    write(tmp_path, 1, 31.0)
    assert last_s(tmp_path, 2) == pytest.approx(31.0)
    assert last_s(tmp_path, 1) == pytest.approx(20.0)


def test_not_of_another_session_nor_of_another_start_of_the_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 0, 20.0, session="other")
    assert last_s(tmp_path, 1) is None
    write(tmp_path, 1, 30.0)
    assert last_s(tmp_path, 2) == pytest.approx(30.0)
    monkeypatch.setattr(rebuild, "boot", lambda: "another")
    assert last_s(tmp_path, 2) is None
