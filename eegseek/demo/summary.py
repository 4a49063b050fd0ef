"""The demo's numbers as people read them."""

from __future__ import annotations

from typing import Any

from rich.console import Group
from rich.table import Table
from rich.text import Text


def table(numbers: dict[str, Any]) -> Group:
    """Accuracy by repeats, the two controls, windows and latency."""
    accuracy, windows, latency = numbers["accuracy"], numbers["windows"], numbers["latency_ms"]
    chance = accuracy["chance_top1"]
    rows = Table(
        "averaged over",
        "top-1",
        "95 % interval",
        "top-5",
        "times chance",
        title=f"SIMULATED participant at {accuracy['snr_db']:g} dB: found among 200 pictures (chance {chance:g})",
    )
    _row(rows, "single trials", accuracy["single"], chance)
    for repeats, score in accuracy["by_repeats"].items():
        _row(rows, f"{repeats} repeat{'s' * (repeats != '1')}", score, chance)
    for name, control in numbers["controls"].items():
        _row(rows, f"control: {name.replace('_', ' ')}", {**control, "top5": None}, chance)
    counts = ", ".join(f"{name} {value}" for name, value in windows.items())
    times = ", ".join(f"{name} {latency[name]:.1f}" for name in ("p50", "p95", "p99", "max"))
    checks = [
        Text(f"{'holds' if ok else 'DOES NOT HOLD'}: {what.replace('_', ' ')}")
        for what, ok in numbers["honest"].items()
    ]
    return Group(rows, Text(f"windows: {counts}"), Text(f"last needed sample to display, ms: {times}"), *checks)


def _row(rows: Table, name: str, score: dict[str, Any] | None, chance: float) -> None:
    if score is None:
        return
    interval = score["interval"]
    between = "" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"
    top5 = "" if score["top5"] is None else f"{score['top5']:.3f}"
    rows.add_row(name, f"{score['top1']:.3f}", between, top5, f"{score['top1'] / chance:.1f}")
