"""Two sets of colours, dark and light, that people with any colour vision tell apart (Okabe and Ito 2008).

A colour never stands alone: words, letters or signs say the same.
"""

from __future__ import annotations

from rich.terminal_theme import TerminalTheme
from textual.theme import Theme

DARK, LIGHT = "eegseek-dark", "eegseek-light"

_Colour = tuple[int, int, int]


def _terminal(back: _Colour, front: _Colour, named: list[_Colour]) -> TerminalTheme:
    """What the colour names black, red, green, yellow, blue, magenta, cyan, white stand for."""
    return TerminalTheme(back, front, named, named)


ON_DARK = _terminal(
    (18, 20, 24), (225, 228, 232),
    [(0, 0, 0), (240, 122, 60), (45, 190, 140), (240, 190, 60), (90, 170, 235), (214, 140, 185), (110, 195, 240),
     (225, 228, 232)],
)  # fmt: skip
"""Vermilion for red, bluish green for green, orange for yellow: lightened for a dark ground."""
ON_LIGHT = _terminal(
    (255, 255, 255), (25, 28, 32),
    [(255, 255, 255), (178, 62, 0), (0, 110, 80), (140, 90, 0), (0, 90, 150), (150, 60, 115), (0, 95, 155),
     (255, 255, 255)],
)  # fmt: skip
"""The same hues, darkened until text has a contrast of at least 4.5 to 1 on white (WCAG 2.2, AA); what is black on a
colour elsewhere is white on it here."""

THEMES = (
    Theme(
        name=DARK, primary="#6ec3f0", foreground="#e1e4e8", background="#121418", surface="#1c2026", panel="#262b33",
        warning="#f0be3c", error="#f07a3c", success="#2dbe8c", dark=True,
    ),
    Theme(
        name=LIGHT, primary="#005f9b", foreground="#191c20", background="#ffffff", surface="#f2f4f6", panel="#e4e8ec",
        warning="#8c5a00", error="#b23e00", success="#006e50", dark=False,
    ),
)  # fmt: skip


def begin_with(colorfgbg: str) -> str:
    """Theme for a terminal that tells its colours by the variable ``COLORFGBG`` ("0;15"); dark where it does not."""
    last = colorfgbg.rpartition(";")[2]
    return LIGHT if last.isdigit() and int(last) in (7, 15) else DARK


def contrast(one: _Colour, other: _Colour) -> float:
    """Contrast of two colours as WCAG 2.2 defines it, 1 to 21."""

    def luminance(colour: _Colour) -> float:
        parts = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
