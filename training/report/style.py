"""How the figures of a report look: colours that colour-blind people can tell apart, on light and on dark pages."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#56b4e9", "#cc79a7"
COLOURS = (BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE)
"""Okabe and Ito's, which hold on light and on dark ground."""
MARKERS = ("o", "s", "^", "D", "v", "P")
SEQUENTIAL, DIVERGING = "cividis", "PuOr_r"
INK, FAINT = "#0a0b0c", "#7a7b7c"
"""Stand-ins: in the written SVG they become variables that follow the reader's colour scheme."""
SCHEME = (
    "<style>:root{--ink:#1c2024;--faint:#7d858f}"
    "@media (prefers-color-scheme: dark){:root{--ink:#e6e8eb;--faint:#8d96a1}}</style>"
)
SETTINGS: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "path",
    "svg.hashsalt": "eegseek",
}


@dataclass(frozen=True)
class Figure:
    """A figure of the page.

    Attributes
    ----------
    source
        Data URI of an SVG.
    alt
        What it shows, for who cannot see it.
    title, caption
        With units and n.
    wide
        It takes the whole width of the page.
    """

    source: str
    alt: str
    title: str
    caption: str
    wide: bool = False


@contextmanager
def drawing(width: float = 5.2, height: float = 3.4, rows: int = 1, columns: int = 1) -> Iterator[tuple[Any, Any]]:
    """A figure (inches) and its axes, in our style; closed afterwards."""
    import matplotlib
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure as Drawn

    with matplotlib.rc_context(SETTINGS):
        figure = Drawn(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        yield figure, figure.subplots(rows, columns)


def source_of(figure: Any) -> str:
    """Data URI of a drawn figure, whose ink follows the reader's colour scheme."""
    out = io.StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    text = out.getvalue()
    text = text[text.index("<svg") :]  # the document type names an address, and a page needs none
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text.replace(INK, "var(--ink)").replace(FAINT, "var(--faint)")
    start = text.index(">", text.index("<svg")) + 1
    text = text[:start] + SCHEME + text[start:]
    return "data:image/svg+xml;base64," + base64.b64encode(text.encode()).decode()
