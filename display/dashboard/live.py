"""The page Live: the pictures found, what was shown, and how good and how fast the answers are."""

from __future__ import annotations

import time
from typing import Any

from nicegui import ui

from display.dashboard import answers
from display.dashboard.view import View
from wire.clock import now

TITLE, PATH = "Live", "/"
WORDS = "The pictures found, ranked, with how likely each is right."
SCORES_EVERY_S = 2.0


class Board(ui.element, component="live.js"):
    """Draws answers and scores in the browser."""

    def __init__(self, first: dict[str, Any]) -> None:
        super().__init__()
        self._props["first"] = first


def build(view: View) -> None:
    """Fill the page."""

    def told() -> dict[str, Any]:
        with view.lock:
            return answers.live(view.state, tuple(view.recent), now(), time.time())

    board = Board(told())
    client = ui.context.client

    def show() -> None:
        if client.has_socket_connection:  # what a viewer who is away missed is not sent after them: the latest is
            board.run_method("show", told())

    client.on_delete(view.follow(show))
    client.on_connect(show)

    async def score() -> None:
        scored = await view.scoring.scores(view)
        with view.lock:
            found = answers.scores(view.state, scored)
        board.run_method("score", found)

    ui.timer(SCORES_EVERY_S, score)
