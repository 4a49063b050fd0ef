"""Accuracy and latency for all pages: computed in a thread, at most every two seconds, from copies."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from display.accuracy import AVERAGE, SINGLE, Accuracy
from display.anytime import Anytime
from display.latency import Spread
from display.panels import Scores
from wire.clock import now

if TYPE_CHECKING:
    from display.dashboard.view import View

RECENT = 500
RESAMPLES = 300
EVERY_S = 2.0


class Scoring:
    """The latest scores; shared by all viewers."""

    def __init__(self) -> None:
        self._kept: Scores | None = None
        self._of = -1
        self._at_s = float("-inf")
        self._busy = asyncio.Lock()

    async def scores(self, view: View) -> Scores:
        """Scores that are at most two seconds old, or of all results so far."""
        async with self._busy:
            old = now() - self._at_s > EVERY_S and self._of != view.state.results
            if self._kept is None or old:
                self._of, self._at_s = view.state.results, now()
                self._kept = await asyncio.to_thread(scored, view)
            return self._kept


def scored(view: View) -> Scores:
    """Scores of everything so far; the lock is held only while lists are copied."""
    with view.lock:
        state = view.state
        trials = {version: list(one) for version, one in state.accuracy.trials.items()}
        accuracy = Accuracy(trials, dict(state.accuracy.withheld), state.accuracy.depth)
        anytime: Anytime = state.anytime.copy()
        total, stages = state.latencies.total(RECENT), state.latencies.stages(RECENT)
        parts: Spread = state.part_latencies.total(RECENT)
    early = {"averages": anytime.summary(AVERAGE, RESAMPLES), "single trials": anytime.summary(SINGLE, RESAMPLES)}
    return Scores(
        latest=accuracy.latest(RESAMPLES),
        single=accuracy.single(RESAMPLES),
        by_repeats=accuracy.by_repeats(0),
        total=total,
        stages=stages,
        anytime={name: one for name, one in early.items() if one is not None},
        parts=parts,
    )
