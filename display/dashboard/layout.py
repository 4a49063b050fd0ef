"""The frame around every page: name, state and warnings above, the menu, and the content area.

Pages are written with NiceGUI's elements and the helpers here; Tailwind is off, as it costs the browser half a second.
``shell.css`` has the classes (``card``, ``cards``, ``muted``, ``big``, ``row``, ``grow``) and the colours, as variables
that follow light and dark: ``--text --muted --line --card --page`` and those of Okabe and Ito, which people with any
colour vision tell apart: ``--good --warn --bad --blue --sky --purple --orange``. No state is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from display.dashboard.pages import Page
from display.dashboard.view import View
from wire.clock import now

if TYPE_CHECKING:
    from nicegui.element import Element

HEAD_EVERY_S = 0.25
SIGNS = {
    "waiting": "◌", "connected": "●", "stalled": "▲", "lost": "✖", "recovered": "↺", "degraded": "◐",
    "paused": "❙❙", "stopped": "■",
}  # fmt: skip
"""A shape for each state, so that colour is not needed."""
KINDS = {
    "waiting": "warn", "connected": "good", "stalled": "warn", "lost": "bad", "recovered": "good",
    "degraded": "warn", "paused": "warn", "stopped": "muted",
}  # fmt: skip
DARK = """
const wanted = localStorage.getItem('eegseek-dark');
Quasar.Dark.set(wanted === null ? 'auto' : wanted === 'true');
"""
TOGGLE = """
() => { Quasar.Dark.set(!Quasar.Dark.isActive); localStorage.setItem('eegseek-dark', String(Quasar.Dark.isActive)); }
"""
CSS = Path(__file__).with_name("shell.css")


@contextmanager
def frame(view: View, page: Page, pages: Sequence[Page]) -> Iterator[None]:
    """The frame; what is made inside stands in the content area."""
    from nicegui import ui

    ui.add_css(CSS.read_text())
    ui.page_title(f"{page.TITLE} · eegseek")
    ui.query(".nicegui-content").classes("page")
    ui.run_javascript(DARK)
    with ui.element("header").classes("top"):
        ui.html('<a class="skip" href="#content">To the content</a>', sanitize=False)
        with ui.element("div").classes("bar"):
            ui.label("eegseek").classes("name")
            session = ui.label().classes("session")
            state = ui.label().classes("state").props('role="status" aria-live="polite"').mark("state")
            ui.button("Light / dark").props("flat dense no-caps").classes("shade").on("click", js_handler=TOGGLE)
        with ui.element("nav").classes("menu").props('aria-label="Pages"'):
            for other in pages:
                link = ui.link(other.TITLE, other.PATH)
                if other is page:
                    link.classes("here").props('aria-current="page"')
        simulated = ui.label("SIMULATED: no living head is measured").classes("simulated")
        why = ui.label().classes("why").props('role="alert"')

    over = False

    def refresh() -> None:
        nonlocal over
        with view.lock:
            name, words, told, unreal = head(view)
            ended = view.state.ended
        if ended != over:
            over = ended
            ui.run_javascript(f"document.body.classList.toggle('ended', {str(over).lower()})")
        session.set_text(name)
        state.set_text(f"{SIGNS[told]} {told}")
        state.classes(replace=f"state {KINDS[told]}")
        why.set_text(words)
        why.classes(replace=f"why {KINDS[told]}" if words else "gone")
        simulated.set_visibility(unreal)

    refresh()
    ui.timer(HEAD_EVERY_S, refresh)
    with ui.element("main").classes("content").props('id="content" tabindex="-1"'):
        yield


def head(view: View) -> tuple[str, str, str, bool]:
    """Session and source, why it is not well, its state, and whether nobody is measured; under the lock."""
    state, at_s = view.state, now()
    status = state.status
    if status is None:
        return "no session yet", "waiting for acquisition: it is starting, or not running", "waiting", state.simulated
    silent = state.turns.silence(at_s)
    if silent is not None:
        words = f"acquisition is {silent}: {state.turns.silence_words(at_s)}; what is below is the last that was heard"
    elif status.last:
        words = f"the session has ended: {status.message}" if status.message else "the session has ended"
    else:
        words = "" if status.state == "connected" else f"{status.state}: {status.message or 'no reason was told'}"
    rate = status.gauges.get("rate_hz")
    name = " · ".join([status.session, status.source, *([f"{rate:g} Hz"] if rate else [])])
    return name, words, silent or status.state, state.simulated


@contextmanager
def card(title: str, *, hint: str = "", wide: bool = False) -> Iterator[Element]:
    """A block with a heading; in `cards` they stand beside each other as the width allows.

    Parameters
    ----------
    title
        Its heading.
    hint
        A sentence under it that says what the numbers are.
    wide
        As wide as the page.
    """
    from nicegui import ui

    with ui.element("section").classes("card wide" if wide else "card").props(f'aria-label="{_plain(title)}"') as made:
        ui.html(f"<h2>{_plain(title)}</h2>", sanitize=False)
        if hint:
            ui.label(hint).classes("muted hint")
        yield made


@contextmanager
def cards() -> Iterator[Element]:
    """Blocks beside each other."""
    from nicegui import ui

    with ui.element("div").classes("cards") as made:
        yield made


def _plain(words: str) -> str:
    return words.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
