"""The recordings on the page Session: each can be played again, beside the session that is live."""

from __future__ import annotations

import asyncio
from functools import partial

from nicegui import ui

from config.errors import EegseekError
from display.dashboard import recordings
from display.dashboard.player import Player
from display.dashboard.recordings import Recording
from display.dashboard.replay import SPEEDS, Playing
from display.dashboard.view import View

LOOK_S = 0.3
WORDS = (
    "Sessions in the same folder, latest first. Play it shows the last segment of one again while this session goes "
    "on: at low priority, on a page of its own, and nothing of it is recorded. One at a time. The command does the "
    "same in a terminal, and records it as a session."
)


class Card:
    """One viewer's list, and what is being played."""

    def __init__(self, view: View, player: Player, host: str) -> None:
        self.view = view
        self.player = player
        self.host = host
        self.told: Playing | None = None
        self.buttons: list[ui.button] = []

    def build(self) -> None:
        """Make the elements."""
        ui.label(WORDS).classes("muted hint")
        with ui.element("div").classes("row"):
            self.speed = ui.select(SPEEDS, value=1.0, label="how fast").props("dense outlined options-dense")
            self.speed.classes("choice").mark("replay-speed")
            ui.button("Look again", on_click=self.fill).props("no-caps flat dense")
        with ui.element("div").classes("replaying gone").mark("replaying") as self.box:
            self.said = ui.label().props('role="status" aria-live="polite"').classes("grow").mark("replay-said")
            self.link = ui.link("Open its dashboard", "", new_tab=True).classes("strong").mark("replay-open")
            self.link.props('rel="noopener"')
            self.end = ui.button("■ Stop the replay", on_click=self.player.stop).mark("replay-stop")
            self.end.props('no-caps outline dense color="negative"')
        self.place = ui.element("div").classes("recordings")
        ui.timer(0.0, self.fill, once=True)
        ui.timer(LOOK_S, self.look)
        self.look()

    async def fill(self) -> None:
        """Show what is on the disk."""
        found = await asyncio.to_thread(recordings.listed, self.view.settings)
        self.place.clear()
        self.buttons.clear()
        with self.place:
            if not found:
                ui.label("None yet.").classes("muted")
            for one in found:
                self.row(one)
        self.told = None
        self.look()

    def row(self, one: Recording) -> None:
        """A recording."""
        own = " (this session, so far)" if one.name == self.view.folder.name else ""
        with ui.element("div").classes("recording"):
            with ui.element("div").classes("row"):
                play = ui.button("▶ Play it", on_click=partial(self.play, one))
                play.props("no-caps outline dense").props["aria-label"] = f"Play {one.name} again"  # any name at all
                self.buttons.append(play)
                with ui.element("div").classes("grow"):
                    ui.label(one.name + own).classes("strong")
                    ui.label(one.words).classes("muted small")
            with ui.element("div").classes("row"):
                ui.html(f"<code>{recordings.escaped(one.command)}</code>", sanitize=False).classes("command")
                copy = ui.button("Copy", on_click=lambda: ui.clipboard.write(one.command))
                copy.props("no-caps flat dense").props["aria-label"] = f"Copy the command for {one.name}"

    def play(self, one: Recording) -> None:
        """Start it; what is played was found by this process, and never named by the browser."""
        try:
            self.player.start(one, float(self.speed.value))
        except EegseekError as error:
            ui.notify(str(error), type="negative")
        self.look()

    def look(self) -> None:
        """Show how the replay goes."""
        now = self.player.now
        if now == self.told:
            return
        self.told = now
        kind = {"failed": "bad", "ended": "good"}.get(now.stage, "")
        self.box.classes(replace="gone" if now.stage == "idle" else f"replaying row {kind}".strip())
        self.said.set_text(now.words)
        address = now.address(self.host)
        self.link.props["href"] = address
        self.link.set_visibility(bool(address))
        self.end.set_visibility(now.stage in ("starting", "playing"))
        for button in self.buttons:
            button.set_enabled(not now.runs)


def build(view: View, player: Player) -> None:
    """Fill the card for one viewer."""
    request = ui.context.client.request
    Card(view, player, request.url.hostname or "127.0.0.1").build()
