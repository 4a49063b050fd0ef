"""The latency benchmark as people read it."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.machine import machine_line
from benchmarks.runs import LatencyOptions


def show(found: dict[str, Any], options: LatencyOptions) -> None:
    """Print the figures."""
    sizes = options.sizes
    title = (
        f"added latency, ms: {sizes.channels} ch, {sizes.rate_hz:g} Hz, chunks of {options.chunk}, RSVP "
        f"{options.rsvp_hz:g} Hz, {sizes.encoder} {sizes.dim}-d, gallery {sizes.gallery}, {options.seconds:g} s"
    )
    table = Table(title=title, title_justify="left")
    for name in ("", "p50", "p95", "p99", "max", "n"):
        table.add_column(name, justify="left" if not name else "right")
    rows = {"eegseek": found["latency_ms"], **{f"  {n}": s for n, s in found["stages_ms"].items()}}
    if "peer" in found:
        rows[f"{options.peer} script"] = found["peer"]["latency_ms"]
    for name, row in rows.items():
        values = [row[column] for column in ("p50", "p95", "p99", "max")]
        table.add_row(name, *("–" if value is None else f"{value:.2f}" for value in values), str(row["n"]))
    console = Console()
    console.print(table)
    for line in _lines_below(found, options):
        console.print(line, highlight=False, markup=False)


def _lines_below(found: dict[str, Any], options: LatencyOptions) -> list[str]:
    cores = ", ".join(f"{name} {value:.2f}" for name, value in found["cpu_cores"].items())
    windows = ", ".join(f"{name} {value}" for name, value in found["windows"].items())
    lines = [f"processor, cores: {cores}", f"windows: {windows}"]
    if peer := found.get("peer"):
        counted = ", ".join(f"{name} {value}" for name, value in peer["windows"].items())
        times = found["ratio"]
        lines += [
            f"{options.peer} script: {peer['cpu_cores']:.2f} cores; windows: {counted}",
            f"{options.peer} script over eegseek: p50 {times['p50']:.1f} times, p99 {times['p99']:.1f} times, "
            f"processor {times['cpu']:.1f} times",
        ]
    return [*lines, machine_line(found["machine"])]
