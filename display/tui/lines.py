"""A widget that shows lines of text and sends only what has changed to the terminal: little over ssh."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class Lines(Widget):
    """Lines, one a row of the screen; what is wider or lower than the widget is cut off."""

    def __init__(self, *, id: str | None = None):
        super().__init__(id=id)
        self._lines: list[Text] = []
        self._strips: dict[int, Strip] = {}
        self._style: Style | None = None

    @property
    def text(self) -> str:
        """What is shown, without colours."""
        return "\n".join(line.plain for line in self._lines)

    def show(self, lines: Sequence[Text]) -> None:
        """Show lines in place of those before."""
        old, self._lines = self._lines, list(lines)
        longest = max(len(old), len(self._lines))
        changed = [y for y in range(longest) if not _same(_at(old, y), _at(self._lines, y))]
        for y in changed:
            self._strips.pop(y, None)
        if changed:
            self.refresh(*(_span(_at(old, y), _at(self._lines, y), y, self.size.width) for y in changed))

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        self._strips.clear()
        self._style = None
        super().notify_style_update()

    def render_lines(self, crop: Region) -> list[Strip]:
        """Rows of a part of the widget (textual asks); without the borders and margins that are not there."""
        return [self._strip(y).crop(crop.x, crop.right) for y in crop.line_range]

    def render_line(self, y: int) -> Strip:
        """One row (textual asks)."""
        return self._strip(y)

    def _strip(self, y: int) -> Strip:
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != self.size.width:
            if self._style is None:
                self._style = self.rich_style
            line, console = _at(self._lines, y), self.app.console
            base = self._style + console.get_style(line.style)  # which render leaves out where a line has one style
            strip = Strip(line.render(console)).adjust_cell_length(self.size.width).apply_style(base)
            for line_filter in self.get_line_filters():
                strip = strip.apply_filter(line_filter, self.background_colors[1])
            self._strips[y] = strip
        return strip


def _at(lines: Sequence[Text], y: int) -> Text:
    return lines[y] if y < len(lines) else _EMPTY


_EMPTY = Text()


def _same(one: Text, other: Text) -> bool:
    return one.plain == other.plain and one.style == other.style and one.spans == other.spans


def _span(old: Text, new: Text, y: int, width: int) -> Region:
    """The cells of a row from the first to the last that differ; the whole row where colours do."""
    if old.style == new.style and old.spans == new.spans and old.cell_len == new.cell_len == len(new) == len(old):
        apart = [x for x, (one, other) in enumerate(zip(old.plain, new.plain, strict=True)) if one != other]
        return Region(apart[0], y, apart[-1] + 1 - apart[0], 1)
    return Region(0, y, width, 1)
