"""Which frame shows what, and how well frames kept their time."""

from __future__ import annotations

import numpy as np
import pytest

from config.errors import PlanError
from config.presentation import Block, Drawing, Plan, Stimulus, Trial
from display.presenter import timing
from display.presenter.frames import NOTHING, block_frames, flicker_rates, reached, trial_frames
from display.presenter.timing import Screen

STIMULI = tuple(Stimulus(id=name, category=name[0], drawing=Drawing()) for name in ("a/1", "a/2", "b/1"))


def trial(on_s: float, blank_s: float = 0.0, flicker_hz: float = 0.0) -> Trial:
    return Trial(stimulus="a/1", on_s=on_s, blank_s=blank_s, flicker_hz=flicker_hz)


@pytest.mark.parametrize(
    ("rate_hz", "on_s", "blank_s", "on", "period"),
    [
        (60, 0.1, 0.1, 6, 12),
        (60, 0.2, 0.0, 12, 12),
        (60, 1 / 14, 1 / 14, 4, 9),  # 7 Hz: the period is the nearest, not twice a rounded half
        (144, 0.1, 0.1, 14, 29),
        (60, 0.001, 0.1, 1, 6),  # what is shown is shown for a frame
        (60, 0.1, 0.001, 5, 6),  # and a blank is there for one
    ],
)
def test_times_become_whole_frames(rate_hz: float, on_s: float, blank_s: float, on: int, period: int) -> None:
    frames = trial_frames(trial(on_s, blank_s), rate_hz)
    assert (frames.on, frames.period) == (on, period)


def test_every_frame_of_a_block_is_as_laid_out() -> None:
    trials = (
        Trial(stimulus="a/1", on_s=0.05, blank_s=0.05),
        Trial(stimulus="b/1", on_s=0.1),
        Trial(stimulus="a/2", on_s=0.05, blank_s=0.05),
    )
    block = Block(trials=trials, lead_s=0.1, trail_s=0.05)
    laid = block_frames(block, {"a/1": 0, "a/2": 1, "b/1": 2}, 60.0)
    assert len(laid) == 6 + 3 * 6 + 3
    nothing = [NOTHING] * 3
    assert laid.stimulus.tolist() == [*nothing * 2, 0, 0, 0, *nothing, *[2] * 6, 1, 1, 1, *nothing, *nothing]
    assert {int(k): int(laid.onset[k]) for k in np.flatnonzero(laid.onset != NOTHING)} == {6: 0, 12: 1, 18: 2}
    # white for the first half of each trial, so that a light without a blank has its edges too
    assert np.flatnonzero(laid.patch).tolist() == [6, 7, 8, 12, 13, 14, 18, 19, 20]


def test_flicker_is_light_for_the_first_half_of_each_cycle_and_the_patch_with_it() -> None:
    block = Block(trials=(trial(1.0, 0.0, flicker_hz=12.0),), lead_s=0.0, trail_s=0.0)
    laid = block_frames(block, {"a/1": 0}, 60.0)
    light = laid.stimulus == 0
    assert light.tolist() == ([True] * 3 + [False] * 2) * 12
    assert (laid.patch == light).all()
    assert (laid.onset != NOTHING).sum() == 1  # one marker a trial, not one a cycle


def test_what_a_screen_cannot_reach_is_said_or_refused() -> None:
    def plan(*trials: Trial) -> Plan:
        return Plan(stimuli=STIMULI, parts=(Block(trials=trials),))

    assert reached(plan(trial(0.1, 0.1)), 60.0) == []
    (rate, shown) = reached(plan(trial(1 / 14, 1 / 14)), 60.0)
    assert "6.667 a second" in rate
    assert "7.000 a second" in rate
    assert "66.7 ms in place of 71.4 ms" in shown
    # blanks that were drawn by chance are shown as near as can be, and no word is lost about each
    assert reached(plan(trial(0.2, 0.5422), trial(0.2, 0.5582), trial(0.2, 0.61)), 60.0) == []
    (flicker,) = reached(plan(trial(4.0, 0.0, flicker_hz=11.0)), 60.0)
    assert "12.000 Hz in place of 11 Hz" in flicker
    with pytest.raises(PlanError, match=r"40 Hz.*reaches 30 Hz at most"):
        reached(plan(trial(4.0, 0.0, flicker_hz=40.0)), 60.0)
    with pytest.raises(PlanError, match=r"needs 33\.3 ms"):
        reached(plan(trial(0.01, 0.01)), 60.0)
    assert flicker_rates(60.0)[:4] == [30.0, 20.0, 15.0, 12.0]


def test_dropped_frames_and_jitter_are_counted_within_blocks_only() -> None:
    good = np.arange(101) / 60
    late = good.copy()
    late[50:] += 2 / 60  # two frames were missed there
    found = timing.measure([good, late + 100.0], 60.0, [0.0001, 0.0003])
    assert found is not None
    assert found.frames == 202
    assert found.dropped == 2
    assert found.median_ms == pytest.approx(1e3 / 60)
    assert found.longest_ms == pytest.approx(3e3 / 60)
    assert sum(found.counts) == 200
    assert found.marker_ms == pytest.approx((0.2, 0.3))
    assert timing.measure([np.array([1.0])], 60.0) is None
    screen = Screen("x11", "software", (640, 480), False, 0.0, True, False)
    text = "\n".join(timing.report(found, screen))
    assert "dropped 2" in text
    assert "virtual" in text


def test_vertical_sync_is_believed_only_where_flips_keep_the_screens_time() -> None:
    steady, jumpy = (16.67,) * 40, (15.9, 21.9, 10.9, 15.7, 15.5, 19.4, 12.7) * 6
    known = {"driver": "x11", "renderer": "opengl", "size": (1920, 1080), "full": True, "asked": True}
    assert Screen(**known, refresh_hz=60.0, granted=True, trial_ms=steady).synced
    assert not Screen(**known, refresh_hz=60.0, granted=True, trial_ms=jumpy).synced  # what SDL pretends
    assert not Screen(**known, refresh_hz=60.0, granted=False, trial_ms=steady).synced
    assert not Screen(**known, refresh_hz=0.0, granted=True, trial_ms=steady).synced  # Xvfb
    assert not Screen(**known, refresh_hz=144.0, granted=True, trial_ms=steady).synced
    real = Screen(**known, refresh_hz=59.0, granted=True, trial_ms=(1e3 / 59.94,) * 40)
    assert real.rate_hz == pytest.approx(59.94)  # measured, where the system knows whole numbers only
    assert "vertical sync: yes" in real.words
    assert "calibrate-delay" in real.worth
