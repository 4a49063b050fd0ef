"""EEG for few cells: nothing is hidden, holes stay holes, braille says where."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from display.tui.braille import blocks, trace
from display.tui.sweep import BINS, BLANK, WINDOW_S, Sweep
from wire.packets import Mark, Preview

RATE = 250.0


def preview(data: NDArray[np.float32], first_s: float, **more: object) -> Preview:
    names = tuple(f"C{k}" for k in range(len(data)))
    fields = {"channels": names, "rate_hz": RATE, **more}
    return Preview(session="s", segment=1, sequence=0, data=data, first_s=first_s, times=data.shape[1], **fields)


def filled(data: NDArray[np.float32], chunk: int, first_s: float = 50.001) -> Sweep:
    sweep = Sweep()
    for k in range(0, data.shape[1], chunk):
        sweep.add(preview(data[:, k : k + chunk], first_s + k / RATE))
    return sweep


@pytest.mark.parametrize("columns", [60, 122, 400])
@pytest.mark.parametrize("at", [0, 77, 1000, 2249])
def test_a_spike_of_one_sample_is_drawn_at_every_width(columns: int, at: int) -> None:
    data = np.zeros((2, 2250), np.float32)
    data[1, at] = 80.0
    envelope = filled(data, 25).envelope(columns)
    assert np.nanmax(envelope.high[1]) == 80.0
    assert np.nanmax(envelope.high[0]) == 0.0


def test_chunks_of_any_length_draw_the_same() -> None:
    data = np.random.default_rng(0).standard_normal((3, 1500)).astype(np.float32)
    whole = filled(data, 1500).envelope(200)
    for chunk in (1, 7, 25, 400):
        parts = filled(data, chunk).envelope(200)
        np.testing.assert_array_equal(parts.low, whole.low)
        np.testing.assert_array_equal(parts.high, whole.high)


def test_the_oldest_is_written_over_with_a_gap_before_it() -> None:
    data = np.tile(np.repeat(np.arange(20, dtype=np.float32), 250), (1, 1))  # a step each second, for 20 s
    sweep = filled(data, 25, first_s=0.0)
    envelope = sweep.envelope(BINS)
    empty = np.isnan(envelope.low[0])
    assert empty.sum() == BLANK
    assert envelope.newest == BINS - 1
    assert empty[:BLANK].all(), "the gap stands ahead of the newest, from the left again"
    assert np.nanmax(envelope.high) == 19.0
    assert np.nanmin(envelope.low) == 10.0


def test_a_hole_in_the_samples_stays_empty_and_a_long_one_forgets_all() -> None:
    sweep = Sweep()
    ones = np.ones((1, 250), np.float32)
    sweep.add(preview(ones, 0.0))
    sweep.add(preview(ones, 2.0))
    low = sweep.envelope(BINS).low[0]
    there = ~np.isnan(low)
    per_s = int(BINS / WINDOW_S)
    assert there[:per_s].all() and not there[per_s : 2 * per_s].any() and there[2 * per_s : 3 * per_s].all()
    sweep.add(preview(2 * ones, 100.0))
    assert np.nanmin(sweep.envelope(BINS).low) == 2.0


def test_late_samples_of_long_ago_change_nothing() -> None:
    sweep = filled(np.ones((1, 2500), np.float32), 250, first_s=100.0)
    before = sweep.envelope(BINS)
    sweep.add(preview(np.full((1, 25), 9.0, np.float32), 50.0))
    np.testing.assert_array_equal(sweep.envelope(BINS).high, before.high)


def test_other_channels_or_another_rate_begin_anew() -> None:
    sweep = filled(np.ones((2, 250), np.float32), 250)
    sweep.add(preview(np.zeros((3, 25), np.float32), 60.0))
    assert len(sweep.channels) == 3
    assert np.nanmax(sweep.envelope(100).high) == 0.0
    sweep.add(preview(np.zeros((3, 0), np.float32), 61.0, rate_hz=500.0))
    assert np.isnan(sweep.envelope(100).high).all()


def test_markers_have_their_column_until_they_are_written_over() -> None:
    sweep = Sweep()
    mark = Mark(time_s=3.0, label="cat", stimulus=True)
    sweep.add(preview(np.zeros((1, 1250), np.float32), 0.0, marks=(mark,)))
    assert sweep.column(3.0, 100) == 30
    assert sweep.column(7.0, 100) is None
    sweep.add(preview(np.zeros((1, 2500), np.float32), 5.0))
    assert sweep.column(3.0, 100) is None
    assert [one.label for one in sweep.marks] == ["cat"]


def test_the_scale_fits_most_channels_and_ignores_one_that_is_off() -> None:
    assert Sweep().scale_uv() == 50.0
    data = np.full((5, 1000), 18.0, np.float32)
    data[0] = 9000.0
    assert filled(data, 100).scale_uv() == 20.0


def test_braille_says_where_the_curve_is() -> None:
    top, bottom = trace(np.array([-10, -10], np.float32), np.array([10, 10], np.float32), 10, 2)
    assert (top, bottom) == ("⣿", "⣿")
    assert trace(np.array([9.9, 9.9], np.float32), np.array([9.9, 9.9], np.float32), 10, 1) == ["⠉"]
    assert trace(np.array([-9.9, np.nan], np.float32), np.array([-9.9, np.nan], np.float32), 10, 1) == ["⡀"]
    beyond = np.array([1e6, -1e6], np.float32)
    assert trace(beyond, beyond, 10, 1) == ["⢁"]


def test_blocks_keep_the_largest_of_a_cell() -> None:
    assert blocks([], 10, 1.0) == ""
    assert blocks([0.0, 1.0, 0.5], 10, 1.0) == "▁█▅"
    shown = blocks([0.1] * 99 + [1.0], 10, 1.0)
    assert len(shown) == 10 and shown[-1] == "█" and set(shown[:-1]) == {"▁"}
