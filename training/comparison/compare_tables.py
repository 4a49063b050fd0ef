"""One table of a comparison: for people, as CSV, JSON and Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.comparison.compare import Outcome
from training.evaluation.row_tables import cell, number
from training.metrics import significance
from training.protocols.schema import Metric, Row

KIND = "shown images"
"""Gallery that the table is about; the files hold the others."""


@dataclass(frozen=True)
class Line:
    """A line: an encoder by an objective on one set of data, or over several.

    Attributes
    ----------
    single, averaged
        Top-1 at the fewest and at the most repeats.
    over_chance
        Share of the way from chance to perfect that ``averaged`` has gone: comparable between numbers of classes.
    top5, mrr
        At the most repeats.
    pooled
        Subjects that were learned from together; 0: own data alone.
    mean
        Over several data.
    """

    encoder: str
    objective: str
    data: str
    n_way: int = 0
    repeats: tuple[int, int] = (0, 0)
    single: Metric | None = None
    averaged: Metric | None = None
    over_chance: Metric | None = None
    top5: Metric | None = None
    mrr: Metric | None = None
    selection: str = ""
    kept_epoch: int | None = None
    seconds: float = 0.0
    error: str = ""
    pooled: int = 0
    mean: bool = False

    @property
    def title(self) -> str:
        """The data, for people."""
        return self.data + (f", from all {self.pooled}" if self.pooled else "")


def lines(outcomes: Sequence[Outcome]) -> list[Line]:
    """A line for each outcome, best first, and one over all data of each encoder and objective; failures last."""
    found = [_line(one) for one in outcomes]
    groups: dict[tuple[str, str, int], list[Line]] = {}
    for line in found:
        if not line.error:
            groups.setdefault((line.encoder, line.objective, line.pooled), []).append(line)
    whole = [_over(group) for group in groups.values() if len(group) > 1]
    return sorted(whole, key=_order) + sorted(found, key=_order)


def _order(line: Line) -> tuple[bool, float]:
    value = line.averaged.value if line.averaged else None
    return bool(line.error), -(value if value is not None else -1.0)


def _line(one: Outcome) -> Line:
    mine = [row for row in one.rows if row.gallery == KIND and "top1" in row.metrics and len(row.subjects) <= 1]
    mine = mine or [row for row in one.rows if row.gallery == KIND and "top1" in row.metrics]
    if one.error or not mine:
        error = one.error or "no score came out"
        return Line(one.encoder, one.objective, one.data, seconds=one.seconds, error=error, pooled=one.pooled)
    first, last = (pick(mine, key=lambda row: row.repeats) for pick in (min, max))
    return Line(
        one.encoder,
        one.objective,
        one.data,
        n_way=last.n_way,
        repeats=(first.repeats, last.repeats),
        single=first.metrics["top1"],
        averaged=last.metrics["top1"],
        over_chance=last.metrics.get("over_chance"),
        top5=last.metrics.get("top5"),
        mrr=last.metrics.get("mrr"),
        selection=_selection(last),
        kept_epoch=one.kept_epoch,
        seconds=one.seconds,
        pooled=one.pooled,
    )


def _selection(row: Row) -> str:
    marks = ["transductive"] * row.transductive + ["not causal"] * (not row.causal) + ["blocked"] * row.blocked
    return ", ".join([row.selection, *marks, *["seen"] * row.seen, *["simulated"] * row.simulated])


def _over(group: Sequence[Line]) -> Line:
    """Mean over data, tested across them."""
    first = group[0]
    return Line(
        first.encoder,
        first.objective,
        f"mean of {len(group)}",
        n_way=first.n_way,
        repeats=first.repeats,
        single=_mean([line.single for line in group]),
        averaged=_mean([line.averaged for line in group]),
        over_chance=_mean([line.over_chance for line in group]),
        top5=_mean([line.top5 for line in group]),
        mrr=_mean([line.mrr for line in group]),
        selection=first.selection,
        seconds=round(sum(line.seconds for line in group), 2),
        pooled=first.pooled,
        mean=True,
    )


def _mean(metrics: Sequence[Metric | None]) -> Metric | None:
    """Mean of a score over subjects, with an interval that resamples them."""
    from training.metrics import bootstrap

    known = [metric for metric in metrics if metric is not None and metric.value is not None]
    if not known:
        return None
    values, chance = np.array([m.value for m in known], np.float64), known[0].chance
    tested = significance.across_subjects(values, chance or 0.0)
    found = bootstrap.interval(lambda index: float(values[index].mean()), np.arange(len(values)))
    low, high = found or (None, None)
    return Metric(
        value=float(values.mean()),
        chance=chance,
        chance_by="analytic",
        low=low,
        high=high,
        n=len(values),
        unit="subjects" if found else "",
        p=tested.p,
        test=tested.method,
    )


def screen(found: Sequence[Line]) -> RenderableType:
    """For the terminal: the table, and below it why cells failed."""
    failed = [line for line in found if line.error]
    said = [Text(f"{line.encoder}, {line.objective}, {line.title}: {line.error}", style="red") for line in failed]
    return Group(_table(found), *said)


def _table(found: Sequence[Line]) -> Table:
    title = "Comparison, zero-shot among the pictures shown. In brackets 95 % intervals, in parentheses chance."
    drawn = Table(title=title)
    for name in ("encoder", "objective"):
        drawn.add_column(name, no_wrap=True)
    for name in ("data", "of"):
        drawn.add_column(name)
    for name, width in (("top-1, fewest repeats", 9), ("top-1, most repeats", 9), ("over chance", 6), ("MRR", 7)):
        drawn.add_column(name, min_width=width)
    for name in ("p", "selection", "epoch", "s"):
        drawn.add_column(name)
    for line in found:
        if line.error:
            drawn.add_row(line.encoder, line.objective, line.title, "", "[red]failed, see below")
            continue
        drawn.add_row(*_cells(line))
    return drawn


def _cells(line: Line) -> list[str]:
    p = line.averaged.p if line.averaged else None
    return [
        line.encoder,
        line.objective,
        line.title,
        str(line.n_way),
        f"{line.repeats[0]}×: {cell(line.single)}",
        f"{line.repeats[1]}×: {cell(line.averaged)}",
        number(line.over_chance.value if line.over_chance else None),
        cell(line.mrr),
        "" if p is None else f"{p:.3g}",
        line.selection,
        "" if line.kept_epoch is None else str(line.kept_epoch),
        f"{line.seconds:.0f}",
    ]


def markdown(found: Sequence[Line]) -> str:
    """As a Markdown table."""
    head = [
        "encoder",
        "objective",
        "data",
        "of",
        "top-1, fewest repeats",
        "top-1, most repeats",
        "over chance",
        "MRR",
        "p",
    ]
    head += ["selection", "epoch", "s"]
    out = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    for line in found:
        cells = _cells(line)
        if line.error:
            cells = [line.encoder, line.objective, line.title, "", f"failed: {line.error}", *[""] * 7]
        out.append("| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |")
    return "\n".join(out) + "\n"


def records(found: Sequence[Line]) -> list[dict[str, Any]]:
    """Flat records, for CSV."""
    out = []
    for line in found:
        record: dict[str, Any] = {
            "encoder": line.encoder,
            "objective": line.objective,
            "data": line.data,
            "pooled": line.pooled,
            "n_way": line.n_way,
            "fewest_repeats": line.repeats[0],
            "most_repeats": line.repeats[1],
        }
        for name in ("single", "averaged", "over_chance", "top5", "mrr"):
            metric = getattr(line, name)
            title = {"single": "top1_fewest", "averaged": "top1_most"}.get(name, name)
            for part in ("value", "chance", "low", "high", "p"):
                record[f"{title}_{part}"] = None if metric is None else getattr(metric, part)
        record |= {
            "selection": line.selection,
            "kept_epoch": line.kept_epoch,
            "seconds": line.seconds,
            "error": line.error,
        }
        out.append(record)
    return out
