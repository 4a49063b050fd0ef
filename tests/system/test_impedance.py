"""Impedance as a person meets it: BrainFlow's synthetic board, and an LSL stream that carries impedances beside EEG.

The stream goes through a real acquisition into a dashboard in a real Chromium.
"""

from __future__ import annotations

import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import browser, fits, free_port, page, shoot, until
from run_data import eegseek, end, kill

from acquisition.sources.brainflow import BoardReader
from config.bundles import Item
from config.settings import BrainFlowSource
from inference.gallery import write_gallery
from wire import lsl_scope
from wire.impedance import grade

lsl_scope.restrict()

import pylsl  # noqa: E402

pytestmark = pytest.mark.timeout(180)
RATE = 250.0
LABELS = ("Fz", "Cz", "Oz", "Fz impedance", "Cz impedance", "Oz impedance", "reference")
OHMS = (4700.0, 25_000.0, 2_400_000.0, 3100.0)


def test_the_synthetic_board_gives_two_values_and_says_that_they_are_of_nobody_known() -> None:
    reader = BoardReader(BrainFlowSource())
    try:
        info = reader.open()
        assert any("which electrodes" in note for note in info.notes) and info.simulated
        found = None
        deadline = time.monotonic() + 40
        while found is None and time.monotonic() < deadline:
            reader.read(0.05)
            found = reader.impedance()
        assert found is not None and not found.channels and set(found.others) == {"R1", "R2"}
        # it draws them between 900 and 1100, which BrainFlow's boards give as Ω
        assert all(0.9 <= kohm <= 1.1 and grade(kohm) == "good" for kohm in found.others.values())
    finally:
        reader.close()
    assert reader.impedance() is None


@contextmanager
def stream(name: str) -> Iterator[None]:
    """Three channels of noise with the impedances of their electrodes, until the block ends."""
    info = pylsl.StreamInfo(name, "EEG", len(LABELS), RATE, pylsl.cf_float32, f"{name}-id")
    channels = info.desc().append_child("channels")
    for k, label in enumerate(LABELS):
        channel = channels.append_child("channel")
        channel.append_child_value("label", label)
        channel.append_child_value("type", "EEG" if k < 3 else "impedance")
        channel.append_child_value("unit", "microvolts" if k < 3 else "ohm")
    outlet, over = pylsl.StreamOutlet(info), threading.Event()

    def push(outlet: Any) -> None:
        rng, rows = np.random.default_rng(0), 10
        while not over.wait(rows / RATE):
            eeg = rng.normal(0, 8.0, (rows, 3))
            outlet.push_chunk(np.hstack([eeg, np.tile(OHMS, (rows, 1))]).astype(np.float32).tolist())

    thread = threading.Thread(target=push, args=(outlet,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def test_impedances_of_a_stream_are_seen_in_the_browser(tmp_path: Path) -> None:
    name, port = f"eegseek-{uuid.uuid4().hex[:12]}", free_port()
    items = [Item(id=str(k), label=f"picture {k}") for k in range(2)]
    write_gallery(tmp_path / "gallery", items, np.eye(2, dtype=np.float32), space="two", model="test")
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets, stream(name):
        given = {
            "source.kind": "lsl",
            "source.name": name,
            "source.markers": "none",
            "session.name": "ohms",
            "session.folder": str(tmp_path),
            "session.calibrate": "true",
            "session.bids": "false",
            "inference.encoder": str(tmp_path / "encoder"),
            "inference.gallery": str(tmp_path / "gallery"),
            "inference.spare": "false",
            "run.folder": f"{sockets}/run",
            "dashboard.port": str(port),
            "chain.channels": '["Fz", "Cz", "Oz"]',
            "window.end_s": "0.6",
            "window.rate_hz": "125.0",
            "run.start_s": "120",
        }
        options = [text for key, value in given.items() for text in ("--set", f"{key}={value}")]
        process = eegseek("run", "--headless", "--dashboard", *options, cwd=tmp_path)
        try:
            with browser() as chromium, page(chromium) as made:
                until(lambda: process.poll() is not None or _answers(port))
                assert process.poll() is None, kill(process)
                made.goto(f"http://127.0.0.1:{port}/signal", wait_until="domcontentloaded")
                listed = made.locator("ul.impedance")
                listed.wait_for()
                seen = " ".join(listed.inner_text().split())
                assert "Fz 4.7 kΩ ● good" in seen and "Cz 25 kΩ ◐ fair" in seen, seen
                assert "Oz 2.4 MΩ ✕ no contact" in seen and "reference 3.1 kΩ ● good" in seen, seen
                made.get_by_text("good up to 10 kΩ").wait_for()
                made.get_by_text("Channels in numbers").click()
                made.get_by_role("cell", name="4.7 kΩ").wait_for()
                assert fits(made)
                shoot(made, "signal-impedance", tmp_path, whole=True)
            process.terminate()
            code, errors = end(process)
        finally:
            if process.poll() is None:
                kill(process)
    assert code == 0, errors


def _answers(port: int) -> bool:
    """Whether the dashboard serves."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/signal", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
