"""The gallery benchmark as people read it."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from benchmarks.reporting import print_below, printer

COLUMNS = ("kind", "recall@10", "p50 ms", "p99 ms", "queries/s", "memory MiB", "mapped MiB", "build s", "effort")
UNPROVED = "unproved"
"""Queries whose first ranks could not be proved, and that were searched exactly."""


def show(found: dict[str, Any]) -> None:
    """Print the figures."""
    console = printer()
    console.print(_statistics(found["statistics"]))
    for size in sorted({row["n"] for row in found["results"]}):
        console.print(_size(size, [row for row in found["results"] if row["n"] == size], found["options"]))
    print_below(console, found)


def _statistics(found: dict[str, dict[str, float]]) -> Table:
    table = Table(title="what the generator was matched by (200 vectors of 200 concepts)", title_justify="left")
    table.add_column("")
    for name in found:
        table.add_column(name, justify="right")
    for row in found["generated"]:
        table.add_row(row, *(f"{values[row]:.3f}" for values in found.values()))
    return table


def _size(size: int, rows: list[dict[str, Any]], options: dict[str, Any]) -> Table:
    title = (
        f"{size:,} x {options['dim']}, best {min(options['depth'], size)}, one thread; recall@10 of queries at cosine "
        f"{', '.join(rows[0]['recall_by_cosine'])}"
    )
    table = Table(title=title, title_justify="left")
    for name in (*COLUMNS, UNPROVED):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for row in rows:
        table.add_row(
            row["kind"] + (" (auto)" if row["auto"] else ""),
            " ".join(f"{value:.3f}" for value in row["recall_by_cosine"].values()),
            f"{row['p50_ms']:.2f}",
            f"{row['p99_ms']:.2f}",
            f"{row['queries_per_s']:,.0f}",
            f"{row['memory_mib']:,.0f}",
            f"{row['mapped_mib']:,.0f}" if row["mapped_mib"] else "",
            f"{row['build_s']:.1f}",
            str(row["effort"]) if row["effort"] else "",
            "" if row["uncertain"] is None else f"{100 * row['uncertain']:.1f} %",
        )
    return table
