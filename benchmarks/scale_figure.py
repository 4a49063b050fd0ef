"""The figure of `eegseek bench scale`: costs along each size, and simulated rigs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

NAMES = {
    "channels": "channels",
    "rate_hz": "sampling rate, Hz",
    "rsvp_hz": "pictures a second",
    "gallery": "items in the gallery",
}


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw what was found into a file, its kind by its name."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3).ravel()
    for plot, (axis, title) in zip(axes[:4], NAMES.items(), strict=True):
        for row in (row for row in found["stages"] if row["axis"] == axis):
            unit = "a second of signal" if "second" in row["unit"] else "a window"
            (line,) = plot.plot(row["values"], 1e3 * np.array(row["costs"]), "o", label=f"{row['stage']}, {unit}")
            grid = np.array([min(row["values"]), max(row["values"])])
            plot.plot(grid, 1e3 * (row["at_zero"] + row["slope"] * grid), color=line.get_color(), lw=1)
        plot.set(xlabel=title, ylabel="processor ms, one thread", ylim=(0, None))
        plot.legend(fontsize=7)
    simulated = found["simulated"]
    for workers in sorted({row["workers"] for row in simulated["table"]}):
        rows = [row for row in simulated["table"] if row["workers"] == workers and row["expired"] == 0]
        label = f"{workers} worker{'s' * (workers > 1)}"
        axes[4].plot(
            [row["rigs"] for row in rows], [max(0.1, row["wait_p99_ms"]) for row in rows], "o-", ms=3, label=label
        )
    axes[4].axhline(simulated["wait_ms"], color="0.6", lw=1)
    axes[4].set(xlabel="rigs that share the workers (simulated)", ylabel="p99 of waiting for a worker, ms (0.1: none)")
    axes[4].set(xscale="log", yscale="log")
    axes[4].legend(fontsize=7)
    two = found["two_workers"]
    axes[5].bar(["one decoder", "two at once"], [two["one"], two["two"]], color=["0.6", "tab:blue"])
    axes[5].set(ylabel="rows a second, batches of 16")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
