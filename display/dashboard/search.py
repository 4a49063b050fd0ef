"""The ranking of a free search on the page Guide: pictures large, best first, with label and score."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

from nicegui import ui

from config.errors import SettingsError
from config.search import SEARCH_JSON, Ranked, SearchState, found
from config.session_ask import read_ask, search_gallery
from display.dashboard.layout import card

LOOK_S = 1.0
PLACE = "/search-picture"
"""Where pictures of the searched gallery are served."""
SHOWN, LARGE = 15, 5
"""Places that are shown, and of these the large ones."""
WIDTHS = ("min(100%, 200px)", "min(45%, 120px)")
HINT = "Ranked towards what was attended to. The score is the cosine of a picture with the query, from -1 to 1."


def gallery_of(folder: Path) -> Path | None:
    """Folder of the gallery that the session of a folder searches; None where no guided session does."""
    try:
        return search_gallery(read_ask(folder), folder)
    except SettingsError:
        return None


class Ranking:
    """One viewer's ranking, drawn anew where a round was added.

    Parameters
    ----------
    folder
        Of the session.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state: SearchState | None = None
        self._seen: tuple[int, int] | None = None

    def build(self) -> None:
        """Make the elements; without a search there are none."""
        self._read()
        self.part = ui.element("div").classes("part")
        self._draw()
        ui.timer(LOOK_S, self.look)

    async def look(self) -> None:
        """Show what is new."""
        if await asyncio.to_thread(self._read):
            self._draw()

    def _read(self) -> bool:
        """Read the file where it has changed; whether there is something new."""
        try:
            about = (self.folder / SEARCH_JSON).stat()
        except OSError:
            return False
        seen = about.st_mtime_ns, about.st_size
        if seen == self._seen:
            return False
        state = found(self.folder)
        if state is not None:
            self._seen, self.state = seen, state
        return state is not None

    def _draw(self) -> None:
        self.part.clear()
        if self.state is not None and self.state.rounds:
            with self.part:
                self._ranking(self.state)

    def _ranking(self, state: SearchState) -> None:
        number, last = len(state.rounds), state.rounds[-1]
        simulated = "SIMULATED. " if state.simulated else ""
        with card(f"Found so far: {state.items} pictures, ranked after round {number}", hint=simulated + HINT,
                  wide=True):  # fmt: skip
            best = list(enumerate(last.best[:SHOWN], 1))
            for part in (best[:LARGE], best[LARGE:]):
                with ui.element("ol").classes("row").style("list-style: none; padding: 0; margin: 0") as places:
                    places.props["start"] = part[0][0] if part else 1
                    for place, one in part:
                        _place(place, one)
            ui.label(
                f"Round {number}: {last.shown} pictures shown, {len(last.seen)} answered, {last.rejected} rejected."
            ).classes("muted small")


def _place(place: int, one: Ranked) -> None:
    with ui.element("li").style(f"width: {WIDTHS[place > LARGE]}; margin: 0 6px 10px 0").mark(f"search-{place}"):
        picture = ui.element("img").style("width: 100%; border-radius: 6px; display: block")
        picture.props["src"] = f"{PLACE}?item={quote(one.id, safe='')}"
        picture.props["alt"] = one.label
        ui.label(f"{place}. {one.label}").classes("" if place <= LARGE else "small")
        ui.label(f"score {one.score:+.2f}").classes("muted small")
