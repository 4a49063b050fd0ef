"""``eegseek bench fuzz`` as it is called: real children, limits and counts, on a few readers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "eegseek", "bench", "fuzz", *words],
        capture_output=True, text=True, timeout=200, cwd=ROOT, check=False,
    )  # fmt: skip


def test_some_readers_withstand_it(tmp_path: Path) -> None:
    names = ("codec", "journal", "settings-toml", "pickle", "npy", "openbci-txt", "xdf")
    only = [word for name in names for word in ("--only", name)]
    said = fuzz(*only, "--count", "300", "--json", str(tmp_path / "a.json"))
    found = json.loads((tmp_path / "a.json").read_text())
    assert said.returncode == 0, found["rows"]
    assert found["reached"] and [row["name"] for row in found["rows"]] == list(names)
    assert all(row["run"] == 300 and row["refused"] > 50 and row["valid"] for row in found["rows"])


def test_an_unknown_reader_is_one_sentence() -> None:
    said = fuzz("--only", "nothing")
    assert said.returncode != 0 and "nothing to fuzz called 'nothing'" in said.stderr.replace("\n", " ")
