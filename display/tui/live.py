"""The page Live: what was found, how often it is right, how long it took, who is well. Pure."""

from __future__ import annotations

from rich.text import Text

from display import panels
from display.panels import Scores
from display.state import State


def live(state: State, shown: Scores, at_s: float, width: int, height: int, top_k: int) -> list[Text]:
    """The page: exactly ``height`` lines of ``width`` cells.

    Answers give way first on a small screen, so that counters and states always show.
    """
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
