"""The benchmark of training trains, and says what it measured."""

from __future__ import annotations

import io
import json
from pathlib import Path

from rich.console import Console

from benchmarks.train_speed import Sizes, train_speed


def test_figures_and_table(tmp_path: Path) -> None:
    console = Console(file=io.StringIO(), width=160)
    sizes = Sizes(stimuli=40, repeats=2, channels=3, times=20, dim=8, epochs=3, batch=16)
    found = train_speed(sizes, device="cpu", json_path=tmp_path / "speed.json", console=console)
    assert json.loads((tmp_path / "speed.json").read_text()) == found
    assert 0 <= found["fit_s"] <= found["wall_s"] and found["peak_gib"] > 0.05 and found["device"] == "cpu"
    assert isinstance(console.file, io.StringIO)
    text = console.file.getvalue()
    assert "80 trials of 3 x 20 -> 8, 3 passes, batch 16" in text and f"{found['cpu_s']:.1f}" in text
