"""The head map: where each channel is, and how good it is, as SVG. Pure.

A state is told by shape, letter and colour, so that no colour vision is needed. Names come over the wire and are
escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape

from display.dashboard.head_table import TABLE

Place = tuple[float, float]
SIZE, MIDDLE, RADIUS = 400.0, 202.0, 158.0
OUTER = 1.3
"""Places further out (neck, cheeks) are drawn here."""
LEAST_APART = 7.0
"""Half the side of the smallest electrode, in units of the drawing."""


@dataclass(frozen=True)
class Look:
    """How a state is drawn.

    Attributes
    ----------
    letter
        Beside the channel's name.
    words
        What it means.
    kind
        Class of the style sheet that colours it.
    shape
        ``circle``, ``square``, ``diamond``, ``triangle`` or ``cross``.
    """

    letter: str
    words: str
    kind: str
    shape: str


LOOKS: dict[str, Look] = {
    "good": Look("", "good", "good", "circle"),
    "noisy": Look("N", "noisy: larger than the limit", "warn", "triangle"),
    "flat": Look("F", "flat: no contact, or not connected", "bad", "square"),
    "railed": Look("R", "railed: at the end of the amplifier's range", "bad", "diamond"),
    "swapped": Look("S", "seems exchanged with another channel", "warn", "diamond"),
    "invalid": Look("X", "invalid: not a number", "bad", "cross"),
}
UNKNOWN = Look("?", "not known yet", "muted", "circle")


@cache
def _table() -> dict[str, dict[str, Place]]:
    """Montages with names in small letters."""
    table = json.loads(TABLE.read_text("utf-8"))
    return {name: {one.lower(): (xy[0], xy[1]) for one, xy in places.items()} for name, places in table.items()}


def plain(name: str) -> str:
    """A channel's name without what amplifiers put around it: ``EEG Fp1-REF`` is ``fp1``."""
    return re.sub(r"^eeg[ _-]*|[ _-]+(ref|le|avg|m1|m2|a1|a2)$", "", name.strip().lower())


def places(channels: Sequence[str]) -> dict[str, Place]:
    """Where channels are, by the montage that has most of them.

    Returns
    -------
    dict
        Channel to right and front, the head's outline having radius 1; channels without a known place are not in it.
    """
    names = {channel: plain(channel) for channel in channels}
    best = max(_table().values(), key=lambda montage: sum(name in montage for name in names.values()))
    return {channel: best[name] for channel, name in names.items() if name in best}


def look(state: str | None) -> Look:
    """How a state is drawn."""
    return UNKNOWN if state is None else LOOKS.get(state, UNKNOWN)


def head_svg(channels: Sequence[str], states: Mapping[str, str], notes: Mapping[str, str] | None = None) -> str:
    """A head from above, the nose up, with every channel and its state.

    Parameters
    ----------
    channels
        All of them; those without a known place stand in rows below the head.
    states
        Channel to state, of `LOOKS`.
    notes
        More words for a channel, shown when it is pointed at.
    """
    known, notes = places(channels), notes or {}
    beside = [channel for channel in channels if channel not in known]
    half = _half(list(known.values()))
    rows, below = [], SIZE
    for k, channel in enumerate(beside):
        x, y = 40 + (k % 6) * 64.0, SIZE + 14 + (k // 6) * 40.0
        rows.append(_electrode(channel, states.get(channel), notes.get(channel, ""), x, y, 16.0))
        below = y + 26
    marks = [
        _electrode(channel, states.get(channel), notes.get(channel, ""), *_on_page(place), half)
        for channel, place in known.items()
    ]
    words = escape(summary(channels, states), quote=True)
    return (
        f'<svg class="head" viewBox="0 0 {SIZE:g} {below:g}" role="img" aria-label="{words}">'
        f'<path class="outline" d="M {MIDDLE - 20:g} {MIDDLE - RADIUS + 2:g} L {MIDDLE:g} {MIDDLE - RADIUS - 22:g} '
        f'L {MIDDLE + 20:g} {MIDDLE - RADIUS + 2:g}"/>'
        f'<circle class="outline" cx="{MIDDLE:g}" cy="{MIDDLE:g}" r="{RADIUS:g}"/>'
        + "".join(marks)
        + "".join(rows)
        + "</svg>"
    )


def summary(channels: Sequence[str], states: Mapping[str, str]) -> str:
    """How many channels are good, and which are not, in a sentence."""
    if not states:
        return "The quality of the channels is not known yet."
    bad = [f"{name} {states[name]}" for name in channels if states.get(name, "good") != "good"]
    good = sum(states.get(name) == "good" for name in channels)
    return f"{good} of {len(channels)} channels are good" + (f"; {', '.join(bad)}." if bad else ".")


def _on_page(place: Place) -> Place:
    x, y = place
    far = (x * x + y * y) ** 0.5
    shrink = min(1.0, OUTER / far) if far else 1.0
    return MIDDLE + x * shrink * RADIUS, MIDDLE - y * shrink * RADIUS


def _half(known: Sequence[Place]) -> float:
    """Half the size of an electrode: as large as neighbours leave room for."""
    page = [_on_page(place) for place in known]
    apart = [
        ((x - u) ** 2 + (y - v) ** 2) ** 0.5 for k, (x, y) in enumerate(page) for u, v in page[:k] if (x, y) != (u, v)
    ]
    return min(20.0, max(LEAST_APART, 0.48 * min(apart, default=40.0)))


def _electrode(name: str, state: str | None, note: str, x: float, y: float, half: float) -> str:
    shown = look(state)
    title = escape(f"{name}: {shown.words}" + (f"; {note}" if note else ""))
    size = half * (0.95 if len(name) <= 2 else 0.78 if len(name) == 3 else 0.6)
    badge = (
        f'<text class="badge" x="{x + half * 1.45:.1f}" y="{y - half * 0.75:.1f}" font-size="{half * 1.2:.1f}">'
        f"{shown.letter}</text>"
        if shown.letter and state is not None
        else ""
    )
    return (
        f'<g class="electrode {shown.kind}" data-channel="{escape(name, quote=True)}" '
        f'data-state="{escape(state or "")}">'
        f"<title>{title}</title>{shape_svg(shown.shape, x, y, half)}"
        f'<text x="{x:.1f}" y="{y + 0.5:.1f}" font-size="{size:.1f}">{escape(name[:6])}</text>{badge}</g>'
    )


def shape_svg(shape: str, x: float, y: float, half: float) -> str:
    """A shape about a point, as SVG."""
    h = half
    corners = {
        "square": ((-1.1, -1.1), (1.1, -1.1), (1.1, 1.1), (-1.1, 1.1)),
        "diamond": ((0, -1.25), (1.25, 0), (0, 1.25), (-1.25, 0)),
        "triangle": ((0, -1.7), (1.6, 1.0), (-1.6, 1.0)),
        "cross": ((-1.1, -0.6), (-0.6, -1.1), (0, -0.5), (0.6, -1.1), (1.1, -0.6), (0.5, 0), (1.1, 0.6), (0.6, 1.1),
                  (0, 0.5), (-0.6, 1.1), (-1.1, 0.6), (-0.5, 0)),
    }.get(shape)  # fmt: skip
    if corners is None:
        return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{h:.1f}"/>'
    points = " ".join(f"{x + u * h:.1f},{y + v * h:.1f}" for u, v in corners)
    return f'<polygon points="{points}"/>'


def legend_svg(states: Mapping[str, str]) -> str:
    """Every state that occurs, with its shape, its letter, what it means and how many channels have it; HTML."""
    rows = []
    for name, shown in LOOKS.items():
        if count := sum(state == name for state in states.values()):
            shape = shape_svg(shown.shape, 12, 12, 7)
            letter = f"<b>{shown.letter}</b> " if shown.letter else ""
            rows.append(
                f'<li><svg width="24" height="24" class="electrode {shown.kind}" aria-hidden="true">{shape}</svg>'
                f"<span>{letter}{escape(shown.words)}: {count}</span></li>"
            )
    return '<ul class="legend">' + "".join(rows) + "</ul>"
