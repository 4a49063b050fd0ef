"""Rows of scores, and the published figures beside ours, as tables of a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from training.protocols.schema import Metric, Published, Row
from training.report import words
from training.report.published import ACROSS, CAUTION, WITHIN

WAY = 200
"""Of the published figures."""
OURS = ("leave", "across", "subject out", "unseen")
"""Words in a protocol's name by which it is across subjects."""


@dataclass(frozen=True)
class Cell:
    """A score: value, interval, chance and test, each as text and empty where there is none."""

    value: str
    interval: str = ""
    chance: str = ""
    p: str = ""
    test: str = ""


@dataclass(frozen=True)
class Line:
    """A row of a table: its conditions, scores, and what to mind."""

    conditions: tuple[str, ...]
    cells: tuple[Cell, ...]
    marks: tuple[str, ...]
    error: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Group:
    """The rows of one protocol."""

    protocol: str
    what: tuple[str, ...]
    conditions: tuple[str, ...]
    metrics: tuple[str, ...]
    lines: tuple[Line, ...]


CONDITIONS = ("decoder", "repeats", "told apart", "gallery", "selection", "transductive")


def groups(rows: Sequence[Row]) -> list[Group]:
    """A table for each protocol, in the order in which they come."""
    return [_group(protocol, [row for row in rows if row.protocol == protocol]) for protocol in _distinct(rows)]


def _distinct(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.protocol for row in rows))


def _group(protocol: str, rows: Sequence[Row]) -> Group:
    metrics = list(dict.fromkeys(key for row in rows for key in row.metrics))
    return Group(
        protocol,
        tuple(dict.fromkeys(row.what for row in rows if row.what)),
        CONDITIONS,
        tuple(words.name(key) for key in metrics),
        tuple(_line(row, metrics) for row in rows),
    )


def _line(row: Row, metrics: Sequence[str]) -> Line:
    decoder = row.encoder + (f" ({row.trained_by})" if row.trained_by else "")
    if row.subjects:
        decoder += f", {_subjects(row.subjects)}"
    conditions = (
        decoder,
        words.repeats(row),
        str(row.n_way),
        row.gallery,
        row.selection,
        "yes" if row.transductive else "no",
    )
    cells = tuple(_cell(key, row.metrics.get(key)) for key in metrics)
    marks = tuple(mark for mark in words.marks(row) if mark != "transductive")
    return Line(conditions, cells, marks, row.error, row.notes)


def _subjects(names: Sequence[str]) -> str:
    shown = [name or "one subject" for name in names]
    return ", ".join(shown) if len(shown) <= 3 else f"{len(shown)} subjects"


def _cell(key: str, one: Metric | None) -> Cell:
    if one is None:
        return Cell("–")
    return Cell(
        words.number(key, one.value),
        words.interval(key, one),
        "" if one.chance is None else words.number(key, one.chance),
        "" if one.p is None else words.p_value(one.p),
        one.test,
    )


@dataclass(frozen=True)
class Beside:
    """The published figures and ours."""

    columns: tuple[str, ...]
    ours: tuple[tuple[str, tuple[str, ...], str], ...]
    """Name, a value for each column, and conditions."""
    theirs: tuple[tuple[str, tuple[str, ...], str, str], ...]
    """Method, a value for each column, conditions, and source."""
    chance: tuple[str, ...]
    caution: str


def beside(rows: Sequence[Row], published: Sequence[Published]) -> Beside | None:
    """Published figures with our rows of as many items above; None where there is nothing to compare."""
    ours = [row for row in rows if row.n_way == WAY and not row.error and "top1" in row.metrics]
    if not published or not ours:
        return None
    columns = list(dict.fromkeys((one.protocol, one.metric) for one in published))
    found = {(one.method, one.protocol, one.metric): one for one in published}
    methods = {one.method: one for one in published}
    chances = {(one.protocol, one.metric): one.chance for one in published}
    return Beside(
        columns=tuple(f"{_short(protocol)}: {words.name(metric)}" for protocol, metric in columns),
        ours=tuple(_ours(row, columns) for row in _most(ours)),
        theirs=tuple(
            (
                method,
                tuple(
                    words.number(metric, found[method, protocol, metric].value)
                    if (method, protocol, metric) in found
                    else "–"
                    for protocol, metric in columns
                ),
                one.note,
                one.source,
            )
            for method, one in methods.items()
        ),
        chance=tuple(words.number(metric, chances[protocol, metric]) for protocol, metric in columns),
        caution=CAUTION,
    )


def _ours(row: Row, columns: Sequence[tuple[str, str]]) -> tuple[str, tuple[str, ...], str]:
    who = ACROSS if any(word in row.protocol.lower() for word in OURS) else WITHIN
    values = tuple(
        words.number(metric, row.metrics[metric].value) if who in protocol and metric in row.metrics else ""
        for protocol, metric in columns
    )
    minded = "".join(f"; {mark}" for mark in words.marks(row))
    name = f"{row.encoder}, {words.repeats(row)}, {row.protocol}"
    return name, values, f"gallery: {row.gallery}; selection: {row.selection}{minded}"


def _most(rows: Sequence[Row]) -> list[Row]:
    """Those of the most repeats of each protocol, encoder and gallery."""
    best: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row.protocol, row.encoder, row.gallery)
        if key not in best or (row.repeats or 10**9) > (best[key].repeats or 10**9):
            best[key] = row
    return list(best.values())


def _short(protocol: str) -> str:
    return next((who for who in (WITHIN, ACROSS) if who in protocol), protocol)
