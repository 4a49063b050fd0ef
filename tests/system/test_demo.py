"""The demo, small: the same code with fewer pictures, live over LSL through all processes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from eegseek.demo import controls, materials, run, teach


def test_a_small_demo_runs_end_to_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (materials, teach, run):
        monkeypatch.setattr(module, "OTHERS", 300, raising=False)
    for module in (materials, run):
        monkeypatch.setattr(module, "SHOWN", 8)
    monkeypatch.setattr(controls, "SESSIONS", 1)
    monkeypatch.setattr(teach, "SNR_DB", 3.0)
    numbers = run.run_demo(seconds=3.0, headless=True, json_path=tmp_path / "d.json", folder=tmp_path / "kept")
    assert json.loads((tmp_path / "d.json").read_text()) == json.loads(json.dumps(numbers))
    windows = numbers["windows"]
    assert windows["due"] == windows["sent"] == windows["answered"] == 24
    assert windows["lost"] == windows["doubled"] == windows["pending"] == windows["rejected"] == 0
    assert set(numbers["accuracy"]["by_repeats"]) == {"1", "2", "3"}
    assert numbers["accuracy"]["chance_top1"] == pytest.approx(0.005)
    assert numbers["accuracy"]["snr_db"] == run.SNR_DB
    assert numbers["simulated"] is True
    assert numbers["controls"]["no_signal"]["n"] == 200
    # eight pictures at a loud signal, three repeats: well above 1 in 200, though trained on 300 pictures only
    assert numbers["accuracy"]["top5"] > 0.1
    assert numbers["latency_ms"]["n"] == 24
    assert (tmp_path / "kept" / "gallery.png").exists()
