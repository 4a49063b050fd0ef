"""Signal: the EEG as it comes in, how good each channel is, band powers and line noise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from weakref import WeakKeyDictionary

from nicegui import ui
from nicegui.element import Element

from display.dashboard.head import LOOKS, head_svg, legend_svg, summary
from display.dashboard.layout import card
from display.dashboard.signal_feed import SECONDS, Layout, Shared
from display.dashboard.signal_words import (
    SCALES_UV,
    auto_uv,
    bands_html,
    chain_of,
    filtered_words,
    impedance_html,
    line_words,
    notes,
    table_html,
)
from display.dashboard.view import View
from display.decimate import STEP_UV
from wire.packets import Preview, Quality

TITLE = "Signal"
PATH = "/signal"
WORDS = "The EEG of all channels, ten seconds of it, and how good each channel is."
SEND_S, LOOK_S = 0.1, 1.0
AUTO, ALL = 0, -1
CSS = Path(__file__).with_name("signal.css")
LETTERS = {name: [shown.letter, shown.kind] for name, shown in LOOKS.items() if name != "good"}
_shared: WeakKeyDictionary[View, tuple[Shared, str]] = WeakKeyDictionary()


class Canvas(Element, component="signal.js"):
    """The scrolling signal; see ``signal.js``."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.props["seconds"] = seconds


class Viewer:
    """One viewer's page: what it has been sent, and what it has chosen."""

    def __init__(self, view: View, shared: Shared, words: str) -> None:
        self.view = view
        self.shared = shared
        self.words = words
        self.layout: Layout | None = None
        self.number = 0
        self.quality: Quality | None = None
        self.uv = 0
        self.simulated = False
        self.states: dict[str, str] = {}
        self.left: Callable[[], None] | None = None

    def come(self) -> None:
        """The browser has connected, maybe once more."""
        if self.left is None:
            self.left = self.shared.join()

    def leave(self) -> None:
        """It is gone for good."""
        if self.left is not None:
            self.left()

    def build(self) -> None:
        """Make the elements."""
        words = self.words
        with ui.element("div").classes("signal-grid"):
            seen = f"The last {SECONDS:g} s of {words}; each column of pixels has its least and greatest sample."
            with card("Signal", hint=seen):
                with ui.element("div").classes("row"):
                    choices = {AUTO: "fits the signal", **{uv: f"{uv} µV" for uv in SCALES_UV}}
                    self.scale = ui.select(choices, value=AUTO, label="height of a channel", on_change=self.rescale)
                    self.scale.props("dense outlined options-dense").classes("choice").mark("scale")
                    self.freeze = ui.switch("freeze", on_change=self.halt)
                    self.told = ui.label().classes("muted")
                self.canvas = Canvas(SECONDS).classes("signal-wide")
            with ui.element("div").classes("signal-side"):
                with card("Channels"):
                    self.sum = ui.label().classes("muted hint").mark("channels")
                    self.head = ui.html("", sanitize=False)
                    self.legend = ui.html("", sanitize=False)
                heard = f"Of {words}: what filters took away is missing. Last 4 s, and share of 1 to 45 Hz."
                with card("Band powers", hint=heard):
                    self.channel = ui.select({ALL: "median of all channels"}, value=ALL, on_change=self.bands)
                    self.channel.props('dense outlined options-dense aria-label="channel"').classes("choice")
                    self.powers = ui.html("", sanitize=False)
                with card("Line noise", hint="Share of the raw signal's power within 1 Hz of the line frequency."):
                    self.line = ui.label()
                with card("Impedance", hint="What the device measures at each electrode, beside the EEG.") as self.ohms:
                    self.impedance = ui.html("", sanitize=False).mark("impedance")
                self.ohms.set_visibility(False)
                with ui.expansion("Channels in numbers").classes("card").props("dense") as self.open:
                    self.table = ui.html("", sanitize=False).classes("scroll")
        self.look()
        ui.timer(SEND_S, self.send)
        ui.timer(LOOK_S, self.look)

    def send(self) -> None:
        """What has come since."""
        news = self.shared.feed.since(self.number)
        if news.number == self.number or news.layout is None:
            return
        if self.layout != news.layout:
            self.begin(news.layout)
        self.number = news.number
        pieces = [[piece.first, piece.n, piece.packed] for piece in news.pieces]
        self.canvas.run_method("add", pieces, [[mark.time_s, mark.label, mark.stimulus] for mark in news.markers])

    def halt(self) -> None:
        """Let the picture stand still, or go on."""
        self.canvas.run_method("freeze", self.freeze.value)

    def begin(self, layout: Layout) -> None:
        """The channels are known, or have become others."""
        self.layout = layout
        self.canvas.run_method("configure", list(layout.channels), layout.hz, STEP_UV)
        self.channel.set_options({ALL: "median of all channels", **dict(enumerate(layout.channels))}, value=ALL)
        self.states = {}
        self.rescale()
        self.look()

    def rescale(self) -> None:
        """Height of a channel, as chosen or as it fits."""
        self.uv = int(self.scale.value) or auto_uv(self.quality)
        self.canvas.run_method("scale", self.uv)
        if self.layout is not None:
            told = f"{len(self.layout.channels)} channels at {self.layout.rate_hz:g} Hz, each {self.uv} µV high"
            self.told.set_text(told)

    def look(self) -> None:
        """What changes slowly."""
        with self.view.lock:
            quality, status = self.view.state.quality, self.view.state.status
        self.simulated = status is not None and status.simulated
        self.bands()
        if quality is not None and quality is not self.quality:
            self.quality = quality
            self.judge(quality)
        elif quality is None and not self.head.content:
            self.sum.set_text(summary((), {}))
            self.head.set_content(head_svg((), {}))
            self.line.set_text(line_words(None))

    def judge(self, quality: Quality) -> None:
        """How good each channel is."""
        states: dict[str, str] = dict(zip(quality.channels, quality.states, strict=True))
        if states != self.states:
            self.states = states
            self.sum.set_text(summary(quality.channels, states))
            self.head.set_content(head_svg(quality.channels, states, notes(quality)))
            self.legend.set_content(legend_svg(states))
            if self.layout is not None:
                told = [states.get(name, "") for name in self.layout.channels]
                self.canvas.run_method("quality", told, LETTERS)
        self.line.set_text(line_words(quality))
        self.impedance.set_content(impedance_html(quality, simulated=self.simulated))
        self.ohms.set_visibility(bool(quality.electrodes_kohm))
        if self.open.value:
            self.table.set_content(table_html(quality))
        fits = auto_uv(quality)
        if self.scale.value == AUTO and not fits / 2 < self.uv < fits * 3:
            self.rescale()

    def bands(self) -> None:
        """Band powers of the channel that was chosen."""
        channel = int(self.channel.value)
        self.powers.set_content(bands_html(self.shared.feed.bands(), None if channel == ALL else channel))


def begin(view: View) -> None:
    """Get ready what all viewers share: to read a large bundle takes longer than a page may."""
    if view not in _shared:
        shared = Shared(lambda take: view.listen(Preview, take))
        _shared[view] = shared, filtered_words(chain_of(view.settings))


def build(view: View) -> None:
    """Fill the content area for one viewer; previews come while there is one."""
    ui.add_css(CSS.read_text())
    begin(view)
    viewer = Viewer(view, *_shared[view])
    # a browser may ask for a page and never come: who looks is known when it connects
    ui.context.client.on_connect(viewer.come)
    ui.context.client.on_delete(viewer.leave)
    viewer.build()
