"""Accuracy and latency for all pages: computed in a thread, at most every two seconds, from copies."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from display.accuracy import AVERAGE, SINGLE, Accuracy
from display.anytime import Anytime
from display.latency import Spread
from display.panels import Scores
from display.state import State
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


@dataclass(frozen=True)
class Held:
    """What scores are computed from, apart from the state that goes on."""

    accuracy: Accuracy
    anytime: Anytime
    total: Spread
    stages: dict[str, Spread]
    parts: Spread


def hold(state: State) -> Held:
    """Copies of what scores need: quick, as the lock is held meanwhile."""
    return Held(
        state.accuracy.copy(),
        state.anytime.copy(),
        state.latencies.total(RECENT),
        state.latencies.stages(RECENT),
        state.part_latencies.total(RECENT),
    )


def scores(held: Held) -> Scores:
    """Accuracy and latency as drawn; some ten milliseconds."""
    early = {
        "averages": held.anytime.summary(AVERAGE, RESAMPLES),
        "single trials": held.anytime.summary(SINGLE, RESAMPLES),
    }
    return Scores(
        latest=held.accuracy.latest(RESAMPLES),
        single=held.accuracy.single(RESAMPLES),
        by_repeats=held.accuracy.by_repeats(0),
        total=held.total,
        stages=held.stages,
        anytime={name: one for name, one in early.items() if one is not None},
        parts=held.parts,
    )


def scored(view: View) -> Scores:
    """Scores of everything so far; the lock is held only while counts are copied."""
    with view.lock:
        held = hold(view.state)
    return scores(held)
