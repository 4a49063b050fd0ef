"""The page Session: start, pause and stop it, mark what is bad, write notes; what it runs with, and recordings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Literal
from weakref import WeakKeyDictionary

from nicegui import ui

from config.errors import EegseekError
from display.dashboard import recordings_card
from display.dashboard.layout import card, cards
from display.dashboard.player import Player
from display.dashboard.view import View
from wire.packets import Command

TITLE, PATH = "Session", "/session"
WORDS = "Start, pause, stop, mark what is bad, and write notes."
BAD_S = 10.0
LOOK_S = 1.0
MAX_WORDS = 2000
CLOSE_S = 5.0
"""A replay that was begun here has so long to end with the dashboard; then it is left to end by itself."""
Name = Literal["start", "pause", "stop", "note", "bad"]
Ask = Callable[..., Awaitable[bool]]
_players: WeakKeyDictionary[View, Player] = WeakKeyDictionary()


def begin(view: View) -> None:
    """Get ready to play recordings; nothing is started."""
    if view not in _players:
        _players[view] = Player(view.settings.dashboard)


def end(view: View) -> None:
    """End what was started here."""
    if view in _players:
        _players[view].close(CLOSE_S)


def build(view: View) -> None:
    """Fill the page."""
    begin(view)
    with cards():
        with card("Control"):

            async def ask(name: Name, *, text: str = "", seconds: float = 0.0) -> bool:
                try:
                    reply = await view.send(
                        Command(id=view.command_id(), command=name, text=text[:MAX_WORDS], seconds=seconds)
                    )
                    words, good = reply.message or "done", reply.ok
                except EegseekError as error:
                    words, good = str(error), False
                said.set_text(f"{'✓' if good else '✖ refused:'} {words}")
                said.classes(replace=f"said {'good' if good else 'bad'}")
                return good

            _control(view, ask)
            said = ui.label().classes("said").props('role="status" aria-live="polite"').mark("said")
        with card("Mark a bad stretch", hint="What you saw goes wrong: in the journal, and as BAD in the recording."):
            _bad(ask)
        with card("Write a note", hint="Goes into the journal with the time; the session goes on."):
            _note(ask)
        with card("What it runs with", wide=True):
            _facts(view)
    with ui.element("div").classes("cards after"), card("Recordings", wide=True):
        recordings_card.build(view, _players[view])


def _control(view: View, ask: Ask) -> None:
    with ui.dialog() as sure, ui.card():
        ui.label("Stop the session?").classes("big")
        ui.label("Outstanding answers are waited for, the recording is finished, and the session ends.")
        with ui.row():
            ui.button("Stop it", on_click=lambda: sure.submit(True)).props('no-caps color="negative"').mark("stop-sure")
            ui.button("Go on", on_click=lambda: sure.submit(False)).props("no-caps flat autofocus").mark("stop-not")

    async def stop() -> None:
        if await sure:
            await ask("stop")

    with ui.element("div").classes("row"):
        start = ui.button("▶ Start", on_click=lambda: ask("start")).props("no-caps unelevated").mark("start")
        pause = ui.button("❙❙ Pause", on_click=lambda: ask("pause")).props("no-caps outline").mark("pause")
        end = ui.button("■ Stop …", on_click=stop).props('no-caps outline color="negative"').mark("stop")
    ui.label("Start: pictures are answered. Pause: they are rejected until start; the EEG is still recorded.").classes(
        "muted small under"
    )

    def look() -> None:
        with view.lock:
            status = view.state.status
            ended, paused = view.state.ended, status is not None and status.state == "paused"
        start.set_enabled(paused and not ended)
        pause.set_enabled(status is not None and not paused and not ended)
        end.set_enabled(status is not None and not ended)

    look()
    ui.timer(LOOK_S / 4, look)


def _bad(ask: Ask) -> None:
    seconds = ui.number("The last … seconds", value=BAD_S, min=0.1, max=3600, step=1).props("outlined dense")
    why = (
        ui.input("Why, for example: talked, moved").props(f"outlined dense maxlength={MAX_WORDS}").classes("wide-input")
    )

    async def mark() -> None:
        if await ask("bad", text=why.value.strip() or "marked by hand", seconds=float(seconds.value or BAD_S)):
            why.set_value("")

    why.on("keydown.enter", mark)
    ui.button("Mark it bad", on_click=mark).props("no-caps outline").mark("bad")


def _note(ask: Ask) -> None:
    words = (
        ui.textarea("Note").props(f"outlined dense autogrow maxlength={MAX_WORDS}").classes("wide-input").mark("note")
    )

    async def write() -> None:
        if await ask("note", text=words.value.strip()):
            words.set_value("")

    ui.button("Write it down", on_click=write).props("no-caps outline").mark("write-note")


def _facts(view: View) -> None:
    settings = view.settings
    rows = {
        "session": settings.session.name,
        "folder": str(view.folder.absolute()),
        "encoder bundle": settings.inference.encoder or "none",
        "gallery": settings.inference.gallery or "none",
        "what was shown": settings.session.truth or "not known (session.truth)",
    }
    with ui.element("dl").classes("facts"):
        for name, value in rows.items():
            _fact(name, value)
        source = _fact("source", "")
        answering = _fact("answered by", "")
        marked = _fact("gallery has", "")

    def look() -> None:
        with view.lock:
            state = view.state
            status, latest = state.status, state.latest or state.early
            items = state.truth.n_items
        source.set_text(status.source if status else "not heard yet")
        words = "nothing was answered yet"
        if latest is not None:
            words = f"encoder {latest.encoder[:16]}, gallery {latest.gallery[:16]}, {latest.mode} mode"
        answering.set_text(words)
        marked.set_text("unknown" if items is None else f"{items} items")

    look()
    ui.timer(LOOK_S, look)


def _fact(name: str, value: str) -> ui.label:
    with ui.element("dt"):
        ui.label(name)
    with ui.element("dd"):
        return ui.label(value)
