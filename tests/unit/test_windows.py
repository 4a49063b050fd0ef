"""Which markers are stimuli, on which samples they stand, and how their windows reach the encoder's rate."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal
from signal_data import info, plan

from acquisition.account import Account
from acquisition.plan import ratio
from acquisition.resample import make_grid, nearest
from acquisition.ring import Ring
from acquisition.types import Event
from acquisition.windows import Intake, Pending, locate
from config.chain import ChainSettings, WindowSettings
from config.errors import SettingsError
from config.settings import MarkerSettings

RATE = 100.0


def ring(times: int, zero: float = 10.0, size: int = 1000, gap_at: int | None = None, lost: int = 0) -> Ring:
    made = Ring(1, 1, size)
    index = np.arange(times)
    stamps = zero + (index if gap_at is None else np.where(index < gap_at, index, index + lost)) / RATE
    for begin in range(0, times, 70):
        end = min(begin + 70, times)
        row = index[None, begin:end]
        made.append(row.astype(np.float32), row.astype(float), stamps[begin:end], False, False, 0.0)
    if gap_at is not None:
        made.runs.append(gap_at)
    return made


def at(onset_s: float, row: float | None = None) -> Pending:
    return Pending(0, "1", onset_s, row)


def test_stimuli_are_told_from_notes_and_duplicates_and_numbered_in_order_of_arrival() -> None:
    account = Account()
    intake = Intake(MarkerSettings(stimulus=r"\d+", delay_s=0.05), RATE, account)
    events = [
        Event(3.0, "12"),
        Event(3.0, "start"),
        Event(3.004, "12"),  # within half a sample
        Event(3.0, "13"),
        Event(3.02, "12"),  # two samples later
        Event(1.0, "14x"),
        Event(1.0, "7"),
    ]
    admitted = [one for one in map(intake.admit, events) if one is not None]
    assert [(one.sequence, one.stimulus) for one in admitted] == [(0, "12"), (1, "13"), (2, "12"), (3, "7")]
    assert admitted[0].onset_s == pytest.approx(3.05)
    assert (account.due, account.pending, account.duplicates, account.notes) == (4, 4, 1, 2)


def test_the_default_rule_takes_every_label_but_zero() -> None:
    intake = Intake(MarkerSettings(), RATE, Account())
    labels = ["0", "1", "10", "face", "00"]
    assert [intake.admit(Event(float(k), label)) is not None for k, label in enumerate(labels)] == [
        False,
        True,
        True,
        True,
        True,
    ]


def test_a_delay_moves_rows_and_stamps_alike() -> None:
    intake = Intake(MarkerSettings(delay_s=0.03), RATE, Account())
    one = intake.admit(Event(5.0, "1", row=20.25))
    assert one is not None and one.onset_s == pytest.approx(5.03) and one.position == pytest.approx(23.25)


@pytest.mark.parametrize(("fraction", "sample"), [(0.0, 50), (0.49, 50), (0.51, 51), (1.0, 51)])
def test_an_onset_is_placed_on_its_nearest_sample_and_what_remains_is_kept(fraction: float, sample: int) -> None:
    onset = 10.0 + (50 + fraction) / RATE
    for pending in (at(onset), at(onset, row=50 + fraction)):
        place = locate(ring(200), pending, 200, RATE)
        assert place is not None and place.sample == sample
        assert place.offset_s == pytest.approx((sample - 50 - fraction) / RATE, abs=1e-9)


def test_half_way_belongs_to_the_later_sample() -> None:
    held = Ring(1, 1, 100)
    held.append(np.zeros((1, 8), np.float32), np.zeros((1, 8)), np.arange(8) / 4.0, False, False, 0.0)
    for pending in (at(0.625), at(0.625, row=2.5)):
        place = locate(held, pending, 8, 4.0)
        assert place is not None and place.sample == 3
    assert [nearest(x) for x in (2.5, -2.5, -0.5, 0.49)] == [3, -2, 0, 0]


def test_an_onset_waits_for_its_samples_and_for_the_verdict() -> None:
    held = ring(200)
    assert locate(held, at(12.0), 200, RATE) is None
    assert locate(held, at(11.0), 100, RATE) is None  # sample 100 is under suspicion
    place = locate(held, at(11.0), 101, RATE)
    assert place is not None and place.known == 100


def test_an_onset_before_the_samples_held_is_placed_outside() -> None:
    place = locate(ring(200), at(9.0), 200, RATE)
    assert place is not None and place.sample == -100
    place = locate(ring(200, size=100), at(10.5), 200, RATE)
    assert place is not None and place.sample == 50


def test_an_onset_after_a_gap_uses_the_stamps_after_it_and_one_within_reaches_over_it() -> None:
    held = ring(300, gap_at=150, lost=40)
    after = locate(held, at(10.0 + 200 / RATE), 300, RATE)
    assert after is not None and after.sample == 160
    within = locate(held, at(10.0 + 170 / RATE), 300, RATE)
    assert within is not None and within.reach == (149, 150)


def test_after_the_clock_stepped_back_the_latest_samples_are_meant() -> None:
    held = ring(300, gap_at=150, lost=-100)
    place = locate(held, at(10.0 + 100 / RATE), 300, RATE)
    assert place is not None and place.sample == 200
    before = locate(held, at(10.0 + 20 / RATE), 300, RATE)
    assert before is not None and before.sample == 20


def block(lo: int, hi: int, function: object) -> np.ndarray:
    return np.asarray(function(np.arange(lo, hi + 1)))[None].astype(float)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("source_hz", "window_hz", "start_s"), [(1000.0, 250.0, 0.0), (1000.0, 100.0, -0.2), (256.0, 256.0, -0.1)]
)
def test_where_the_ratio_is_whole_samples_are_picked_from_the_onset(
    source_hz: float, window_hz: float, start_s: float
) -> None:
    window = WindowSettings(start_s=start_s, end_s=0.5, rate_hz=window_hz, baseline_s=None)
    grid = make_grid(window, source_hz)
    q = round(source_hz / window_hz)
    first = nearest(start_s * window_hz) * q
    got = grid.cut(block(grid.lo, grid.hi, lambda k: k))
    assert got.shape == (1, window.n_times) and got.dtype == np.float32 and got.flags.c_contiguous
    assert got[0].tolist() == (first + q * np.arange(window.n_times)).tolist()
    assert grid.hi == got[0, -1], "no sample is waited for that is not needed"
    assert grid.first_s == pytest.approx(first / source_hz)


@pytest.mark.parametrize(("source_hz", "window_hz"), [(256.0, 250.0), (1000.0, 256.0), (500.0, 128.0), (250.0, 100.0)])
@pytest.mark.parametrize("start_s", [-0.25, 0.0, 0.1])
def test_other_ratios_are_polyphase_on_a_grid_through_the_onset(
    source_hz: float, window_hz: float, start_s: float
) -> None:
    window = WindowSettings(start_s=start_s, end_s=start_s + 0.6, rate_hz=window_hz, baseline_s=None)
    grid = make_grid(window, source_hz)
    waves = {hz: block(grid.lo, grid.hi, lambda k, hz=hz: np.sin(2 * np.pi * hz * k / source_hz)) for hz in (3, 17)}
    seconds = grid.first_s + np.arange(window.n_times) / window_hz
    assert abs(grid.first_s - start_s) <= 0.5 / window_hz + 1e-9
    for hz, wave in waves.items():
        assert np.abs(grid.cut(wave)[0] - np.sin(2 * np.pi * hz * seconds)).max() < 0.01


def test_polyphase_is_scipys_own() -> None:
    window = WindowSettings(start_s=0.0, end_s=0.4, rate_hz=250.0, baseline_s=None)
    grid = make_grid(window, 256.0)
    long = np.random.default_rng(0).standard_normal(1024)
    onset = 512  # a multiple of 128, where scipy's grid from the first sample meets ours
    expected = signal.resample_poly(long, 125, 128)[500:600]
    got = grid.cut(long[None, onset + grid.lo : onset + grid.hi + 1])
    assert np.allclose(got[0], expected, atol=1e-6)


def test_a_baseline_may_lie_before_the_window_and_is_a_mean_at_the_source_rate() -> None:
    window = WindowSettings(start_s=0.1, end_s=0.3, rate_hz=250.0, baseline_s=(-0.2, -0.1))
    grid = make_grid(window, 1000.0)
    assert (grid.lo, grid.baseline) == (-200, (-200, -100))
    got = grid.cut(block(grid.lo, grid.hi, lambda k: np.where(k < 0, 7.0 + (k % 2), 100.0)))
    assert np.allclose(got, 92.5)
    late = make_grid(WindowSettings(start_s=0.0, end_s=0.1, rate_hz=250.0, baseline_s=(0.2, 0.3)), 1000.0)
    assert late.hi == 299


def test_rates_that_cannot_be_reached_are_named() -> None:
    assert ratio(250.0, 1000.0) == 1 / 4
    with pytest.raises(SettingsError, match=r"500 Hz cannot be cut from a stream at 256 Hz"):
        ratio(500.0, 256.0)
    with pytest.raises(SettingsError, match="no fraction"):
        ratio(249.9973, 1024.123)
    with pytest.raises(SettingsError, match="0 Hz"):
        ratio(250.0, 0.0)


def test_a_chain_that_would_alias_is_refused_unless_the_rate_is_the_streams_own() -> None:
    for chain, said in [(ChainSettings(lowpass_hz=70.0), "at 70 Hz"), (ChainSettings(lowpass_hz=None), "no low-pass")]:
        with pytest.raises(SettingsError, match=f"{said}.*at most 64"):
            plan(chain, rate_hz=128.0).check(info(256.0))
        plan(chain, rate_hz=256.0).check(info(256.0))
    plan(ChainSettings(lowpass_hz=64.0), rate_hz=128.0).check(info(256.0))
