"""Ctrl-C while a run is still starting: everybody leaves at once, nobody has to be killed, and nothing has failed."""

from __future__ import annotations

import signal
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from run_data import child, eegseek, end, until

from config.bundles import Item
from inference.gallery import write_gallery

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def options(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """Where the run binds, and a run without an encoder whose LSL stream never comes."""
    write_gallery(
        tmp_path / "gallery",
        [Item(id=str(k), label=f"picture {k}") for k in range(2)],
        np.eye(2, dtype=np.float32),
        space="two",
        model="test",
    )
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        given = {
            "source.kind": "lsl",
            "source.name": f"eegseek-{uuid.uuid4().hex[:12]}",
            "source.markers": "none",
            "source.wait_s": "120",
            "session.folder": str(tmp_path),
            "session.name": "here",
            "session.calibrate": "true",
            "session.bids": "false",
            "inference.encoder": str(tmp_path / "encoder"),
            "inference.gallery": str(tmp_path / "gallery"),
            "chain.channels": '["Cz"]',
            "window.end_s": "0.6",
            "window.rate_hz": "125.0",
            "run.folder": f"{sockets}/run",
        }
        yield Path(sockets) / "run", [text for key, value in given.items() for text in ("--set", f"{key}={value}")]


@pytest.mark.parametrize("moment", ["acquisition has just been started", "the stream is looked for"])
def test_ctrl_c_at_the_start_waits_for_nobody(options: tuple[Path, list[str]], tmp_path: Path, moment: str) -> None:
    bound, given = options
    process = eegseek("run", "--headless", *given, cwd=tmp_path)
    if "just" in moment:
        until(lambda: child(process, "display") is not None)
    else:
        until(lambda: (bound / "control").exists() or process.poll() is not None)
    process.send_signal(signal.SIGINT)
    code, errors = end(process, 200)
    assert "did not stop" not in errors and "killed" not in errors, errors
    assert code == 0, errors
