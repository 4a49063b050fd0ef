"""A screen that notes when each answer came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from display.state import State
from wire.clock import now
from wire.packets import Result


class Shown(NamedTuple):
    """An answer: when it was shown, due, and taken in by a worker (shared clock, seconds), and which it is."""

    at_s: float
    due_s: float
    received_s: float
    segment: int
    sequence: int
    commit: int
    worker: str


class Watch:
    """A screen for a `Display` of ours: keeps the moment of every answer, and may act at one.

    Attributes
    ----------
    shown
        Answers in the order they came.
    strike
        Called once, at the moment the next answer comes.
    """

    def __init__(self) -> None:
        self.shown: list[Shown] = []
        self.strike: Callable[[], None] | None = None

    def open(self) -> None:
        """Nothing to get ready."""

    def result(self, state: State, result: Result) -> None:
        """Note an answer."""
        at_s = result.stamps.shown or now()
        stamps = result.stamps
        due_s, received_s = stamps.sample_due or at_s, stamps.received or 0.0
        which = result.segment, result.sequence, result.commit, result.worker
        self.shown.append(Shown(at_s, due_s, received_s, *which))
        strike, self.strike = self.strike, None
        if strike is not None:
            strike()

    def tick(self, state: State, at_s: float) -> None:
        """Nothing to draw."""

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Nothing to let go of."""
