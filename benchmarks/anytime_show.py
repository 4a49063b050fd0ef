"""Accuracy against time, for a terminal and as a drawing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.anytime_options import MUSE, PARTICIPANT
from benchmarks.reporting import print_below
from config.errors import SettingsError

KINDS = (".svg", ".png", ".pdf")


def show(found: dict[str, Any], console: Console) -> None:
    """Print the figures."""
    for name in MUSE:
        if name in found["studies"]:
            console.print(_muse(name, found["studies"][name]))
    if PARTICIPANT in found["studies"]:
        console.print(_participant(found["studies"][PARTICIPANT]))
    print_below(console, found, [f"took {found['seconds']:.0f} s"])


def _muse(name: str, study: dict[str, Any]) -> Table:
    table = Table(
        title=f"muse/{name}: AUC of single trials, one of {len(study['recordings'])} recordings left out, ensemble",
        caption=f"{study['trials']} trials, causal chain; chance 0.5; in brackets 95 %, recordings resampled",
        title_justify="left",
    )
    for head in ("window until", "AUC", "short of the whole window"):
        table.add_column(head, justify="right")
    for k, end_s in enumerate(study["ends_s"]):
        short = _with(study["short_of_whole"][k], study["short_interval"][k]) if k + 1 < len(study["ends_s"]) else ""
        table.add_row(f"{1000 * end_s:.0f} ms", _with(study["auc"][k], study["interval"][k]), short)
    return table


def _participant(study: dict[str, Any]) -> Table:
    decoders = study["decoders"]
    table = Table(
        title=f"participant v1 (simulated): top-1 of {study['items']} in %, averages of {study['averaged']}",
        caption=f"{study['answers']} answers; in brackets 95 %, test pictures resampled",
        title_justify="left",
    )
    for head in ("window until", "ideal, expected", *(("ideal, these" if d == "ideal" else d) for d in decoders)):
        table.add_column(head, justify="right")
    for k, end_s in enumerate(study["ends_s"]):
        cells = [_with(100 * one["top1"][k], [100 * b for b in one["interval"][k]], 1) for one in decoders.values()]
        table.add_row(f"{1000 * end_s:.0f} ms", f"{100 * study['ideal'][k]:.1f}", *cells)
    table.add_section()
    own = [
        _with(1000 * one["reaches_s"], [1000 * b for b in one["reaches_interval_s"]], 0) for one in decoders.values()
    ]
    table.add_row("95 % of its own, ms", f"{1000 * study['ideal_reaches_s']:.0f}", *own)
    best = [f"{1000 * one['reaches_best_s']:.0f}" for one in decoders.values()]
    table.add_row("95 % of its best, ms", f"{1000 * study['ideal_reaches_s']:.0f}", *best)
    return table


def _with(value: float, bounds: Sequence[float], digits: int = 3) -> str:
    return f"{value:.{digits}f} [{bounds[0]:.{digits}f}, {bounds[1]:.{digits}f}]"


def check_figure(path: Path | None) -> None:
    """Refuse a drawing that could not be written, before anything is measured.

    Raises
    ------
    SettingsError
        Its name does not say a known kind.
    """
    if path is not None and path.suffix.lower() not in KINDS:
        raise SettingsError(f"a figure cannot be written as '{path}'; let its name end in one of {', '.join(KINDS)}")


def draw(found: dict[str, Any], path: Path) -> None:
    """Draw accuracy against time, a panel for each study.

    Raises
    ------
    SettingsError
        The file cannot be written.
    """
    from training.report.style import BLUE, FAINT, INK, drawing

    studies = found["studies"]
    with drawing(4.6 * len(studies), 3.6, columns=len(studies)) as (figure, axes):
        for panel, (name, study) in zip(axes if len(studies) > 1 else [axes], studies.items(), strict=True):
            ms = [1000 * end_s for end_s in study["ends_s"]]
            if name == PARTICIPANT:
                _panel_of_participant(panel, ms, study)
            else:
                low, high = zip(*study["interval"], strict=True)
                panel.fill_between(ms, low, high, color=BLUE, alpha=0.25, linewidth=0)
                panel.plot(ms, study["auc"], color=BLUE, marker="o", markersize=4)
                panel.axhline(0.5, color=INK, linestyle="--", linewidth=1)
                panel.set(title=f"{name}: recording left out", ylabel="AUC, single trials")
            panel.set_xlabel("window end (ms)")
            panel.grid(color=FAINT, alpha=0.3, linewidth=0.5)
        figure.patch.set_facecolor("white")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path, dpi=150, facecolor="white")
        except OSError as error:
            raise SettingsError(f"'{path}' cannot be written ({error.strerror}); choose another place") from error


def _panel_of_participant(panel: Any, ms: Sequence[float], study: dict[str, Any]) -> None:
    """Every curve as a share of its own last value: when, not how much."""
    from training.report.style import COLOURS, INK, MARKERS

    panel.plot(ms, [v / study["ideal"][-1] for v in study["ideal"]], color=INK, label="ideal, expected")
    decoders = {name: one for name, one in study["decoders"].items() if name != "ideal"}
    for k, (name, one) in enumerate(decoders.items()):
        style = {"color": COLOURS[k % len(COLOURS)], "marker": MARKERS[k % len(MARKERS)], "markersize": 4}
        panel.plot(ms, [v / one["top1"][-1] for v in one["top1"]], label=name, **style)
    panel.axhline(0.95, color=INK, linestyle=":", linewidth=1)
    panel.set(title="participant v1 (simulated)", ylabel="top-1, share of the whole window's", ylim=(0, None))
    panel.legend(loc="lower right")
