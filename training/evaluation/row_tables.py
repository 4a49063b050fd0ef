"""Draws the rows of an evaluation for a terminal: for each protocol its main scores, and below what else there is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from training.protocols.schema import Metric, Report, Row
from training.report import words

HEADLINES = {
    "top1": "top-1",
    "top5": "top-5",
    "mrr": "MRR",
    "auc": "AUC",
    "auroc": "AUROC",
    "category_auc": "category AUC",
}
"""Columns of a table, where its rows have them; what the width has no room for goes into the list below it."""
GAP = 2
FEWEST_WHAT = 24
"""Columns of text below which what was told apart gets a line of its own."""
MORE = "Every score at every repeat count, with tests: --json FILE, --csv FILE, or as a page: --report FOLDER."


def evaluation(found: Report) -> RenderableType:
    """A whole report, as text."""
    parts: list[RenderableType] = [Text(_head(found))]
    names = list(dict.fromkeys(row.protocol for row in found.rows))
    tables = [ProtocolTable(name, tuple(row for row in found.rows if row.protocol == name)) for name in names]
    captions = [caption(table.rows) for table in tables]
    for k, table in enumerate(tables):
        parts += [Text(), table]
        if captions[k : k + 1] != captions[k + 1 : k + 2]:  # said once for tables alike
            parts.append(Text(captions[k], style="dim"))
    parts.append(Text())
    parts.extend(Text(f"note: {note}", style="yellow") for note in found.notes)
    return Group(*parts, Text(MORE, style="dim"))


@dataclass(frozen=True)
class ProtocolTable:
    """Rows of one protocol, drawn to the width that there is."""

    protocol: str
    rows: tuple[Row, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Text(self.protocol, style="bold")
        groups = _groups(self.rows)
        there = [name for name in HEADLINES if any(name in row.metrics for row in self.rows)]
        names = _fitting(there, groups, options.max_width)
        if names or any(row.error for row in self.rows):
            yield from _table(groups, names, options.max_width)
        yield from _others(groups, names)


@dataclass(frozen=True)
class Same:
    """Rows that differ in repeats alone, fewest first.

    Attributes
    ----------
    what
        They are about, for people.
    single
        They are of one of several subjects.
    """

    what: str
    rows: tuple[Row, ...]
    single: bool

    @property
    def most(self) -> Row:
        """The row of most repeats."""
        return self.rows[-1]


def _groups(rows: Sequence[Row]) -> list[Same]:
    several = len({row.subjects for row in rows}) > 1
    found: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        found.setdefault((_what(row, several), row.n_way, row.gallery), []).append(row)
    return [
        Same(str(key[0]), tuple(sorted(of, key=_repeats)), several and len(of[0].subjects) == 1)
        for key, of in found.items()
    ]


def _what(row: Row, several: bool) -> str:
    if row.error:
        return f"failed: {row.error}"
    who = f"{row.subjects[0]}: " if several and len(row.subjects) == 1 and row.subjects[0] else ""
    return who + row.what + (" (TRANSDUCTIVE)" if row.transductive else "")


def _repeats(row: Row) -> float:
    return row.repeats or float("inf")


def _cells(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    count = "all" if row.repeats == 0 else str(row.repeats)
    return (count, str(row.n_way), *[_value(row.metrics.get(name)) for name in names])


def _chances(row: Row, names: Sequence[str]) -> tuple[str, ...]:
    found = [row.metrics.get(name) for name in names]
    return tuple("" if one is None or one.chance is None else number(one.chance) for one in found)


def _widths(groups: Sequence[Same], names: Sequence[str]) -> list[int]:
    rows = [row for same in groups for row in same.rows]
    lines = [("repeats", "of", *[HEADLINES[name] for name in names])]
    lines += [_cells(row, names) for row in rows] + [("", "", *_chances(row, names)) for row in rows]
    return [max(map(len, column)) for column in zip(*lines, strict=True)]


def _fitting(names: Sequence[str], groups: Sequence[Same], width: int) -> list[str]:
    """The first of the scores, as many as there is room for."""
    kept = list(names)
    while len(kept) > 1 and _needed(_widths(groups, kept)) > width:
        kept.pop()
    return kept


def _needed(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _table(groups: Sequence[Same], names: Sequence[str], width: int) -> Iterator[RenderableType]:
    widths = _widths(groups, names)
    longest = max(len(same.what) for same in groups)
    room = width - _needed(widths) - GAP
    beside = room >= min(FEWEST_WHAT, longest)
    if beside:
        widths = [min(room, longest), *widths]
    head = [""] * beside + ["repeats", "of", *[HEADLINES[name] for name in names]]
    yield _lines([head], widths, beside, "bold")
    for k, same in enumerate(groups):
        if not beside:
            yield Text(same.what, style="italic")
        cells = [_cells(row, names) for row in same.rows]
        yield _lines([[*[same.what if n == 0 else ""] * beside, *c] for n, c in enumerate(cells)], widths, beside)
        mine = _chances(same.most, names)
        last = k + 1 == len(groups) or _chances(groups[k + 1].most, names) != mine
        if last and any(mine):
            yield _lines([[*[""] * beside, "chance", "", *mine]], widths, beside, "dim")


def _lines(lines: Sequence[Sequence[str]], widths: Sequence[int], beside: bool, style: str = "") -> Table:
    """Lines with columns of fixed widths, so that several such tables stand under one another."""
    table = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False, style=style)
    for k, width in enumerate(widths):
        right = k in (beside, beside + 1)
        table.add_column(width=width, justify="right" if right else "left", no_wrap=not (beside and k == 0))
    for line in lines:
        table.add_row(*[Text(cell) for cell in line])
    return table


def _others(groups: Sequence[Same], names: Sequence[str]) -> Iterator[RenderableType]:
    """What else was scored at the most repeats, of all subjects together."""
    for same in groups:
        row = same.most
        rest = {name: metric for name, metric in row.metrics.items() if name not in names}
        tested = next((name for name in names if name in row.metrics and row.metrics[name].p is not None), None)
        if same.single or not (rest or tested):
            continue
        yield Text(f"{words.repeats(row)}, {same.what}:", style="italic")
        table = Table(box=None, show_header=False, padding=(0, GAP, 0, 0), pad_edge=False)
        for column in range(3):
            table.add_column(no_wrap=column > 0)
        for name, metric in rest.items():
            chance = "" if metric.chance is None else f"chance {number(metric.chance)}"
            table.add_row(f"  {words.name(name)}", _value(metric), Text(chance, style="dim"))
        p = row.metrics[tested].p if tested else None
        if tested and p is not None:
            table.add_row(f"  p of {HEADLINES[tested]}", words.p_value(p).removeprefix("= "), "")
        yield table


def caption(rows: Sequence[Row]) -> str:
    """Conditions that the rows of a table share; where one is transductive, that it is stands in its own row."""
    row = rows[0]
    transductive = any(one.transductive for one in rows)
    marks = [
        f"{row.encoder}, trained by {row.trained_by}",
        f"epoch or penalty: {row.selection}",
        "rows marked TRANSDUCTIVE use the queries as a set" if transductive else "nothing transductive",
    ]
    unit = next((m.unit for m in row.metrics.values() if m.unit), "")
    marks += [f"95 % intervals resample {unit}" if unit else "no intervals"]
    marks += ["NOT CAUSAL"] * (not row.causal) + ["BLOCKED DESIGN"] * row.blocked + ["STIMULI SEEN"] * row.seen
    return "; ".join(marks + ["simulated"] * row.simulated)


def cell(metric: Metric | None) -> str:
    """Such as ``0.163 [0.120, 0.210] (0.005)``: value, interval and chance."""
    chance = "" if metric is None or metric.chance is None else f" ({number(metric.chance)})"
    return _value(metric) + chance


def _value(metric: Metric | None) -> str:
    """Value and interval."""
    if metric is None:
        return ""
    bounds = "" if metric.low is None or metric.high is None else f" [{number(metric.low)}, {number(metric.high)}]"
    return number(metric.value) + bounds


def number(value: float | None) -> str:
    """With three digits, such as those of a chance of one in thousands; n/a where it is not defined."""
    if value is None:
        return "n/a"
    if 0 < abs(value) < 0.001:
        return f"{value:.1e}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def _head(found: Report) -> str:
    about = found.about
    gallery = about.get("gallery")
    items = gallery.get("items") if isinstance(gallery, dict) else "?"
    said = f"{about.get('trials')} single trials of {about.get('stimuli')} stimuli, {items} items in the gallery"
    lost, refused = about.get("rejected_or_missed"), about.get("refused")
    if lost:
        reasons = ", ".join(f"{k} {v}" for k, v in sorted(refused.items())) if isinstance(refused, dict) else ""
        said += f"; {lost} stimuli rejected or missed" + (f" ({reasons})" if reasons else "")
    return f"{found.title}: {said}. In brackets: 95 % intervals."
