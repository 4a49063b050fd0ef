"""What fuzzing found, as a table."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from benchmarks.machine import machine_line
from benchmarks.reporting import printer

SHOWN_HEX = 160


def show(found: dict[str, Any]) -> None:
    """Print it."""
    console = printer()
    table = Table(title=f"Damaged files and messages, seed {found['seed']}")
    for name in ("reader", "library", "valid", "read", "wanted", "refused", "s", "found"):
        table.add_column(name, justify="left" if name in ("reader", "library") else "right")
    for row in found["rows"]:
        table.add_row(
            row["name"], row["library"] or "ours", str(row["valid"]), f"{row['run']:,}", f"{row['wanted']:,}",
            f"{row['refused']:,}", f"{row['seconds']:.0f}", str(len(row["findings"])),
        )  # fmt: skip
    console.print(table)
    for row in found["rows"]:
        for one in row["findings"]:
            console.print(f"{row['name']}: {one['kind']}, {one['count']} times, at {one['where']}", markup=False)
            console.print(f"  {one['what']}", markup=False, highlight=False)
            console.print(f"  {one['bytes']} bytes: {one['hex'][:SHOWN_HEX]}", markup=False, highlight=False)
    total, lost = sum(row["run"] for row in found["rows"]), found["short_of"]
    console.print(f"{total:,} damaged files and messages, {found['findings']} findings", highlight=False)
    if lost:
        console.print(f"fewer than wanted were read by: {', '.join(lost)}", markup=False, highlight=False)
    console.print(machine_line(found["machine"]), highlight=False, markup=False)
