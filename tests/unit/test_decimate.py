"""Decimation for the screen: no sample hidden, whatever the pieces it comes in."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from display.decimate import HOLE, STEP_UV, Columns, Decimator, columns_hz, pack

FIRST_S = 12.5013
"""No sample falls on a column's edge, where rounding would decide."""


def drawn(
    decimator: Decimator, first_s: float, data: np.ndarray, cuts: list[int], jitter: list[float]
) -> list[Columns]:
    """All that comes out of a signal given in pieces; a last sample closes the last column."""
    runs: list[Columns] = []
    edges = [0, *sorted(cuts), data.shape[1]]
    for k, (begin, end) in enumerate(pairwise(edges)):
        runs += decimator.add(first_s + begin / decimator.rate_hz + jitter[k % len(jitter)], data[:, begin:end])
    closing = first_s + data.shape[1] / decimator.rate_hz + 0.02
    runs += decimator.add(closing, np.zeros((len(data), 1), np.float32))
    return runs


@settings(max_examples=60, deadline=None)
@given(
    rate=st.sampled_from([64.0, 100.0, 250.0, 256.0, 500.0, 1000.0, 2048.0]),
    n=st.integers(8, 900),
    seed=st.integers(0, 10_000),
    first=st.floats(0, 1e6),
    data=st.data(),
)
def test_no_spike_is_hidden(rate: float, n: int, seed: int, first: float, data: st.DataObject) -> None:
    """A spike of one sample anywhere is in the columns at its full height and in the column of its time."""
    at = data.draw(st.integers(0, n - 1))
    height = data.draw(st.sampled_from([-900.0, -31.0, 31.0, 900.0]))
    cuts = data.draw(st.lists(st.integers(0, n), max_size=6))
    jitter = data.draw(st.lists(st.floats(-0.3 / rate, 0.3 / rate), min_size=1, max_size=4))
    signal = np.random.default_rng(seed).uniform(-5, 5, (3, n)).astype(np.float32)
    signal[1, at] = height
    decimator = Decimator(3, rate)
    runs = drawn(decimator, first, signal, cuts, jitter)
    most = max(np.nanmax(np.abs(np.stack([run.low[1], run.high[1]]))) for run in runs)
    assert most == abs(height)
    packed = max(np.abs(pack(run)[1].astype(int)).max() for run in runs)
    assert packed * STEP_UV >= abs(height) - 1e-3
    for run in runs:
        tall = np.flatnonzero((run.high[1] == height) | (run.low[1] == height))
        for column in tall:
            assert abs((run.first + column) / run.hz - (first + at / rate)) < 2 / run.hz + 2 / rate


@settings(max_examples=40, deadline=None)
@given(cuts=st.lists(st.integers(0, 700), max_size=8), rate=st.sampled_from([250.0, 1000.0]))
def test_pieces_do_not_matter(cuts: list[int], rate: float) -> None:
    signal = np.random.default_rng(1).normal(size=(2, 700)).astype(np.float32)
    whole = drawn(Decimator(2, rate), FIRST_S, signal, [], [0.0])
    parts = drawn(Decimator(2, rate), FIRST_S, signal, cuts, [0.0])
    for name in ("low", "high"):
        expected = np.hstack([getattr(run, name) for run in whole])
        np.testing.assert_array_equal(np.hstack([getattr(run, name) for run in parts]), expected)


def test_columns_follow_one_another() -> None:
    runs = drawn(Decimator(1, 250.0), 3.0, np.ones((1, 500), np.float32), [7, 100, 101], [0.0])
    numbers = np.concatenate([np.arange(run.first, run.first + run.n) for run in runs])
    assert numbers[0] == 300
    assert (np.diff(numbers) == 1).all()


def test_a_gap_lies_between_two_runs() -> None:
    decimator = Decimator(1, 250.0)
    first = decimator.add(1.0, np.ones((1, 100), np.float32))
    second = decimator.add(2.0, np.ones((1, 100), np.float32))
    assert [run.first for run in first] == [100]
    assert first[0].n + second[0].n == 40  # 0.4 s, the open column flushed
    assert second[1].first == 200


def test_another_clock_begins_anew() -> None:
    decimator = Decimator(1, 250.0)
    decimator.add(100.0, np.ones((1, 100), np.float32))
    runs = decimator.add(3.0, np.full((1, 100), 7, np.float32))
    assert runs[-1].first == 300
    assert (runs[-1].high == 7).all()


def test_nothing_is_nothing() -> None:
    assert Decimator(2, 250.0).add(1.0, np.zeros((2, 0), np.float32)) == ()


def test_what_is_no_number_is_a_hole_and_what_is_huge_stays_at_the_limit() -> None:
    columns = Columns(
        0, 100.0, np.array([[np.nan, -1e9, -0.04]], np.float32), np.array([[np.nan, 1e9, 0.04]], np.float32)
    )
    assert pack(columns).tolist() == [[[HOLE, HOLE], [-32767, 32767], [-1, 1]]]


@pytest.mark.parametrize(("rate", "expected"), [(64.0, 32.0), (250.0, 100.0), (2048.0, 100.0)])
def test_two_samples_or_more_in_a_column(rate: float, expected: float) -> None:
    assert columns_hz(rate) == expected
