"""The dashboard's pages, in the order of its menu. A new page is a module, and a line here.

A page's module has ``TITLE`` (in the menu), ``PATH`` (in the address), ``WORDS`` (one sentence: what is seen here) and
``build(view)``, which fills the content area with elements of `display.dashboard.layout` and NiceGUI. It runs once for
every viewer who opens the page, in the server's thread. A module that has ``begin(view)`` is told when the server
starts, one that has ``end(view)`` when it has ended.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from display.dashboard.view import View

PAGES: tuple[str, ...] = (
    "display.dashboard.live",
    "display.dashboard.signal_page",
    "display.dashboard.evoked_page",
    "display.dashboard.timing",
    "display.dashboard.session",
    "display.dashboard.guide",
)


class Page(Protocol):
    """What a page's module has."""

    TITLE: str
    PATH: str
    WORDS: str

    def build(self, view: View) -> None:
        """Fill the content area."""
        ...


def pages() -> list[Page]:
    """The modules, loaded: NiceGUI comes with them."""
    return [cast(Page, importlib.import_module(name)) for name in PAGES]
