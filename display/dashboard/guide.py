"""The page Guide: the steps of a guided session, what is asked now, and the same choices as in the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui

from config.guide import STEPS, Guide, GuideAnswer, Light, Outcome, read_guide, write_answer
from display.dashboard.layout import card, cards
from display.dashboard.search import Ranking
from display.dashboard.view import View

TITLE, PATH = "Guide", "/guide"
WORDS = "A session step by step: find the headset, fit it, calibrate, use, report."
LOOK_S = 0.5
NAMES = {"find": "Find", "fit": "Fit", "calibrate": "Calibrate", "use": "Use", "report": "Report"}
Draw = Callable[[Any], None]
LIGHTS = {"G": ("●", "good"), "Y": ("▲", "warn"), "R": ("✖", "bad"), "?": ("◌", "muted")}
"""A shape beside the letter, so that no colour is needed."""
OUTCOMES = {
    "done": ("✓", "", "good"),
    "aborted": ("✖", ": ended early", "warn"),
    "skipped": ("–", ": left out", "muted"),
}
"""Sign, words and colour of a step that is over."""


class Viewer:
    """One viewer's page. Parts are drawn anew only where what they show has changed: who has the focus keeps it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.guide = read_guide(view.folder)
        self.answered = 0
        self.told = False

    def build(self) -> None:
        """Make the elements."""
        above: tuple[Draw, ...] = (_none, self.simulated, _steps)
        below: tuple[Draw, ...] = (self.asked, _contact, _calibration, _headset, _said)
        self.parts = {draw: ui.element("div").classes("part") for draw in above}
        with cards():
            self.parts |= {draw: ui.element("div").classes("part") for draw in below[:1]}
            Ranking(self.view.folder).build()  # of a free search; nothing without one
            self.parts |= {draw: ui.element("div").classes("part") for draw in below[1:]}
        for draw in self.parts:
            self.draw(draw)
        ui.timer(LOOK_S, self.look)

    def draw(self, draw: Draw) -> None:
        """Draw a part anew; without a guided session only that there is none."""
        self.parts[draw].clear()
        if self.guide is not None or draw is _none:
            with self.parts[draw]:
                draw(self.guide)

    async def look(self) -> None:
        """Show what is new."""
        guide = await asyncio.to_thread(read_guide, self.view.folder)
        before, self.guide = self.guide, guide or self.guide
        with self.view.lock:
            told = self.view.state.simulated
        for draw in self.parts:
            if _seen(draw.__name__, before) != _seen(draw.__name__, self.guide):
                self.draw(draw)
        if told != self.told:
            self.told = told
            self.draw(self.simulated)

    def simulated(self, guide: Guide) -> None:
        """That nobody is measured, where it does not stand above every page already."""
        if guide.simulated and not self.told:
            ui.label("SIMULATED: no living head is measured").classes("simulated").mark("guide-simulated")

    def asked(self, guide: Guide) -> None:
        """What is to be done, and the choices."""
        with card(guide.title, wide=True):
            for words in guide.words:
                ui.label(words)
            if guide.ended:
                ui.label("The session has ended.").classes("big")
            elif guide.question and guide.question == self.answered:
                ui.label("Answered; one moment …").classes("muted").props('role="status"')
            elif guide.question:
                with ui.element("div").classes("row asked"):
                    for choice in guide.choices:
                        kind = "no-caps unelevated" if choice.default else "no-caps outline"
                        press = partial(self.answer, guide.question, choice.name)
                        words = choice.words[:1].upper() + choice.words[1:]
                        ui.button(words, on_click=press).props(kind).mark(f"guide-{choice.name}")

    def answer(self, number: int, choice: str) -> None:
        """Answer a question."""
        self.answered = number
        try:
            write_answer(self.view.folder, GuideAnswer(question=number, choice=choice))
        except OSError as error:
            ui.notify(f"the answer could not be written: {error.strerror}", type="negative")
            self.answered = 0
        self.draw(self.asked)


def build(view: View) -> None:
    """Fill the page."""
    Viewer(view).build()


SEEN: dict[str, tuple[str, ...]] = {
    "_none": (),
    "simulated": ("simulated",),
    "_steps": ("step", "outcomes", "ended"),
    "asked": ("title", "words", "question", "choices", "ended"),
    "_contact": ("lights",),
    "_calibration": ("progress",),
    "_headset": ("can_do",),
    "_said": ("said",),
}
"""What each part shows."""


def _seen(name: str, guide: Guide | None) -> tuple[object, ...] | None:
    return None if guide is None else tuple(getattr(guide, one) for one in SEEN[name])


def _none(guide: Guide | None) -> None:
    if guide is None:
        ui.label("No guided session runs here. This begins one: eegseek session --preset muse --dashboard")


def _contact(guide: Guide) -> None:
    if guide.lights:
        with card("Contact", hint="G good, Y in between, R bad."):
            _lights(guide.lights)


def _calibration(guide: Guide) -> None:
    if guide.progress:
        with card("Calibration"):
            ui.label(guide.progress).mark("guide-progress").props('role="status"')


def _headset(guide: Guide) -> None:
    with card("This headset"):
        ui.label(guide.can_do)


def _said(guide: Guide) -> None:
    with card("Said so far", wide=True), ui.element("div").props('role="log" aria-live="polite"'):
        for line in guide.said[-12:]:
            ui.label(line).classes("small line")


def _steps(guide: Guide) -> None:
    """The five steps, the present one marked."""
    at, outcomes = STEPS.index(guide.step), _outcomes(guide)
    with ui.element("ol").classes("row steps"):
        for number, name in enumerate(STEPS):
            over = None if number == at and not guide.ended else outcomes.get(name)
            sign, told, kind = OUTCOMES[over] if over else ("▶", "", "") if number == at else ("○", "", "muted")
            here = 'aria-current="step"' if number == at else ""
            with ui.element("li").props(here):
                words = ui.label(f"{sign} {number + 1}. {NAMES[name]}{told}").classes(kind)
                if number == at:
                    words.style("font-weight: 700")


def _outcomes(guide: Guide) -> dict[str, Outcome]:
    return {str(step): outcome for step, outcome in guide.outcomes.items()}


def _lights(lights: tuple[Light, ...]) -> None:
    with ui.element("table").classes("plain"):
        for light in lights:
            sign, kind = LIGHTS[light.letter]
            with ui.element("tr"):
                with ui.element("td"):
                    ui.label(light.channel)
                with ui.element("td"):
                    ui.label(f"{sign} {light.letter}").classes(kind).style("white-space: nowrap")
                with ui.element("td").style("text-align: left"):
                    ui.label(light.words)
