"""Warm-ups just before a window is due."""

from __future__ import annotations

from wire import due
from wire.due import WarmUps


def test_nothing_expected() -> None:
    warm_ups = WarmUps(0.003)
    assert warm_ups.wait_s(1.0) is None
    assert not warm_ups.take(1.0)


def test_once_a_window_and_a_little_before() -> None:
    warm_ups = WarmUps(0.010, 0.002)
    assert warm_ups.lead_s == 0.012
    for due_s in (5.2, 5.0):
        warm_ups.add(due_s)
    at = 5.0 - warm_ups.lead_s
    assert warm_ups.wait_s(4.0) == at - 4.0
    assert not warm_ups.take(at - 0.001)
    assert warm_ups.take(at)
    assert not warm_ups.take(at + 0.001)
    assert warm_ups.wait_s(5.0) == 5.2 - warm_ups.lead_s - 5.0


def test_windows_that_come_together_need_one() -> None:
    warm_ups = WarmUps(0.003)
    for k in range(5):
        warm_ups.add(5.0 + k * 1e-4)
    assert warm_ups.take(5.0)
    assert warm_ups.wait_s(5.0) is None


def test_what_is_over_is_let_go() -> None:
    warm_ups = WarmUps(0.003)
    warm_ups.add(5.0)
    assert not warm_ups.take(6.0)
    assert warm_ups.wait_s(6.0) is None


def test_bounded() -> None:
    warm_ups = WarmUps(0.003)
    for k in range(due.LIMIT + 50):
        warm_ups.add(float(k))
    taken = 0
    for k in range(due.LIMIT + 50):
        taken += warm_ups.take(float(k))
    assert taken == due.LIMIT


def test_the_lead_follows_what_warm_ups_take() -> None:
    warm_ups = WarmUps(0.001)
    before = warm_ups.lead_s
    for _ in range(50):
        warm_ups.took(0.010)
    assert before < 0.008 < warm_ups.lead_s < 0.013


def test_uneven_warm_ups_begin_earlier() -> None:
    even, uneven = WarmUps(0.004), WarmUps(0.004)
    for k in range(60):
        even.took(0.004)
        uneven.took(0.002 if k % 2 else 0.006)
    assert even.lead_s < 0.0041
    assert 0.006 < uneven.lead_s < 0.010
