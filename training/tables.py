"""Draws what training and evaluation found."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from config.bundles import EncoderSpec

WIDTH = 64
NAMES = {"top1": "top-1", "top5": "top-5", "mrr": "MRR", "median_rank": "median rank", "auc": "AUC"}


def report(found: dict[str, Any]) -> RenderableType:
    """An evaluation, as `training.evaluate.evaluate` returns it."""
    resamples = found["interval"]["resamples"]
    caption = f"95 % intervals resample {resamples}" if resamples else "no intervals"
    title = (
        f"{found['encoder']['architecture']} {found['encoder']['fingerprint']}: {found['trials']} single trials of "
        f"{found['stimuli']} stimuli, {found['gallery']['items']} items searched"
    )
    parts: list[RenderableType] = [_scores(title, caption, found["single_trial"])]
    if found["auc_of_runs"]:
        parts.append(_runs(found["auc_of_runs"]))
    if len(found["by_repeats"]) > 1:
        parts.append(_curve(found["by_repeats"]))
    parts.append(Text(_left_out(found)))
    parts.extend(Text(f"note: {note}", style="yellow") for note in found["notes"])
    if found["simulated"]:
        parts.append(Text("note: simulated participant, not a person", style="yellow"))
    return Group(*parts)


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
    lines.append(Text(_learned_from(spec.training)))
    return Group(*lines)


def _scores(title: str, caption: str, scores: dict[str, dict[str, Any]]) -> Table:
    table = Table("score", "value", "95 % interval", "chance", title=title, caption=caption, min_width=WIDTH)
    for name, score in scores.items():
        table.add_row(NAMES[name], _number(score["value"]), interval(score), _number(score["chance"]))
    return table


def _runs(areas: dict[str, float | None]) -> Table:
    table = Table("run", "AUC", title="Single trials, run by run", min_width=WIDTH)
    for name, area in areas.items():
        table.add_row(name, _number(area))
    return table


def _curve(points: Iterable[dict[str, Any]]) -> Table:
    points = list(points)
    names = [name for name in NAMES if name in points[0] and name != "median_rank"]
    table = Table("repeats", "stimuli", title="Averages over repeats (random subsets, without replacement)")
    for name in names:
        table.add_column(f"{NAMES[name]} (chance {_number(points[0][name]['chance'])})")
    for point in points:
        cells = [f"{_number(point[name]['value'])} {interval(point[name])}".rstrip() for name in names]
        table.add_row(str(point["repeats"]), str(point["stimuli"]), *cells)
    return table


def _calibration(spec: EncoderSpec) -> Table:
    table = Table(
        "repeats", "temperature", "log loss (nats)", "calibration error", title="Calibration, held out", min_width=WIDTH
    )
    for c in spec.calibration:
        table.add_row(str(c.repeats), f"{c.temperature:.4f}", f"{c.log_loss:.3f}", f"{c.calibration_error:.3f}")
    return table


def _learned_from(training: dict[str, Any]) -> str:
    said = f"learned from {training['trials']} windows of {training['items_shown']} items"
    if training["lost"]:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(training["refused"].items()))
        said += f"; {training['lost']} stimuli were rejected or missed" + (f" ({reasons})" if reasons else "")
    if training["unmapped"]:
        said += f"; {training['unmapped']} windows have markers that stand for no item of the gallery"
    return said


def _left_out(found: dict[str, Any]) -> str:
    reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(found["refused"].items()))
    return f"not scored: {found['rejected_or_missed']} stimuli rejected or missed" + (
        f" ({reasons})" if reasons else ""
    )


def interval(score: dict[str, Any]) -> str:
    """Such as ``[0.81, 0.92]``; empty where there is none."""
    low, high = score.get("low"), score.get("high")
    return "" if low is None or high is None else f"[{_number(low)}, {_number(high)}]"


def _number(value: float | None) -> str:
    if value is None:
        return "n/a"
    return f"{value:.1f}" if value >= 2 else f"{value:.3f}"
