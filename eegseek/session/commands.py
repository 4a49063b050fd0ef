"""Command lines of the session's children. Pure."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

SOURCE_ID = "eegseek-presenter-{}"
"""Of the presenter's marker stream, by which acquisition finds it again."""

HEARD_S = 60.0
"""Within this acquisition listens to the presenter's markers, also while the headset is looked for again."""


def looker(config: Path, *, markers: bool, others: Sequence[str] = ()) -> list[str]:
    """Looks for the headset."""
    more = ["--markers"] * markers + (["--also", *others] if others else [])
    return [sys.executable, "-m", "eegseek.session.looker", "--config", str(config), *more]


def holder(stream: str) -> list[str]:
    """Keeps the marker stream's place."""
    named = ["--name", stream, "--source-id", SOURCE_ID.format(stream)]
    return [sys.executable, "-m", "eegseek.session.holder", *named]


def run(config: Path) -> list[str]:
    """Acquisition, workers and what watches them."""
    return [sys.executable, "-m", "eegseek.session.supervised", "--config", str(config)]


def participant(source: Path, name: str) -> list[str]:
    """A simulated head, which looks at what the presenter shows."""
    named = ["--name", name, "--source-id", name, "--no-wait"]
    return [sys.executable, "-m", "acquisition.outlet", "--source", str(source), *named]


def presenter(plan: Path, stream: str, log: Path, *, size: str = "") -> list[str]:
    """Shows pictures, once somebody listens to its markers."""
    named = ["--plan", str(plan), "--stream", stream, "--log", str(log), "--wait", f"{HEARD_S:g}"]
    return [sys.executable, "-m", "display.presenter", *named, *(["--size", size] if size else [])]


def calibration(config: Path, plan: Path, *, alpha: float, files: int, former: Sequence[str] = ()) -> list[str]:
    """Trains while data arrive; with all of so many recordings, where they are the headset."""
    named = ["--config", str(config), "--plan", str(plan), "--alpha", f"{alpha:g}"]
    whole = ["--runs", str(files), "--to-the-end"] if files else []
    before = [text for folder in former for text in ("--former", folder)]
    return [sys.executable, "-m", "training.calibration", *named, *whole, *before]


def dashboard(config: Path) -> list[str]:
    """The dashboard."""
    return [sys.executable, "-m", "display.dashboard", "--config", str(config)]


def report(folder: Path) -> list[str]:
    """The report of a session's folder."""
    return [sys.executable, "-m", "training.calibration.report", str(folder)]
