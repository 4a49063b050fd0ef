"""The live terminal display: one screen, drawn at most five times a second."""

from __future__ import annotations

from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from display import panels
from display.accuracy import AVERAGE, SINGLE
from display.panels import Scores
from display.plain import summary
from display.state import State
from wire.packets import Result

RECENT = 500
"""Results behind the latency that is drawn."""
RESAMPLES = 300
SCORE_EVERY_S = 1.0
MIN_WIDTH, MIN_HEIGHT = 40, 12


def scores(state: State) -> Scores:
    """What is drawn of accuracy and latency."""
    counted = state.accuracy
    early = {
        "averages": state.anytime.summary(AVERAGE, RESAMPLES),
        "single trials": state.anytime.summary(SINGLE, RESAMPLES),
    }
    return Scores(
        latest=counted.latest(RESAMPLES),
        single=counted.single(RESAMPLES),
        by_repeats=counted.by_repeats(0),
        total=state.latencies.total(RECENT),
        stages=state.latencies.stages(RECENT),
        anytime={name: summary for name, summary in early.items() if summary is not None},
        parts=state.part_latencies.total(RECENT),
    )


def screen(state: State, shown: Scores, at_s: float, width: int, height: int, top_k: int) -> list[Text]:
    """The whole screen: exactly ``height`` lines of ``width`` cells.

    Answers give way first on a small screen, so that counters and states always show.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    top, bottom = panels.head(state, at_s, width), panels.counters(state, width)
    free = height - len(top) - len(bottom)
    held = max((len(answer.hits) for answer in state.latest.answers), default=1) if state.latest else top_k
    top_k = max(1, min(top_k, held, free - 2 - (state.early is not None) - 9))
    answers = panels.answers(state, top_k, width)
    rows = free - len(answers)
    half = (width - 2) // 2
    right = panels.latency(shown, half)
    workers = panels.processes(state, at_s, half)
    lines = [*top, *answers]
    if rows > 0:
        spare = rows - len(right)
        if spare >= 3:  # room under the latencies
            right = [*right, *panels.channels(state.quality, half, spare)]
            left = _stack(panels.accuracy(state, shown, half, rows - min(len(workers), rows // 2)), workers, rows)
        else:
            channels = panels.channels(state.quality, half, 2)
            below = [*channels, *workers][: max(rows - 4, 0)]
            left = _stack(panels.accuracy(state, shown, half, rows - len(below)), below, rows)
        lines += panels.beside(left, right, width, rows)
    return [panels.fit(line, width) for line in [*lines, *bottom]][:height]


def _stack(upper: list[Text], lower: list[Text], rows: int) -> list[Text]:
    """Two blocks in ``rows`` lines, the lower one whole where it can be."""
    return [*upper[: max(rows - len(lower), 1)], *lower]


class Terminal:
    """The live screen. The constructor only stores; it draws on the alternate screen and leaves the summary behind.

    Parameters
    ----------
    top_k
        Hits shown of each answer.
    console
        Where to draw.
    """

    def __init__(self, top_k: int, console: Console | None = None):
        self.top_k = top_k
        self.console = console or Console()
        self._live: Live | None = None
        self._scores: Scores | None = None
        self._scored_s = 0.0

    def open(self) -> None:
        """Take the screen."""
        # drawn by tick alone: a refresh thread of rich would redraw what has not changed
        self._live = Live(console=self.console, screen=True, auto_refresh=False)
        self._live.start()

    def result(self, state: State, result: Result) -> None:
        """Drawn at the next tick."""

    def tick(self, state: State, at_s: float) -> None:
        """Draw."""
        if self._live is None:
            return
        if self._scores is None or at_s - self._scored_s >= SCORE_EVERY_S:
            self._scores, self._scored_s = scores(state), at_s
        size = self.console.size
        lines = screen(state, self._scores, at_s, size.width, size.height, self.top_k)
        self._live.update(Group(*lines), refresh=True)

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Give the screen back and write the summary."""
        if self._live is None:
            return
        self._live.stop()
        self._live = None
        for line in summary(state, numbers):
            self.console.print(line, highlight=False, markup=False)
