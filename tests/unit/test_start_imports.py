"""What a process loads before it is asked for it: heavy libraries cost seconds at every start."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from config.bundles import Item
from inference.gallery import write_gallery

HEAVY = {
    "torch",
    "faiss",
    "mne",
    "sklearn",
    "matplotlib",
    "pandas",
    "pyriemann",
    "braindecode",
    "pymilvus",
    "open_clip",
}


def loaded(code: str) -> set[str]:
    """Libraries that a new interpreter has loaded after running some code."""
    words = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*{{name.partition('.')[0] for name in sys.modules}})"],
        cwd=Path(__file__).parents[2], check=True, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    return set(words.stdout.split())


@pytest.mark.parametrize(
    ("module", "more"),
    [
        ("eegseek.cli", {"scipy", "pyarrow", "pylsl", "brainflow"}),
        ("eegseek.supervise", {"scipy", "pyarrow", "pylsl", "rich"}),
        ("acquisition.process", {"pyarrow", "pylsl", "brainflow", "rich"}),
        ("inference.process", {"scipy", "pyarrow", "pylsl", "rich"}),
        ("display.process", {"scipy", "pyarrow", "pylsl"}),
    ],
)
def test_what_is_heavy_comes_when_it_is_needed(module: str, more: set[str]) -> None:
    found = loaded(f"import {module}")
    assert module.partition(".")[0] in found
    assert not found & (HEAVY | more)


def test_reading_items_does_not_load_pandas(tmp_path: Path) -> None:
    items = [Item(id=f"i{k}", label=f"l{k}") for k in range(3)]
    write_gallery(tmp_path / "g", items, np.eye(3, dtype=np.float32), space="s", model="m")
    code = (
        "from pathlib import Path\nfrom config.bundles import read_gallery_spec\n"
        "from config.items_table import read_items_table\n"
        f"folder = Path({str(tmp_path / 'g')!r})\nassert len(read_items_table(folder, read_gallery_spec(folder))) == 3"
    )
    found = loaded(code)
    assert "pyarrow" in found and not found & HEAVY
