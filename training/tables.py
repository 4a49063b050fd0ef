"""Draws what training found."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from config.bundles import EncoderSpec

WIDTH = 64
NAMES = {"top1": "top-1", "top5": "top-5", "mrr": "MRR", "median_rank": "median rank", "auc": "AUC"}


def trained(spec: EncoderSpec, fingerprint: str, folder: str) -> RenderableType:
    """What a training came to."""
    lines: list[RenderableType] = [Text(f"{spec.architecture} {fingerprint} written to {folder}")]
    scores = spec.scores.get("single_trial", {})
    if scores:
        title = f"held-out single trials: {spec.scores['answers']} answers among {spec.scores['items']} items"
        lines.append(_scores(title, spec.scores["held_out"], scores))
    else:
        lines.append(Text("no validation: its scores are unknown, and its probabilities are not calibrated"))
    if spec.calibration:
        lines.append(_calibration(spec))
    if spec.window.parts_s and spec.calibration:
        lines.append(_parts(spec))
    lines.append(Text(_learned_from(spec.training)))
    return Group(*lines)


def _scores(title: str, caption: str, scores: dict[str, dict[str, Any]]) -> Table:
    table = Table("score", "value", "chance", title=title, caption=caption, min_width=WIDTH)
    for name, score in scores.items():
        table.add_row(NAMES[name], _number(score["value"]), _number(score["chance"]))
    return table


def _calibration(spec: EncoderSpec) -> Table:
    heads = ("repeats", "items", "temperature", "log loss (nats)", "calibration error")
    table = Table(*heads, title="Calibration, held out", min_width=WIDTH)
    for c in spec.calibration:
        if c.window_end_s is not None:
            continue
        numbers = (f"{c.temperature:.4f}", f"{c.log_loss:.3f}", f"{c.calibration_error:.3f}")
        table.add_row(str(c.repeats), str(c.gallery_size), *numbers)
    return table


def _parts(spec: EncoderSpec) -> Table:
    """Earlier ends at the most items: score of single trials, and from which probability on they are committed."""
    heads = ("window end", "score", "repeats", "temperature", "commits from")
    table = Table(*heads, title="Answers before the window ends, held out", min_width=WIDTH)
    for end in spec.window.parts_s:
        mine = [c for c in spec.calibration if c.window_end_s == end]
        scores = spec.scores.get("parts", {}).get(f"{end:g}", {})
        name = "auc" if "auc" in scores else "top1"
        said = f"{NAMES[name]} {_number(scores[name]['value'])}" if scores else ""
        for c in (c for c in mine if c.gallery_size == max(one.gallery_size for one in mine)):
            above = "never" if c.commit_above is None else f"{c.commit_above:.3f}"
            first = c is mine[0]
            row = f"{1000 * end:.0f} ms" if first else "", said if first else ""
            table.add_row(*row, str(c.repeats), f"{c.temperature:.4f}", above)
    return table


def _learned_from(training: dict[str, Any]) -> str:
    said = f"learned from {training['trials']} windows of {training['items_shown']} items"
    if training["lost"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(training["refused"].items()))
        said += f"; {training['lost']} stimuli were rejected or missed" + (f" ({reasons})" if reasons else "")
    if training["unmapped"]:
        said += f"; {training['unmapped']} windows have markers that stand for no item of the gallery"
    return said


def interval(score: dict[str, Any]) -> str:
    """Such as ``[0.81, 0.92]``; empty where there is none."""
    low, high = score.get("low"), score.get("high")
    return "" if low is None or high is None else f"[{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.1f}" if value >= 2 else f"{value:.3f}"
