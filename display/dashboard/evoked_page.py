"""Evoked: what pictures do to the EEG on average, category by category, and where on the head."""

from __future__ import annotations

import time
from pathlib import Path
from weakref import WeakKeyDictionary

from nicegui import ui
from nicegui.element import Element

from config.errors import SettingsError
from display.dashboard.evoked_average import EVERY
from display.dashboard.evoked_map import LEAST
from display.dashboard.evoked_store import (
    CURSORS_MS,
    MOST_CURSORS,
    MOST_SHOWN,
    Choice,
    Store,
    first_categories,
    first_channels,
    mappable,
    read_cursors,
)
from display.dashboard.former import Former, Progress
from display.dashboard.head import places
from display.dashboard.layout import card
from display.dashboard.view import View
from wire.packets import Status, Tap

TITLE = "Evoked"
PATH = "/evoked"
WORDS = "The average response to each category of pictures, with its spread, and where on the head it is."
LOOK_S = 0.5
MOST_CHANNELS = 12
MOST_NAMED = 12
CSS = Path(__file__).with_name("signal.css")
CLOSE_S = 2.0
_stores: WeakKeyDictionary[View, tuple[Store, Former]] = WeakKeyDictionary()


class Canvas(Element, component="evoked.js"):
    """The responses and the maps; see ``evoked.js``."""


def begin(view: View) -> None:
    """Count trials from now on, whether somebody looks or not."""
    if view not in _stores:
        store = Store(lambda: view.state.truth, time.time)
        former = Former(view.folder, store.take_former)
        _stores[view] = store, former
        view.listen(Tap, store.take)
        view.listen(Status, former.hear)


def end(view: View) -> None:
    """Give up what is being read."""
    if view in _stores:
        _stores[view][1].close(CLOSE_S)


class Viewer:
    """One viewer's page: what it has chosen, and what it has been sent."""

    def __init__(self, store: Store, former: Former) -> None:
        self.store = store
        self.former = former
        self.sent: tuple[int, Choice] | None = None
        self.known: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())
        self.cursors: tuple[float, ...] = CURSORS_MS
        self.chosen = self.chosen_map = False
        self.offering = False

    def build(self) -> None:
        """Make the elements."""
        hint = "Mean of single trials, as the decoder gets them, and one standard error to either side. Positive is up."
        with card("Evoked responses", wide=True, hint=hint):
            with ui.element("div").classes("row"):
                self.told = ui.label().classes("grow").mark("counted").props('role="status"')
                ui.button("Count from now", on_click=self.restart).props("outline no-caps dense").classes("anew")
            with ui.element("div").classes("row choices"):
                self.channels = self.several("channels", f"at most {MOST_CHANNELS}")
                self.categories = self.several("categories", f"at most {MOST_SHOWN}")
                self.categories.on_value_change(self.choose)
                self.mapped = ui.select([EVERY], value=EVERY, label="maps of", on_change=self.choose_map)
                self.mapped.props("dense outlined options-dense").classes("choice")
                words = ", ".join(f"{ms:g}" for ms in CURSORS_MS)
                self.times = ui.input(
                    "maps at, ms after the onset", value=words, on_change=self.retime, validation=wrong
                )
                self.times.props("dense outlined").classes("choice-wide")
            self.counts = ui.label().classes("muted").mark("counts")
            self.none = ui.label("No trial yet: each accepted picture or stimulus counts as one.").classes("muted")
            self.canvas = Canvas()
            self.far = ui.label().classes("muted hint")
        self.look()
        ui.timer(LOOK_S, self.look)

    def several(self, label: str, most: str) -> ui.select:
        """A choice of several."""
        made = ui.select([], multiple=True, label=f"{label}, {most}", value=[], on_change=self.look)
        return made.props("dense outlined options-dense use-chips").classes("choice-wide")

    def restart(self) -> None:
        """Count from now, for everybody."""
        self.store.restart()
        self.sent = None
        self.look()

    def choose(self) -> None:
        """Categories were chosen by hand: new ones no longer show themselves."""
        self.chosen = self.chosen or not self.offering

    def choose_map(self) -> None:
        """What the maps are of was chosen by hand."""
        self.chosen_map = self.chosen_map or not self.offering
        self.look()

    def retime(self) -> None:
        """Other times for the maps, where they can be read."""
        text = str(self.times.value or "")
        if wrong(text) is None:
            self.cursors = read_cursors(text)
            self.look()

    def look(self) -> None:
        """Show what is new; nothing is sent where nothing is."""
        if self.offering:
            return
        since_s, why, channels, counts, ends = self.store.facts()
        total = sum(counts.values())
        clock = time.strftime("%H:%M:%S", time.localtime(since_s))
        began = f"since {clock} ({why})" if why else since_words(self.former.now, clock)
        self.told.set_text(f"{total} {'trial' if total == 1 else 'trials'} {began}")
        self.counts.set_text(count_words(counts))
        self.offer(channels, counts)
        choice = Choice(
            tuple(self.channels.value[:MOST_CHANNELS]),
            tuple(self.categories.value[:MOST_SHOWN]),
            self.cursors,
            str(self.mapped.value),
        )
        if self.sent == (total, choice):
            return
        self.sent = (total, choice)
        drawn = self.store.drawn(choice) if total else None
        self.none.set_visibility(not total)
        self.canvas.set_visibility(drawn is not None)
        if drawn is not None:
            self.canvas.run_method("show", drawn)
        self.far.set_text(
            remarks(channels, drawn is None or drawn["maps"] is None, ends, self.cursors) if total else ""
        )

    def offer(self, channels: tuple[str, ...], counts: dict[str, int]) -> None:
        """Have new channels and categories in the choices."""
        if not channels or self.known == (channels, tuple(counts)):
            return
        self.offering = True
        if self.known[0] != channels:
            self.channels.set_options(list(channels), value=list(first_channels(channels)))
        kept = [name for name in self.categories.value if name in counts or name == EVERY]
        wanted = kept if self.chosen and kept else list(first_categories(counts))
        self.categories.set_options([EVERY, *counts], value=wanted)
        offered = mappable(counts)
        kept_map = self.chosen_map and self.mapped.value in offered
        # where there are two categories, what tells them apart
        self.mapped.set_options(offered, value=self.mapped.value if kept_map else offered[len(counts) == 2])
        self.known = (channels, tuple(counts))
        self.offering = False


def since_words(former: Progress, clock: str) -> str:
    """From when on trials are counted.

    Parameters
    ----------
    former
        How far those of before this dashboard joined have been read.
    clock
        When it joined.
    """
    return {
        "unasked": f"since {clock}, when this dashboard joined",
        "reading": f"so far; those of before {clock}, when this dashboard joined, are being read: {former.trials}",
        "done": f"since the session began, {former.trials} of them of before {clock}, when this dashboard joined",
        "failed": f"since {clock}, when this dashboard joined; not all of those before can be read: {former.why}",
    }[former.stage]


def count_words(counts: dict[str, int]) -> str:
    """How many trials each category has; of many categories how many there are."""
    if len(counts) <= MOST_NAMED:
        return ", ".join(f"{name}: {n}" for name, n in counts.items())
    return f"{len(counts)} categories, {min(counts.values())} to {max(counts.values())} trials each"


def wrong(text: object) -> str | None:
    """Why what was typed is no list of times; None where it is one."""
    try:
        read_cursors(str(text or ""))
    except SettingsError as error:
        return str(error)
    return None


def remarks(channels: tuple[str, ...], unmapped: bool, ends: tuple[float, float], cursors: tuple[float, ...]) -> str:
    """What a map does not say."""
    placed = len(places(channels))
    inside = [ms for ms in cursors if ends[0] <= ms <= ends[1] + 1e-6]
    if placed < LEAST:
        return f"No maps: they need {LEAST} channels with a known place, and {placed} of {len(channels)} have one."
    if not inside:
        return f"No maps: give times from {ends[0]:g} to {ends[1]:g} ms, at most {MOST_CURSORS}."
    if unmapped:
        return "No maps: what they are to be of has no trials."
    few = " With so few electrodes most of the head is unknown." if placed < 16 else ""
    return f"Maps are interpolated (biharmonic spline) and stop short of where no electrode is near.{few}"


def build(view: View) -> None:
    """Fill the content area for one viewer."""
    ui.add_css(CSS.read_text())
    begin(view)
    store, former = _stores[view]
    if former.late and view.settings.session.journal:
        former.begin()
    Viewer(store, former).build()
