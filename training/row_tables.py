"""Draws the rows of an evaluation: one table a protocol, every condition said."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from training.protocols.schema import Metric, Report, Row

NAMES = {
    "top1": "top-1",
    "top5": "top-5",
    "mrr": "MRR",
    "median_rank": "median rank",
    "auc": "AUC",
    "bits_per_minute": "bits/min",
    "over_chance": "over chance",
    "auroc": "AUROC",
    "category_auc": "category AUC",
}
SHOWN = ("top1", "top5", "mrr", "auc", "auroc", "category_auc", "bits_per_minute")
"""Columns of a table, where its rows have them; the files hold every score."""


def evaluation(found: Report) -> RenderableType:
    """A whole report, as text."""
    parts: list[RenderableType] = [Text(_head(found))]
    for protocol in dict.fromkeys(row.protocol for row in found.rows):
        parts.append(protocol_table(protocol, [row for row in found.rows if row.protocol == protocol]))
    parts.extend(Text(f"note: {note}", style="yellow") for note in found.notes)
    return Group(*parts)


def protocol_table(protocol: str, rows: Sequence[Row]) -> Table:
    """Rows of one protocol."""
    names = [name for name in SHOWN if any(name in row.metrics for row in rows)]
    table = Table(title=protocol, caption=caption(rows))
    table.add_column("what", min_width=24)
    for name in ("repeats", "of", "gallery"):
        table.add_column(name)
    for name in names:
        table.add_column(NAMES.get(name, name), min_width=9)
    if not names:
        table.add_column("scores")
    tested = any(_p(row, names) is not None for row in rows)
    if tested:
        table.add_column("p")
    for row in rows:
        who = f"{row.subjects[0]}: " if len(row.subjects) == 1 and row.subjects[0] else ""
        cells = [cell(row.metrics.get(name)) for name in names] if names else [_listed(row)]
        p = _p(row, names)
        count = "all" if row.repeats == 0 else str(row.repeats)
        what = f"{who}{row.what}" if not row.error else f"failed: {row.error}"
        what += " (TRANSDUCTIVE)" if row.transductive else ""
        table.add_row(what, count, str(row.n_way), row.gallery, *cells, *["" if p is None else f"{p:.3g}"] * tested)
    return table


def _listed(row: Row) -> str:
    """Scores of a protocol that has none of the usual ones, a line each."""
    return "\n".join(f"{NAMES.get(name, name)} {cell(metric)}" for name, metric in row.metrics.items())


def _p(row: Row, names: Sequence[str]) -> float | None:
    """Of the first score that is drawn."""
    return next((row.metrics[name].p for name in names if name in row.metrics), None)


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
    """Such as ``0.163 [0.12, 0.21] (0.005)``: value, interval and chance."""
    if metric is None:
        return ""
    bounds = "" if metric.low is None or metric.high is None else f" [{number(metric.low)}, {number(metric.high)}]"
    chance = "" if metric.chance is None else f" ({number(metric.chance)})"
    return f"{number(metric.value)}{bounds}{chance}"


def number(value: float | None) -> str:
    """With three digits; n/a where it is not defined."""
    if value is None:
        return "n/a"
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
    return f"{found.title}: {said}. In brackets 95 % intervals, in parentheses chance."
