"""The page Timing: milliseconds of every stage, the latest answers, every change of state in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from display import panels
from display.panels import STYLE_OF, Scores
from display.state import State
from display.tui.braille import blocks


def timing(
    state: State, shown: Scores, history_ms: Sequence[float], at_s: float, width: int, height: int, above: int = 0
) -> list[Text]:
    """The page: exactly ``height`` lines of ``width`` cells.

    Parameters
    ----------
    state, shown
        What is known, and scored.
    history_ms
        Times of the latest answers, oldest first, ms.
    at_s
        Now, acquisition's clock.
    width, height
        Cells.
    above
        How many of the newest changes are left out, to see older ones.
    """
    top = panels.head(state, at_s, width)
    stages = panels.latency(shown, width)
    if width >= 100:  # beside each other
        half = (width - 2) // 2
        right = [*panels.processes(state, at_s, half), *panels.channels(state.quality, half, 2)]
        stages = panels.beside(panels.latency(shown, half), right, width, max(len(stages), len(right)))
    lines = [*top, *stages, *history(history_ms, width)]
    left = height - len(lines)
    lines += changes(state, at_s, width, left, above)
    blank = [Text()] * max(height - len(lines), 0)
    return [panels.fit(line, width) for line in [*lines, *blank]][:height]


def history(values_ms: Sequence[float], width: int) -> list[Text]:
    """The latest answers' times as a row of bars."""
    lines = [panels.heading("each answer, ms from the last needed sample to the screen", width)]
    if not values_ms:
        return [*lines, Text("no answer yet", "dim")]
    shown = list(values_ms)[-4 * width :]
    top = max(shown)
    words = f" 0–{top:.1f} ms, {len(shown)} answers"
    return [*lines, Text(blocks(shown, width - len(words), top), "cyan").append(words, "dim")]


def changes(state: State, at_s: float, width: int, rows: int, above: int) -> list[Text]:
    """Changes of state, the newest first, in ``rows`` lines."""
    if rows < 2:
        return []
    kept = list(state.turns.kept)[::-1]
    above = min(above, max(len(kept) - rows + 1, 0))
    title = f"changes of state, {state.turns.count}" + (f", {above} newer above" if above else "")
    lines = [panels.heading(title, width)]
    for change in kept[above : above + rows - 1]:
        line = Text(f"{ago(at_s - change.time_s):>12}  ", "dim").append(f"{change.name}: ", "not dim")
        line.append(change.state, f"not dim {STYLE_OF[change.state]}")
        lines.append(line.append(f": {change.message}" if change.message else "", "not dim"))
    return lines


def ago(seconds: float) -> str:
    """How long ago, for people: ``12 s ago``, ``3 min ago``."""
    if seconds < 60:
        return f"{max(seconds, 0):.0f} s ago"
    return f"{seconds // 60:.0f} min ago" if seconds < 5400 else f"{seconds / 3600:.1f} h ago"
