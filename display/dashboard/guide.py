"""The page Guide: the steps of a guided session, what is asked now, and the same choices as in the terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from nicegui import ui

from config.guide import STEPS, Guide, GuideAnswer, Light, read_guide, write_answer
from display.dashboard.layout import card, cards
from display.dashboard.view import View

TITLE, PATH = "Guide", "/guide"
WORDS = "A session step by step: find the headset, fit it, calibrate, use, report."
LOOK_S = 0.5
NAMES = {"find": "Find", "fit": "Fit", "calibrate": "Calibrate", "use": "Use", "report": "Report"}
LIGHTS = {"G": ("●", "good"), "Y": ("▲", "warn"), "R": ("✖", "bad"), "?": ("◌", "muted")}
"""A shape beside the letter, so that no colour is needed."""


def build(view: View) -> None:
    """Fill the page."""
    shown: list[Guide | None] = [read_guide(view.folder)]
    answered: list[int] = [0]

    def answer(number: int, choice: str) -> None:
        answered[0] = number
        try:
            write_answer(view.folder, GuideAnswer(question=number, choice=choice))
        except OSError as error:
            ui.notify(f"the answer could not be written: {error.strerror}", type="negative")
            answered[0] = 0
        draw.refresh()

    @ui.refreshable
    def draw() -> None:
        guide = shown[0]
        if guide is None:
            ui.label("No guided session runs here. This begins one: eegseek session --preset muse --dashboard")
            return
        with view.lock:
            told = view.state.simulated  # then it stands above every page
        if guide.simulated and not told:
            ui.label("SIMULATED: no living head is measured").classes("simulated").mark("guide-simulated")
        _draw(guide, answered[0], answer)

    draw()

    async def look() -> None:
        guide = await asyncio.to_thread(read_guide, view.folder)
        if guide is not None and guide != shown[0]:
            shown[0] = guide
            draw.refresh()

    ui.timer(LOOK_S, look)


def _draw(guide: Guide, answered: int, answer: Callable[[int, str], None]) -> None:
    _steps(guide)
    with cards():
        with card(guide.title, wide=True):
            for words in guide.words:
                ui.label(words)
            if guide.ended:
                ui.label("The session has ended.").classes("big")
            elif guide.question and guide.question == answered:
                ui.label("Answered; one moment …").classes("muted")
            elif guide.question:
                with ui.element("div").classes("row"):
                    for choice in guide.choices:
                        kind = "no-caps unelevated" if choice.default else "no-caps outline"
                        press = partial(answer, guide.question, choice.name)
                        words = choice.words[:1].upper() + choice.words[1:]
                        ui.button(words, on_click=press).props(kind).mark(f"guide-{choice.name}")
        if guide.lights:
            with card("Contact", hint="G good, Y in between, R bad."):
                _lights(guide.lights)
        if guide.progress:
            with card("Calibration"):
                ui.label(guide.progress).mark("guide-progress")
        with card("This headset"):
            ui.label(guide.can_do)
        with card("Said so far", wide=True), ui.element("div").props('role="log" aria-live="polite"'):
            for line in guide.said[-12:]:
                ui.label(line).classes("small")


def _steps(guide: Guide) -> None:
    """The five steps, the present one marked."""
    at = STEPS.index(guide.step)
    with ui.element("ol").classes("row").style("list-style: none; padding: 0; margin: 0 0 12px"):
        for number, name in enumerate(STEPS):
            done = (number < at and name in guide.reached) or (number == at and guide.ended)
            sign = "✓" if done else "▶" if number == at else "–" if number < at else "○"
            here = 'aria-current="step"' if number == at else ""
            kind = "good" if done else "" if number == at else "muted"
            with ui.element("li").props(here):
                words = ui.label(f"{sign} {number + 1}. {NAMES[name]}").classes(kind)
                if number == at:
                    words.style("font-weight: 700")


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
