"""Previews: every filtered sample once, in order, with the markers, and only while somebody looks on."""

from __future__ import annotations

import numpy as np
import pytest
from delivery_fakes import RATE_HZ, encoder_spec

from acquisition.configure import plan_of
from acquisition.onlookers import EVERY_S, MOST_MARKS, Onlookers
from acquisition.pipeline import Pipeline
from acquisition.types import Chunk, Event, StreamInfo
from config.settings import Settings
from wire.codec import decode, encode
from wire.packets import Mark, Preview

PLAN = plan_of(Settings(), encoder_spec())


class Watched:
    """A pipeline, fed with ramps; its onlookers ask at the stamp of each chunk's last sample."""

    def __init__(self, channels: tuple[str, ...] = ("O1", "Oz", "O2"), exact: bool = True) -> None:
        info = StreamInfo("ramp", "recording", RATE_HZ, channels, simulated=True, exact_rows=exact)
        self.pipeline = Pipeline(info, PLAN)
        self.onlookers = Onlookers(self.pipeline, "test", 3)
        self.row = 0
        self.previews: list[Preview] = []

    def feed(self, count: int, *events: Event, at: float | None = None, look: bool = True) -> None:
        rows = np.arange(self.row, self.row + count)
        self.row += count
        samples = np.ascontiguousarray(np.tile(np.sin(rows / 5.0) * 20, (3, 1)).astype(np.float32))
        stamps = rows / RATE_HZ
        chunk = Chunk(samples, stamps, 0.0, stamps, events=events)
        self.pipeline.feed(chunk)
        if look:
            self.previews += self.onlookers.look(chunk, self.row / RATE_HZ if at is None else at)


@pytest.mark.parametrize("step", [1, 4, 25, 60])
def test_every_sample_is_shown_once_whatever_the_chunks(step: int) -> None:
    watched = Watched()
    watched.feed(0)
    for _ in range(500 // step):
        watched.feed(step)
    shown = watched.previews
    assert [p.sequence for p in shown[1:]] == [p.sequence + p.times for p in shown[:-1]]
    assert shown[0].sequence == 0
    assert shown[-1].sequence + shown[-1].times >= watched.row - 2 * EVERY_S * RATE_HZ
    assert all(p.first_s == pytest.approx(p.sequence / RATE_HZ) for p in shown)
    assert all((p.rate_hz, p.simulated, p.segment, p.channels) == (RATE_HZ, True, 3, ("O1", "Oz", "O2")) for p in shown)
    joined = np.concatenate([p.data for p in shown], axis=1)
    whole = watched.pipeline.ring.filtered(0, joined.shape[1]).astype(np.float32)
    np.testing.assert_array_equal(joined, whole)
    assert decode(encode(shown[0])) == shown[0]


def test_markers_come_with_the_preview_after_them_stimuli_and_notes_told_apart() -> None:
    watched = Watched()
    watched.feed(30, Event(0.05, "face/1"), Event(0.06, "0"), Event(float("nan"), "lost"))
    watched.feed(30, Event(0.2, "x" * 1000))
    assert watched.previews[0].marks == (
        Mark(time_s=0.05, label="face/1", stimulus=True),
        Mark(time_s=0.06, label="0", stimulus=False),
    )
    assert [len(m.label) for m in watched.previews[1].marks] == [200]
    watched.feed(30, *(Event(0.3, f"{k}") for k in range(2 * MOST_MARKS)))
    assert len(watched.previews[2].marks) == MOST_MARKS


def test_who_comes_later_or_again_begins_with_what_is_new() -> None:
    watched = Watched()
    for _ in range(20):
        watched.feed(25, Event(0.0, "old"), look=False)
    watched.feed(5)
    assert [(p.sequence, p.times, p.marks) for p in watched.previews] == [(480, 25, ())]
    for _ in range(60):
        watched.feed(25, look=False)
    watched.feed(25)
    assert (watched.previews[1].sequence, watched.previews[1].times) == (2005, 25)
    watched.feed(500)  # held up itself, for less long: nothing is left out
    assert (watched.previews[2].sequence, watched.previews[2].times) == (2030, 500)


def test_a_preview_gives_way_to_a_window_that_is_about_to_be_complete() -> None:
    watched = Watched()
    for _ in range(20):
        watched.feed(25)
    before = len(watched.previews)
    watched.feed(1, Event(watched.row / RATE_HZ, "a", row=float(watched.row)))
    made: list[int] = []
    for _ in range(60):  # its 50 samples
        watched.feed(1)
        if len(watched.previews) > before:
            before = len(watched.previews)
            made.append(watched.pipeline.needed() or 1000)
    assert len(made) == 2
    assert min(made) >= 5


def test_a_preview_ends_where_a_known_gap_begins() -> None:
    watched = Watched()
    watched.feed(40)
    watched.feed(40, look=False)
    watched.pipeline.ring.runs.append(60)
    watched.feed(10)
    ends = [(p.sequence, p.sequence + p.times) for p in watched.previews]
    assert ends == [(15, 40), (40, 60), (60, 90)]
