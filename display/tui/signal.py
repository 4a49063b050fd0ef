"""The page Signal: a curve for each channel, with its quality in a letter and in microvolts, and the markers. Pure."""

from __future__ import annotations

from rich.text import Text

from display import panels
from display.panels import STYLE_OF
from display.state import State
from display.tui.braille import trace
from display.tui.sweep import STEPS_UV, WINDOW_S, Sweep
from wire import impedance
from wire.packets import Quality

LETTERS = {"good": "G", "noisy": "N", "flat": "F", "railed": "R", "swapped": "S", "invalid": "I"}
NAME, LEVEL, OHMS = 9, 10, 13
"""Cells left and right of the curves; the last where impedance is measured."""
SHORT: dict[impedance.Grade, str] = {"good": "good", "fair": "fair", "poor": "poor", "open": "open", "short": "low"}
TALLEST = 8


def signal(
    state: State, sweep: Sweep, at_s: float, width: int, height: int, first: int = 0, zoom: int = 0
) -> list[Text]:
    """The page: exactly ``height`` lines of ``width`` cells.

    Parameters
    ----------
    state
        What is known.
    sweep
        The EEG.
    at_s
        Now, acquisition's clock.
    width, height
        Cells.
    first
        Channels left out above, where not all fit.
    zoom
        Steps coarser (above 0) or finer than the scale that fits.
    """
    lines = panels.head(state, at_s, width)
    names = sweep.channels
    left = height - len(lines) - 3
    if not names:
        lines += [panels.heading("signal", width), Text("waiting for samples", "yellow")]
    elif left > 0:
        rows = max(1, min(left // len(names), TALLEST))
        fitting = left // rows
        first = max(0, min(first, len(names) - fitting))
        shown = range(first, min(first + fitting, len(names)))
        lines += _curves(state.quality, sweep, width, rows, shown, zoom)
        lines += [Text()] * (height - len(lines) - 1) + [legend(state.quality)]
    blank = [Text()] * max(height - len(lines), 0)
    return [panels.fit(line, width) for line in [*lines, *blank]][:height]


def half_uv(sweep: Sweep, zoom: int) -> float:
    """Half of a channel's height, µV."""
    place = STEPS_UV.index(sweep.scale_uv()) if sweep.scale_uv() in STEPS_UV else 5
    return STEPS_UV[min(max(place + zoom, 0), len(STEPS_UV) - 1)]


def _curves(quality: Quality | None, sweep: Sweep, width: int, rows: int, shown: range, zoom: int) -> list[Text]:
    ohms = {} if quality is None or not quality.impedance_kohm else quality.electrodes_kohm
    cells = max(width - NAME - LEVEL - (OHMS if ohms else 0), 8)
    envelope, half = sweep.envelope(2 * cells), half_uv(sweep, zoom)
    rated = {} if quality is None else dict(zip(quality.channels, zip(quality.states, quality.rms_uv), strict=True))  # noqa: B905
    more = (
        f", channels {shown[0] + 1}–{shown[-1] + 1} of {len(sweep.channels)}"
        if len(shown) < len(sweep.channels)
        else ""
    )
    title = f"signal, {WINDOW_S:g} s, filtered, each ±{half:g} µV, {sweep.rate_hz:g} Hz{more}"
    lines = [panels.heading(title, width), marks(sweep, cells)]
    for k in shown:
        name = sweep.channels[k]
        state, rms = rated.get(name, ("", None))
        style = STYLE_OF.get(state, "") if state != "good" else ""
        curve = trace(envelope.low[k], envelope.high[k], half, rows)
        middle = (rows - 1) // 2
        for row, dots in enumerate(curve):
            here = row == middle
            line = Text(f"{LETTERS.get(state, '?')} {name[:6]:<6} " if here else " " * NAME, style or "bold")
            line.append(dots, f"not bold {style}".strip())
            told = f"{rms:7.1f} µV" if rms is not None else " " * LEVEL
            if name in ohms:
                told += f" {impedance.amount(ohms[name]):>7} {SHORT[impedance.grade(ohms[name])]}"
            lines.append(line.append(told if here else "", "not bold"))
    return lines


def marks(sweep: Sweep, cells: int) -> Text:
    """The markers over the curves, and the latest one's label."""
    row = [" "] * cells
    for mark in sweep.marks:
        if (place := sweep.column(mark.time_s, cells)) is not None:
            row[place] = "▼" if mark.stimulus else "·"
    latest = next((mark for mark in reversed(sweep.marks) if mark.stimulus), None)
    return Text("markers".ljust(NAME)).append("".join(row), "cyan").append(f" {latest.label}" if latest else "", "")


def legend(quality: Quality | None) -> Text:
    """What the letters mean, and how many channels are so."""
    line = Text()
    for state, letter in LETTERS.items():
        count = 0 if quality is None else sum(one == state for one in quality.states)
        line.append(f" {letter} ", STYLE_OF[state]).append(f"{state} {count}")
    if quality is not None and quality.line_ratio:
        line.append(f" line noise ≤ {max(quality.line_ratio):.0%}", "dim")
    if quality is not None and quality.other_kohm:
        line.append(f" impedance {impedance.listed(quality.other_kohm.items())}", "dim")
    return line
