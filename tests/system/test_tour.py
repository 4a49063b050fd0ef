"""The researcher's way, by the very script that people are told to run: dataset, galleries, decoder, report, live."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_tour_from_files_to_equal_live_answers(tmp_path: Path) -> None:
    small = {"TOUR_CONCEPTS": "30", "TOUR_ENCODER": "cca", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [ROOT / "scripts" / "tour", tmp_path / "tour"],
        cwd=tmp_path,
        env={**os.environ, **small},
        capture_output=True,
        text=True,
        timeout=220,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    page = (tmp_path / "tour" / "report" / "report.html").read_text("utf-8")
    assert "simulated" in page.lower()
    for name in ("direct", "lsl"):
        found = json.loads((tmp_path / "tour" / f"{name}.json").read_text())["recordings"]
        assert len(found) == (2 if name == "direct" else 1)
        for one in found.values():
            assert one["agrees"] and one["lowest_cosine"] >= 0.9999 and one["windows"] == one["offline_windows"] > 50
    accuracy = json.loads((tmp_path / "tour" / "replay.json").read_text())["accuracy"]
    assert accuracy["top1"] > 2 * accuracy["chance_top1"]
