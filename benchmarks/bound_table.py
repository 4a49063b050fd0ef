"""The bound as people read it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine_line


def show(found: dict[str, Any], console: Console) -> None:
    """Print the figures."""
    options = found["options"]
    counts = list(found["ideal"])
    table = Table(
        title=f"participant v1, person {options['person']}: top-1 in % [95 % over pictures], share of the ideal",
        caption=f"simulated; trained on {options['pictures']} x {options['repeats']}, {options['seeds']} session(s)",
    )
    for name in ("", *(f"{n} repeat{'s' if n != '1' else ''}" for n in counts)):
        table.add_column(name, justify="left" if not name else "right")
    title = "ideal, expected" if found["kind"] == "bound" else "ideal without artefacts, expected"
    table.add_row(title, *(f"{100 * found['ideal'][n]['top1']:.1f}" for n in counts))
    table.add_row(
        "the same by cosine with the gallery as it is",
        *(f"{100 * found['ideal_by_cosine'][n]['top1']:.1f}" for n in counts),
    )
    for what, by_repeats in found["rows"].items():
        name = what if found["kind"] == "bound" or what != "ideal" else "the same observer (a reference, not a bound)"
        table.add_row(name, *(_cell(by_repeats.get(n), what == "ideal") for n in counts))
    console.print(table)
    five = Table(title="top-5 in %")
    for name in ("", *counts):
        five.add_column(name, justify="left" if not name else "right")
    five.add_row(title, *(f"{100 * found['ideal'][n]['top5']:.1f}" for n in counts))
    for what, by_repeats in found["rows"].items():
        five.add_row(what, *(f"{100 * by_repeats[n]['top5']:.1f}" if n in by_repeats else "" for n in counts))
    console.print(five)
    console.print(
        f"level {found['level_uv']:.1f} µV per unit latent; {machine_line(found['machine'])}", highlight=False
    )


def _cell(score: dict[str, Any] | None, ideal: bool) -> str:
    if score is None:
        return ""
    low, high = score["top1_interval"]
    share = "" if ideal or score["of_ideal"] is None else f"\n{100 * score['of_ideal']:.0f} %"
    return f"{100 * score['top1']:.1f} [{100 * low:.1f}, {100 * high:.1f}]{share}"
