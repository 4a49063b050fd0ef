"""The latency benchmark as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from benchmarks.reporting import print_below, printer
from benchmarks.runs import LatencyOptions


def show(found: dict[str, Any], options: LatencyOptions) -> None:
    """Print the figures."""
    sizes = options.sizes
    title = (
        f"added latency, ms: {sizes.channels} ch, {sizes.rate_hz:g} Hz, chunks of {options.chunk}, RSVP "
        f"{options.rsvp_hz:g} Hz, {sizes.encoder} {sizes.dim}-d, gallery {sizes.gallery}, {options.seconds:g} s"
    )
    rows = {"eegseek": found["latency_ms"], **{f"  {n}": s for n, s in found["stages_ms"].items()}}
    if "control" in found:
        rows["control, no work"] = found["control"]["latency_ms"]
    rows |= {f"{name} script": peer["latency_ms"] for name, peer in found["peers"].items()}
    console = printer()
    console.print(spreads(title, rows))
    print_below(console, found, _lines_below(found))


def spreads(title: str, rows: Mapping[str, Mapping[str, Any]], head: str = "") -> Table:
    """A row for each spread in milliseconds, as `display.latency.spread` gives it."""
    table = Table(title=title, title_justify="left")
    for name in (head, "p50", "p95", "p99", "max", "n"):
        table.add_column(name, justify="left" if name == head else "right")
    for name, row in rows.items():
        values = [row[column] for column in ("p50", "p95", "p99", "max")]
        table.add_row(name, *("–" if value is None else f"{value:.2f}" for value in values), str(row["n"]))
    return table


def _lines_below(found: dict[str, Any]) -> list[str]:
    cores = ", ".join(f"{name} {value:.2f}" for name, value in found["cpu_cores"].items())
    windows = ", ".join(f"{name} {value}" for name, value in found["windows"].items())
    lines = [f"processor, cores: {cores}", f"windows: {windows}"]
    if control := found.get("control"):
        lines.append(f"control: {control['cpu_cores']['total']:.2f} cores")
    for name, peer in found["peers"].items():
        counted = ", ".join(f"{word} {value}" for word, value in peer["windows"].items())
        times = peer["ratio"]
        lines += [
            f"{name} script: {peer['cpu_cores']:.2f} cores; windows: {counted}",
            f"{name} script over eegseek: p50 {times['p50']:.1f} times, p99 {times['p99']:.1f} times, "
            f"processor {times['cpu']:.1f} times",
        ]
    return lines
