"""Guided sessions whose pictures another program shows: its markers come over LSL, and so does the EEG.

The other program is played here: a real marker outlet with the plan's categories. The EEG is a simulated participant
in a process of its own, which reacts to these markers. A second headset streams beside it, so that one must be chosen.
"""

from __future__ import annotations

import json
import os
import pty
import random
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from browser import until
from run_data import ROOT, eegseek, end, kill

from config.calibration import read_progress
from config.guide import read_guide
from config.load import load_settings
from config.session_ask import read_ask
from config.settings import LslSource, ParticipantSource
from wire import lsl_scope

lsl_scope.restrict()

import pylsl  # noqa: E402

pytestmark = pytest.mark.timeout(600)
MUSE = ("TP9", "AF7", "AF8", "TP10")
LABELS = tuple(f"{category}/{name}.png" for category in ("faces", "houses") for name in ("anna", "berta"))
PERIOD_S, BLOCK = 0.2, 16


@contextmanager
def headset(folder: Path, name: str, source_id: str, react_to: str, seed: int) -> Iterator[None]:
    """A simulated participant wearing a Muse over LSL, who looks at what the marker stream says."""
    source = ParticipantSource(channels=MUSE, rate_hz=256.0, snr_db=0.0, person=seed, seed=seed, react_to=react_to)
    file = folder / f"{source_id}.json"
    file.write_text(source.model_dump_json())
    argv = ["--source", str(file), "--name", name, "--source-id", source_id, "--no-wait"]
    with (folder / f"{source_id}.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "acquisition.outlet", *argv], cwd=ROOT, stdout=log, stderr=log
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(30)


@contextmanager
def program(name: str, folder: Path) -> Iterator[None]:
    """What PsychoPy would do: a marker for each picture, each drawn by itself, while the session looks at them."""
    outlet = pylsl.StreamOutlet(
        pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{name}-id")
    )
    over, order = threading.Event(), random.Random(1)

    def show() -> None:
        while not over.wait(PERIOD_S):
            guide = read_guide(folder)
            if guide is not None and guide.step in ("calibrate", "use"):
                outlet.push_sample([order.choice(LABELS)], pylsl.local_clock())

    thread = threading.Thread(target=show)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


def options(folder: Path, sockets: str, **changed: str) -> list[str]:
    """Of a session of its own."""
    given = {
        "session.folder": str(folder),
        "run.folder": f"{sockets}/run",
        "run.start_s": "150",
        "inference.spare": "false",
        "rejection.peak_to_peak_uv": "250.0",
        **changed,
    }
    return [text for key, value in given.items() for text in ("--set", f"{key}={value}")]


def test_pictures_are_shown_elsewhere(tmp_path: Path) -> None:
    from PIL import Image

    for k, label in enumerate(LABELS):
        path = tmp_path / "pictures" / label
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (64, 64), (60 * k, 90, 200 - 40 * k)).save(path)
    tag = uuid.uuid4().hex[:10]
    eeg, markers, folder = f"Muse-{tag}", f"program-{tag}", tmp_path / f"me-{tag}"
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        more = options(tmp_path, sockets, **{"source.name": eeg, "source.marker_name": markers})
        shown = ["--pictures", str(tmp_path / "pictures"), "--no-presenter", "--preset", "muse-lsl"]
        short = ["--blocks", "6", "--trials", str(BLOCK), "--use-trials", "8", "--contact", "0.5"]
        with program(markers, folder), headset(tmp_path, eeg, f"worn-{tag}", markers, 2):
            process = eegseek(
                "session",
                "--unattended",
                *shown,
                *short,
                *more,
                "--name",
                folder.name,
                cwd=tmp_path,
                out=subprocess.PIPE,
            )
            try:
                out, errors = process.communicate(timeout=400)
            except subprocess.TimeoutExpired:
                pytest.fail(f"not finished: {kill(process)}")
        words = out + errors
    assert process.returncode == 0, words
    progress = read_progress(folder / "calibration.json")
    assert progress.verdict == "decodable" and progress.simulated, words
    report = json.loads((folder / "report.json").read_bytes())
    assert report["windows"]["answered"] >= 8 and report["windows"]["lost"] == 0
    assert "answers appear as pictures are shown" in words and (folder / "report.html").exists()
    assert not list(folder.glob("presented-*.jsonl"))


def test_of_two_headsets_one_is_chosen_by_a_key(tmp_path: Path) -> None:
    tag = uuid.uuid4().hex[:10]
    eeg, folder = f"Muse-{tag}", tmp_path / f"me-{tag}"
    with (
        tempfile.TemporaryDirectory(prefix="eegseek-") as sockets,
        headset(tmp_path, eeg, f"left-{tag}", f"nobody-{tag}", 1),
        headset(tmp_path, eeg, f"right-{tag}", f"nobody-{tag}", 2),
    ):
        until(lambda: len(_streams(eeg)) == 2)
        keyboard, terminal = pty.openpty()
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "SDL_VIDEODRIVER": "dummy"}
        command = [
            "session",
            "--preset",
            "muse-lsl",
            "--name",
            folder.name,
            *options(tmp_path, sockets, **{"source.name": eeg}),
        ]
        with (tmp_path / "said").open("w") as said:
            process = subprocess.Popen(
                [sys.executable, "-m", "eegseek", *command],
                cwd=tmp_path,
                env=environment,
                stdin=terminal,
                stdout=said,
                stderr=said,
            )

        def told() -> str:
            return (tmp_path / "said").read_text()

        try:
            until(lambda: "[2] take" in told() or process.poll() is not None, 200)
            for number, side in enumerate(("left", "right"), 1):
                one = f"'{eeg}' (type EEG, 4 ch float32, 256 Hz, source_id '{side}-{tag}', on "
                (line,) = [line for line in told().splitlines() if one in line and "if you wear" in line]
                assert line.endswith(f": --set source.source_id={side}-{tag}")
                assert f"[{number}] take '{side}-{tag}'" in told()
            # a run does not guess either
            run = eegseek("run", "--headless", "--config", str(folder / "settings.json"), cwd=tmp_path)
            code, errors = end(run, 200)
            assert code == 1 and f"left-{tag}" in errors and f"right-{tag}" in errors, errors
            assert "--set source.source_id=…" in errors
            os.write(keyboard, b"2")
            until(lambda: f"Found '{eeg}'" in told() or process.poll() is not None, 200)
            assert process.poll() is None, told()
            os.write(keyboard, b"q")
            process.wait(200)
        finally:
            if process.poll() is None:
                kill(process)
            os.close(keyboard)
            os.close(terminal)
    assert process.returncode == 0, told()
    source = load_settings(str(folder / "settings.json")).source
    assert isinstance(source, LslSource) and source.source_id == f"right-{tag}"
    assert f'source.source_id="right-{tag}"' in read_ask(folder).overrides


def _streams(name: str) -> list[str]:
    return [info.source_id() for info in pylsl.resolve_streams(1.0) if info.name() == name]
