"""What is sent when: blocks on their last sample, markers on their own stamp, the same for every chunking."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.pacing import MarkerDue, SampleBlock, Timeline
from acquisition.types import Chunk, Event, StreamInfo

INFO = StreamInfo("x", "recording", 100.0, ("a", "b"), exact_rows=True)


def chunk(first: int, count: int, *events: Event, final: bool = False) -> Chunk:
    row = np.arange(first, first + count, dtype=np.float32)
    return Chunk(np.stack([row, -row]), 7.0 + row / 100.0, 0.0, events=events, final=final)


def play(size: int | None, read: int) -> list[SampleBlock | MarkerDue]:
    timeline, items = Timeline(INFO, size), []
    for first in range(0, 50, read):
        at = [Event(7.0 + row / 100, f"m{row}", row) for row in (0, 12.25, 47) if first <= row < first + read]
        items += timeline.feed(chunk(first, 0))
        items += timeline.feed(chunk(first, min(read, 50 - first), *at, final=first + read >= 50))
    assert timeline.length_s == pytest.approx(0.5)
    return items


@pytest.mark.parametrize("read", [1, 7, 50])
def test_blocks_and_markers_do_not_depend_on_how_the_source_is_read(read: int) -> None:
    items = play(4, read)
    blocks = [item for item in items if isinstance(item, SampleBlock)]
    assert [len(block.rows) for block in blocks] == [4] * 12 + [2]
    assert np.array_equal(np.concatenate([block.rows for block in blocks])[:, 0], np.arange(50))
    assert np.array_equal(np.concatenate([block.stamps_s for block in blocks]), np.arange(50) / 100.0)
    assert all(block.due_s == block.stamps_s[-1] for block in blocks)
    assert [(m.due_s, m.label) for m in items if isinstance(m, MarkerDue)] == [
        (0.0, "m0"),
        (0.1225, "m12.25"),
        (0.47, "m47"),
    ]
    dues = [item.due_s for item in items]
    assert dues == sorted(dues)


def test_without_a_size_the_sources_own_chunks_stand() -> None:
    assert [len(b.rows) for b in play(None, 10) if isinstance(b, SampleBlock)] == [10] * 5


def test_a_marker_known_early_waits_for_its_sample() -> None:
    timeline = Timeline(INFO, None)
    assert all(isinstance(i, SampleBlock) for i in timeline.feed(chunk(0, 10, Event(7.25, "later", 25))))
    assert [type(item) for item in timeline.feed(chunk(10, 20))] == [MarkerDue, SampleBlock]


def test_recorded_stamps_are_kept_where_rows_are_not_exact() -> None:
    info = StreamInfo("x", "recording", 100.0, ("a", "b"))
    stamps = np.array([40.0, 40.011, 40.5])
    items = Timeline(info, None).feed(Chunk(np.zeros((2, 3), np.float32), stamps, 0.0, events=(Event(40.2, "m"),)))
    marker, block = items
    assert isinstance(marker, MarkerDue)
    assert marker.due_s == pytest.approx(0.2)
    assert isinstance(block, SampleBlock)
    assert np.allclose(block.stamps_s, [0.0, 0.011, 0.5])
