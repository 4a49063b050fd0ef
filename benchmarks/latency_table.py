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
    if "control" in found:
        rows["control, no work"] = found["control"]["latency_ms"]
    rows |= {f"{name} script": peer["latency_ms"] for name, peer in found["peers"].items()}
    for name, row in rows.items():
        values = [row[column] for column in ("p50", "p95", "p99", "max")]
        table.add_row(name, *("–" if value is None else f"{value:.2f}" for value in values), str(row["n"]))
    console = Console()
    console.print(table)
    for line in _lines_below(found):
        console.print(line, highlight=False, markup=False)


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
    for row in found["targets"]:
        words = "reached" if row["reached"] else "missed"
        lines.append(f"{row['name']}: {row['measured']:.2f} {row['unit']}, target {row['target']:.2f}: {words}")
    return [*lines, machine_line(found["machine"])]
