"""A build of pictures that is killed goes on where it stopped, and ends with the very bits of one that was not."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image

PICTURES = 320
LIMIT_S = 60.0


def build(pictures: Path, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "eegseek", "gallery", "build", str(out), "--images", str(pictures)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])}
    return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def test_a_killed_build_goes_on(tmp_path: Path) -> None:
    pictures, rng = tmp_path / "pictures", np.random.default_rng(0)
    pictures.mkdir()
    for k in range(PICTURES):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3), np.uint8)).save(pictures / f"p{k}.png")
    first = build(pictures, tmp_path / "g")
    part, deadline = tmp_path / "g.parts" / "00000.safetensors", time.monotonic() + LIMIT_S
    while not part.exists():
        assert first.poll() is None and time.monotonic() < deadline, "no part was kept"
        time.sleep(0.01)
    first.kill()
    first.communicate(timeout=LIMIT_S)
    assert not (tmp_path / "g").exists()
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "g.parts").glob("*.safetensors")}
    assert 1 <= len(kept) < PICTURES // 64
    again, whole = build(pictures, tmp_path / "g"), build(pictures, tmp_path / "whole")
    for process in (again, whole):
        _, errors = process.communicate(timeout=LIMIT_S)
        assert process.returncode == 0, errors
    for name in ("embeddings.safetensors", "items.parquet", "gallery.json"):
        assert (tmp_path / "g" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (tmp_path / "g.parts").exists()
