"""Which frame shows what: trials in seconds become whole frames of a screen. Pure.

A screen shows whole frames only, so a time that is asked for becomes the nearest one that the screen can show; what
that is, `reached` says before anything is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.errors import PlanError
from config.presentation import Block, Plan, Trial

NOTHING = -1
TOLERANCE = 0.01
"""Times and rates that are reached to within this share are not worth a word."""


@dataclass(frozen=True)
class TrialFrames:
    """A trial in frames.

    Attributes
    ----------
    on
        How many the stimulus is shown for, its flicker's dark ones included.
    period
        From this onset to the next.
    cycle
        Frames of one cycle of the flicker, the first half of them light; 0: it does not flicker.
    """

    on: int
    period: int
    cycle: int = 0

    def shows(self, frame: int) -> bool:
        """Whether the stimulus is on the screen at a frame of the trial, from 0."""
        if frame >= self.on:
            return False
        return not self.cycle or frame % self.cycle < (self.cycle + 1) // 2


@dataclass(frozen=True)
class BlockFrames:
    """A block in frames; every array has (frames,).

    Attributes
    ----------
    stimulus
        int32: row of the plan's stimuli that is shown, or ``NOTHING``.
    onset
        int32: place in the block of the trial that begins with this frame, or ``NOTHING``.
    patch
        bool: the photodiode's patch is white.
    """

    stimulus: NDArray[np.int32]
    onset: NDArray[np.int32]
    patch: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.stimulus)


def trial_frames(trial: Trial, rate_hz: float) -> TrialFrames:
    """A trial on a screen of so many frames a second.

    The whole trial is rounded to frames first, so that a rate of stimuli is as near as it can be, then the part of it
    in which the stimulus is on; what is shown is on for one frame at least, and so is a blank.

    Raises
    ------
    PlanError
        It is shorter than the frames it needs, or flickers faster than the screen can.
    """
    whole = trial.on_s + trial.blank_s
    period = round(whole * rate_hz)
    needed = 2 if trial.blank_s else 1
    if period < needed:
        raise PlanError(
            f"stimulus '{trial.stimulus}' is to last {whole * 1e3:.1f} ms with its blank, and a screen of "
            f"{rate_hz:g} Hz needs {needed / rate_hz * 1e3:.1f} ms for that; show it longer"
        )
    on = min(max(1, round(trial.on_s * rate_hz)), period - 1 if trial.blank_s else period)
    return TrialFrames(on, period, _cycle(trial, rate_hz) if trial.flicker_hz else 0)


def block_frames(block: Block, rows: dict[str, int], rate_hz: float) -> BlockFrames:
    """A block on a screen.

    Parameters
    ----------
    block
        Of the plan.
    rows
        Row of each stimulus, by its id.
    rate_hz
        Frames a second.

    Raises
    ------
    PlanError
        As `trial_frames`.
    """
    timed = [trial_frames(trial, rate_hz) for trial in block.trials]
    lead, trail = (round(seconds * rate_hz) for seconds in (block.lead_s, block.trail_s))
    count = lead + sum(trial.period for trial in timed) + trail
    stimulus = np.full(count, NOTHING, dtype=np.int32)
    onset = np.full(count, NOTHING, dtype=np.int32)
    patch = np.zeros(count, dtype=np.bool_)
    at = lead
    for place, (trial, frames) in enumerate(zip(block.trials, timed, strict=True)):
        onset[at] = place
        shown = np.array([frames.shows(k) for k in range(frames.on)], dtype=np.bool_)
        stimulus[at : at + frames.on][shown] = rows[trial.stimulus]
        patch[at : at + frames.on] = shown & _white(frames)
        at += frames.period
    return BlockFrames(stimulus, onset, patch)


def reached(plan: Plan, rate_hz: float) -> list[str]:
    """What the screen cannot show as it was asked for, in words; nothing where all of it can.

    Raises
    ------
    PlanError
        As `trial_frames`.
    """
    trials = [trial for _, trial in plan.trials()]
    lengths = Counter(round(trial.on_s + trial.blank_s, 6) for trial in trials)
    said: dict[str, None] = {}
    for trial in trials:
        # a length that was drawn by chance is as good as the nearest one that can be shown
        usual = 2 * lengths[round(trial.on_s + trial.blank_s, 6)] > len(trials)
        for words in _differences(trial, trial_frames(trial, rate_hz), rate_hz, usual):
            said.setdefault(words)
    return list(said)


def length_s(plan: Plan) -> float:
    """How long the blocks take, s; pauses come on top."""
    return sum(
        block.lead_s + block.trail_s + sum(trial.on_s + trial.blank_s for trial in block.trials)
        for block in plan.blocks
    )


def flicker_rates(rate_hz: float, below_hz: float = 60.0) -> list[float]:
    """Frequencies of flicker that a screen reaches exactly, Hz, the highest first."""
    return [rate_hz / cycle for cycle in range(2, int(rate_hz) + 1) if rate_hz / cycle <= below_hz]


def _cycle(trial: Trial, rate_hz: float) -> int:
    if trial.flicker_hz > rate_hz / 2:
        raise PlanError(
            f"stimulus '{trial.stimulus}' is to flicker at {trial.flicker_hz:g} Hz, and a screen of {rate_hz:g} Hz "
            f"reaches {rate_hz / 2:g} Hz at most; choose a lower frequency"
        )
    return round(rate_hz / trial.flicker_hz)


def _white(frames: TrialFrames) -> NDArray[np.bool_]:
    """Frames of a trial at which the patch may be white: with the flicker, else the first half of the trial."""
    if frames.cycle:
        return np.ones(frames.on, dtype=np.bool_)
    return np.arange(frames.on) < max(1, frames.period // 2)


def _differences(trial: Trial, frames: TrialFrames, rate_hz: float, usual: bool) -> Iterator[str]:
    whole = trial.on_s + trial.blank_s
    if usual and _off(frames.period / rate_hz, whole):
        yield (
            f"one stimulus every {frames.period / rate_hz * 1e3:.1f} ms ({rate_hz / frames.period:.3f} a second) in "
            f"place of {whole * 1e3:.1f} ms ({1 / whole:.3f} a second): {frames.period} frames of {rate_hz:g} Hz"
        )
    if _off(frames.on / rate_hz, trial.on_s):
        yield f"shown for {frames.on / rate_hz * 1e3:.1f} ms in place of {trial.on_s * 1e3:.1f} ms"
    if frames.cycle and _off(rate_hz / frames.cycle, trial.flicker_hz):
        yield (
            f"flicker of {rate_hz / frames.cycle:.3f} Hz in place of {trial.flicker_hz:g} Hz: "
            f"{frames.cycle} frames of {rate_hz:g} Hz"
        )


def _off(got: float, wanted: float) -> bool:
    return abs(got - wanted) > TOLERANCE * wanted
