"""The page Timing: where the time goes, how evenly, what was counted, and how the states went on."""

from __future__ import annotations

from typing import Any

from nicegui import ui

from display.dashboard import timed
from display.dashboard.view import View
from wire.clock import now

TITLE, PATH = "Timing", "/timing"
WORDS = "Latency by stage, counters, and every change of state."
EVERY_S = 1.0


class Chart(ui.element, component="timing.js"):
    """Draws latencies, counters and states in the browser."""

    def __init__(self, first: dict[str, Any]) -> None:
        super().__init__()
        self._props["first"] = first


def build(view: View) -> None:
    """Fill the page."""
    with view.lock:
        first = timed.timing(view.state, tuple(view.history), now())
    chart = Chart(first)
    told = first

    async def refresh() -> None:
        nonlocal told
        scored = await view.scoring.scores(view)
        with view.lock:
            found = timed.timing(view.state, tuple(view.history), now(), scored)
        changed = {name: value for name, value in found.items() if told.get(name) != value}
        told = found
        if changed:
            chart.run_method("show", changed)

    ui.timer(EVERY_S, refresh)
