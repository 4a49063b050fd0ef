"""Commands and programs on pages of the documentation that are marked to be run: they are, as they stand there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from docs_pages import PAGES, Fence, fences

DATA = "EEGSEEK_DATA"
LIMIT_S = 240
"""For one fence: seconds on an idle machine, minutes on one that others use."""
RUN = [path for path in PAGES if any(fence.runs for fence in fences(path.read_text("utf-8")))]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", RUN, ids=lambda p: p.stem)
def test_what_a_page_says_to_run_runs(path: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    parts = fences(path.read_text("utf-8"))
    with_data = [fence for fence in parts if fence.runs and f"${DATA}" in fence.text]
    if with_data:
        request.getfixturevalue("data")  # skips, and says so, where there is none
    for fence in parts:
        if fence.file:
            (tmp_path / fence.file).write_text(fence.text, "utf-8")
        elif fence.runs:
            _run(fence, tmp_path, path)


def test_some_pages_are_run() -> None:
    """A mark that nobody finds any more would leave them all unrun."""
    assert {"session", "own-gallery", "own-encoder", "own-source"} <= {path.stem for path in RUN}


def _run(fence: Fence, folder: Path, page: Path) -> None:
    # commands are found as in an activated environment; runs of our own do not meet those of other tests
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    sockets = folder / "sockets"
    sockets.mkdir(exist_ok=True)
    own = {"PATH": path, "OMP_NUM_THREADS": "1", "XDG_RUNTIME_DIR": str(sockets), "COLUMNS": "120"}
    process = subprocess.Popen(
        ["bash", "-euo", "pipefail", "-c", fence.text],
        cwd=folder,
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        pytest.fail(f"{page.name}: not done within {LIMIT_S} s:\n{fence.text}\n{said[-3000:]}")
    assert process.returncode == 0, f"{page.name}: exit {process.returncode}:\n{fence.text}\n{said[-3000:]}"
