"""Rejection, running averages, quality, the account and the ring, each by itself."""

from __future__ import annotations

import numpy as np
import pytest
from signal_data import words

from acquisition.account import Account
from acquisition.averages import Averages
from acquisition.quality import assess, line_ratio
from acquisition.rejection import Evidence, reasons
from acquisition.ring import Ring
from config.chain import RejectionSettings
from config.errors import EegseekError

NAMES = ("TP9", "AF7", "AF8")


def evidence(**changes: object) -> Evidence:
    wave = 20 * np.sin(np.arange(200) / 10)
    good = {"filtered": np.stack([wave] * 3), "raw": np.stack([wave] * 3).astype(np.float32)}
    return Evidence(**{**good, **changes})  # type: ignore[arg-type]


def test_a_good_window_has_no_reason_against_it() -> None:
    assert reasons(evidence(), NAMES, RejectionSettings(railed_uv=999.0)) == ()


def test_each_reason_names_the_channel() -> None:
    limits = RejectionSettings(peak_to_peak_uv=150.0, flat_uv=0.5, railed_uv=999.0)
    filtered = evidence().filtered.copy()
    filtered[1, 50] = 312.0
    assert reasons(evidence(filtered=filtered), NAMES, limits) == ("peak_to_peak: AF7 332 µV > 150",)
    filtered[2, 50] = 200.0
    assert reasons(evidence(filtered=filtered), NAMES, limits) == ("peak_to_peak: AF7 332 µV > 150 (and 1 more)",)
    raw = evidence().raw.copy()
    raw[0] = 400.0
    assert reasons(evidence(raw=raw), NAMES, limits) == ("flat: TP9",)
    raw = evidence().raw.copy()
    raw[2, 7] = -999.0
    assert reasons(evidence(raw=raw), NAMES, limits) == ("railed: AF8",)


def test_all_reasons_that_hold_are_given() -> None:
    raw = evidence().raw.copy()
    raw[1, 3] = np.nan
    raw[0] = 1000.0
    found = reasons(
        evidence(raw=raw, gap=True, settling=True, alignment=True, non_finite=True),
        NAMES,
        RejectionSettings(railed_uv=999.0),
    )
    assert words(found) == {"gap", "settling", "alignment", "non_finite", "flat", "railed"}
    assert "non_finite: AF7" in found
    only = reasons(evidence(non_finite=True), NAMES, RejectionSettings())
    assert only == ("non_finite: a reference channel",)


def test_a_channel_of_nothing_but_nan_is_non_finite_and_nothing_else() -> None:
    raw = evidence().raw.copy()
    raw[1] = np.nan
    assert words(reasons(evidence(raw=raw, non_finite=True), NAMES, RejectionSettings(railed_uv=10.0**6))) == {
        "non_finite"
    }


def test_tests_that_are_switched_off_are_off() -> None:
    off = RejectionSettings(peak_to_peak_uv=None, flat_uv=None, railed_uv=None)
    zeros = evidence(filtered=np.eye(3, 200) * 1e6, raw=np.zeros((3, 200), np.float32))
    assert reasons(zeros, NAMES, off) == ()


def test_an_average_is_the_mean_of_what_was_added() -> None:
    rng = np.random.default_rng(0)
    trials = rng.standard_normal((7, 3, 50)).astype(np.float32)
    held = Averages()
    for count, trial in enumerate(trials, start=1):
        held.add("other", rng.standard_normal((3, 50)).astype(np.float32))
        mean, repeats = held.add("face", trial)
        assert repeats == count and mean.dtype == np.float32
        assert np.allclose(mean, trials[:count].mean(axis=0), atol=1e-6)
    mean[:] = 0.0  # the caller's own
    assert np.allclose(held.add("face", trials[0])[0] * 8, trials.sum(axis=0) + trials[0], atol=1e-4)


def test_the_stimulus_seen_least_recently_goes_first_and_is_counted() -> None:
    held, window = Averages(limit=2), np.ones((1, 4), np.float32)
    for stimulus in ("a", "b", "a", "c"):
        held.add(stimulus, window)
    assert (len(held), held.evicted) == (2, 1)
    assert held.add("a", window)[1] == 3
    assert held.add("b", window)[1] == 1


def test_the_account_holds_at_every_step_and_says_when_it_does_not() -> None:
    account = Account()
    for _ in range(4):
        account.admit()
    account.accept()
    account.miss()
    account.reject(("peak_to_peak: AF7 312 µV > 150", "flat: TP9", "flat: AF8"))
    account.check(1)
    assert account.counters() == {
        "due": 4,
        "accepted": 1,
        "rejected": 1,
        "missed": 1,
        "pending": 1,
        "duplicates": 0,
        "notes": 0,
    }
    assert account.rejected_by == {"peak_to_peak": 1, "flat": 1}
    with pytest.raises(EegseekError, match="pending 1, held 2"):
        account.check(2)
    account.accepted += 1
    with pytest.raises(EegseekError, match="due 4"):
        account.check(1)


def test_quality_tells_the_gravest_state_of_each_channel() -> None:
    rng = np.random.default_rng(1)
    names = ("good", "noisy", "flat", "railed", "invalid")
    filtered = rng.standard_normal((5, 250)) * np.array([[5.0], [80.0], [1.0], [5.0], [5.0]])
    raw = filtered.astype(np.float32)
    raw[2], raw[3, 9], raw[4, 9] = 3.0, -1000.0, np.nan
    found = assess(3.5, names, filtered, raw, 250.0, 50.0, RejectionSettings(railed_uv=999.0))
    assert found.states == names and found.time_s == 3.5
    assert found.rms_uv[0] == pytest.approx(5.0, rel=0.2)
    assert np.isfinite(found.line_ratio).all()


def test_line_ratio_is_the_share_of_line_noise() -> None:
    seconds = np.arange(250) / 250
    line = 10 * np.sin(2 * np.pi * 50 * seconds)
    alpha = 10 * np.sin(2 * np.pi * 10 * seconds)
    raw = np.stack([line + 5000, alpha, line + alpha, np.zeros(250)]).astype(np.float32)
    assert line_ratio(raw, 250.0, 50.0) == pytest.approx([1.0, 0.0, 0.5, 0.0], abs=0.02)


def test_the_ring_gives_what_was_put_in_wherever_it_wraps() -> None:
    ring, made = Ring(2, 1, 37), np.arange(500)
    at = 0
    for size in [1, 36, 37, 5, 0, 30, 12, 37, 3] * 2:
        new = made[at : at + size]
        ring.append(
            np.stack([new, -new]).astype(np.float32), new[None] * 2.0, new / 10, new % 7 == 0, new % 11 == 0, float(at)
        )
        at += size
        for begin in range(ring.start, ring.end):
            held = made[begin : ring.end]
            assert ring.raw(begin, ring.end)[1].tolist() == (-held).tolist()
            assert ring.filtered(begin, ring.end)[0].tolist() == (held * 2.0).tolist()
            assert ring.stamps(begin, ring.end).tolist() == (held / 10).tolist()
            assert ring.any_bad(begin, begin + 1) == (begin % 7 == 0)
            assert ring.any_unsure(begin, begin + 1) == (begin % 11 == 0)
        assert ring.end - ring.start == min(at, 37)
        assert ring.arrived(ring.end - 1) <= at
    ring.restamp(ring.end - 20, np.arange(15.0), True)
    ring.refilter(ring.end - 20, np.full((1, 15), 5.0))
    assert ring.stamps(ring.end - 21, ring.end - 4).tolist()[1:-1] == list(range(15))
    assert ring.filtered(ring.end - 20, ring.end - 5).tolist() == [[5.0] * 15]
    assert ring.any_unsure(ring.end - 7, ring.end - 5)
    before = ring.stamp(ring.end - 1)
    ring.restamp(ring.start - 10, np.arange(12.0), False)
    assert ring.stamps(ring.start, ring.start + 2).tolist() == [10.0, 11.0] and ring.stamp(ring.end - 1) == before
