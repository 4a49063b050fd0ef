"""Draws and writes what `training.classification.classify` found."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from config.errors import SettingsError
from training import tables
from training.classification.classify import UNKNOWN, Classified, Embedded

WIDTH = 72
"""Of tables, so that their titles stay on one line."""
MOST_COLUMNS = 6
"""Classes whose confusion is drawn whole."""


def draw(told: dict[str, Any]) -> RenderableType:
    """A report, for the screen."""
    names = list(told["classes"])
    parts: list[RenderableType] = []
    if "confusion" in told:
        score = told["balanced_accuracy"]
        resampled = told["interval"]["resamples"]
        title = f"Zero-shot classes of {told['truth_known']} windows whose truth is known"
        table = _confusion(told, names, title) if len(names) <= MOST_COLUMNS else _recalls(told, names, title)
        said = f"95 % interval resamples {resampled}" if resampled else "too few units for an interval"
        value = f"{score['value']:.3f} {tables.interval(score)}".rstrip()
        parts += [table, Text(f"balanced accuracy {value}, chance {score['chance']:.3f} ({said})")]
        if "auc" in told:
            parts.append(Text(f"AUC {told['auc']['value']:.3f} (chance 0.5)"))
    unknown = told["windows"] - told["truth_known"]
    if unknown:
        title = f"Answers to all {told['windows']} windows; {unknown} of unknown truth"
        table = Table("class", "answers", title=title, min_width=WIDTH)
        for name, count in told["answers"].items():
            table.add_row(escape(name), str(count))
        parts.append(table)
    parts += [Text(f"note: {note}", style="yellow") for note in told["notes"]]
    return Group(*parts)


def _confusion(told: dict[str, Any], names: list[str], title: str) -> Table:
    table = Table("shown", *(f"answered {escape(name)}" for name in names), "recall", title=title, min_width=WIDTH)
    for name, row in zip(names, told["confusion"], strict=True):
        table.add_row(escape(name), *map(str, row), _recall(told, name))
    return table


def _recalls(told: dict[str, Any], names: list[str], title: str) -> Table:
    """In place of a confusion that no screen holds; the report has it whole."""
    table = Table("shown", "times", "recall", "taken most often for", title=title, min_width=WIDTH)
    for k, (name, row) in enumerate(zip(names, told["confusion"], strict=True)):
        times, other = max((count, -column) for column, count in enumerate(row) if column != k)
        table.add_row(
            escape(name), str(sum(row)), _recall(told, name), f"{escape(names[-other])} ({times})" if times else "-"
        )
    return table


def _recall(told: dict[str, Any], name: str) -> str:
    recall = told["recall"].get(name)
    return "n/a" if recall is None else f"{recall:.3f}"


def write_answers(path: Path, windows: Embedded, found: Classified) -> None:
    """The answer to each window, as CSV."""
    names = found.classes.names
    ranked = -np.sort(-found.cosines, axis=1)
    rows = [("recording", "onset_s", "label", "truth", "answer", "cosine", "margin")]
    for k, answer in enumerate(found.answers):
        truth = "" if found.truth[k] == UNKNOWN else names[found.truth[k]]
        where = (windows.origins[windows.recording[k]], f"{windows.onsets_s[k]:.6f}", windows.labels[k], truth)
        rows.append((*where, names[answer], f"{ranked[k, 0]:.6f}", f"{ranked[k, 0] - ranked[k, 1]:.6f}"))
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)
    except OSError as error:
        raise SettingsError(f"the answers cannot be written to '{path}': {error.strerror}; choose another") from error


def write_text(path: Path, text: str) -> None:
    """A text in a file; an error says what to do."""
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise SettingsError(f"the report cannot be written to '{path}': {error.strerror}; choose another") from error
