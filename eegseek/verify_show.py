"""What a verification found: a table for people, and the same as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from eegseek.verify import Checked

ROWS = {
    "sent": "windows",
    "same": "of the same samples",
    "answered": "answered",
    "bit_equal": "bit-equal answers",
    "close": "answers within the tolerance",
    "rejected": "rejected",
    "missed": "missed",
    "paused": "paused",
    "expired": "expired",
    "dropped": "dropped",
    "failed": "failed",
    "unanswered": "open when it was cut off",
}
"""Counter to what it is of, for people."""
ALWAYS = ("sent", "same", "answered")
"""Rows that are told though all is zero in them."""
ABREAST = 3
"""Segments that stand beside one another."""


def show(found: Sequence[Checked], console: Console) -> None:
    """Draw the table, and say the first difference."""
    for first in range(0, len(found), ABREAST):
        console.print(_table(found[first : first + ABREAST]))
    for one in found:
        if one.cut_off:
            console.print(f"segment {one.segment} is {one.cut_off}; it was verified up to there", soft_wrap=True)
        if why := one.why or ("they were given in throughput mode" if one.counts["close"] else ""):
            words = "answers are compared by cosine (0.99999) and top k but for ties, not to the last bit"
            console.print(f"segment {one.segment}: {words}: {why}", soft_wrap=True, markup=False)
    console.print(verdict(found), soft_wrap=True, markup=False, highlight=False)


def _table(found: Sequence[Checked]) -> Table:
    table = Table(title="The session, computed again")
    table.add_column("")
    for one in found:
        table.add_column(f"segment {one.segment}", justify="right")
    for name, words in ROWS.items():
        cells = [_cell(one, name) for one in found]
        if name in ALWAYS or any(cell not in ("", "0") for cell in cells):
            table.add_row(words, *cells)
    table.add_row("lowest cosine", *("" if c is None else f"{c:.7f}" for c in (one.lowest_cosine for one in found)))
    table.add_row("differences", *(str(one.differences.count) for one in found))
    return table


def _cell(one: Checked, name: str) -> str:
    """A counter, with that of parts where there are any."""
    parts = one.counts[f"parts_{name}"]
    return f"{one.counts[name]} + {parts} parts" if parts else str(one.counts[name])


def verdict(found: Sequence[Checked]) -> str:
    """All in one sentence: that everything is the same, or what is the first that is not."""
    count = sum(one.differences.count for one in found)
    first = next((one.differences.first for one in found if one.differences.first), None)
    if first is None:
        windows = sum(one.counts["same"] + one.counts["parts_same"] for one in found)
        bits, close = (sum(one.counts[name] for one in found) for name in ("bit_equal", "close"))
        how = [f"{bits} answers are bit-equal"] * (bits > 0 or not close)
        how += [f"{close} answers are the same within the tolerance"] * (close > 0)
        return f"the same: {windows} windows have the same samples, {', '.join(how)}"
    return f"NOT the same: {count} difference{'s' * (count > 1)}, the first: {first.words}"


def as_json(found: Sequence[Checked]) -> dict[str, Any]:
    """The same for programs."""
    return {
        "format": "eegseek-verify",
        "version": 1,
        "same": not any(one.differences.count for one in found),
        "segments": [_segment(one) for one in found],
    }


def _segment(one: Checked) -> dict[str, Any]:
    first = one.differences.first
    return {
        "segment": one.segment,
        "counts": dict(sorted(one.counts.items())),
        "exact": one.exact,
        "not_exact_because": one.why,
        "lowest_cosine": one.lowest_cosine,
        "cut_off": one.cut_off,
        "differences": dict(one.differences.by_kind),
        "first": None if first is None else {**vars(first), "words": first.words},
    }
