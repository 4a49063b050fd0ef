"""Calibration as processes over real sockets, beside a real acquisition; and on real recordings of a Muse."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from config.calibration import CALIBRATION_EPOCHS, CALIBRATION_JSON, Progress, read_progress
from config.load import load_settings
from config.presentation import Block, Drawing, Plan, Stimulus, Trial, write_plan
from inference.build import from_labels
from inference.bundle import load_encoder
from training.calibration.replay import replay

pytestmark = pytest.mark.timeout(600)
NAMES = ("1", "2")
RATE, EVERY, LEAD_S, BLOCKS, TRIALS = 256, 128, 12.0, 4, 32
Started = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Started]:
    """Start a module of ours; what still runs at the end is ended."""
    running: list[subprocess.Popen[str]] = []

    def started(module: str, *arguments: str) -> subprocess.Popen[str]:
        argv = [sys.executable, "-m", module, *arguments]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        running.append(
            subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        )
        return running[-1]

    yield started
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def recording(file: Path, effect_uv: float) -> list[str]:
    """A recording of a Muse with noise, and an evoked response that tells the categories apart by ``effect_uv``."""
    rng = np.random.default_rng(7)
    labels = [NAMES[k] for _ in range(BLOCKS) for k in rng.permutation(np.resize([0, 1], TRIALS))]
    lead = round(LEAD_S * RATE)
    rows = lead + len(labels) * EVERY + 2 * RATE
    signal = rng.standard_normal((rows, 4)) * 8
    marks = ["0"] * rows
    wave = np.exp(-0.5 * ((np.arange(EVERY) / RATE - 0.2) / 0.04) ** 2)
    for k, label in enumerate(labels):
        at = lead + k * EVERY
        marks[at] = label
        signal[at : at + EVERY, [0, 3]] += effect_uv * (1 if label == NAMES[0] else -1) * wave[:, None]
    lines = ["timestamps,TP9,AF7,AF8,TP10,Marker"]
    for k, (row, mark) in enumerate(zip(signal, marks, strict=True)):
        lines.append(f"{1.0e9 + k / RATE:.6f},{','.join(f'{value:.3f}' for value in row)},{mark}")
    file.write_text("\n".join(lines) + "\n")
    return labels


def prepare(folder: Path, labels: list[str], run: Path) -> tuple[Path, Path]:
    """Gallery, plan and settings of a session whose headset is the recording."""
    from_labels(NAMES, folder / "gallery")
    stimuli = tuple(Stimulus(id=name, category=name, drawing=Drawing(), truth=name) for name in NAMES)
    parts = tuple(
        Block(trials=tuple(Trial(stimulus=label, on_s=0.2) for label in labels[k * TRIALS : (k + 1) * TRIALS]))
        for k in range(BLOCKS)
    )
    session = folder / "sessions" / "one"
    session.mkdir(parents=True)
    write_plan(session / "plan.json", Plan(mode="single", stimuli=stimuli, parts=parts))
    settings = load_settings(
        None,
        "muse-lsl",
        [
            "source.kind='recording'",
            f"source.file='{folder / 'muse.csv'}'",
            "source.speed=12.0",
            "session.name='one'",
            f"session.folder='{folder / 'sessions'}'",
            "session.calibrate=true",
            f"inference.encoder='{folder / 'bundle'}'",
            f"inference.gallery='{folder / 'gallery'}'",
            f"run.folder='{run}'",
            "dispatch.policy='block'",
        ],
    )
    (folder / "settings.json").write_text(settings.model_dump_json())
    return folder / "settings.json", session


def wait(process: subprocess.Popen[str], limit_s: float = 240.0) -> str:
    said, _ = process.communicate(timeout=limit_s)
    assert process.returncode == 0, said
    return said


def until(there: Callable[[], bool], process: subprocess.Popen[str], limit_s: float = 90.0) -> None:
    ends = time.monotonic() + limit_s
    while not there():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < ends, "not there in time"
        time.sleep(0.05)


def calibrated(folder: Path, start: Started, effect_uv: float) -> tuple[Progress, Path, list[str]]:
    """A whole session: the calibration joins first, then acquisition plays the recording."""
    with tempfile.TemporaryDirectory(prefix="eegseek-") as run:
        labels = recording(folder / "muse.csv", effect_uv)
        settings, session = prepare(folder, labels, Path(run) / "run")
        options = ("--config", str(settings), "--plan", str(session / "plan.json"))
        trainer = start("training.calibration", *options)
        until((session / CALIBRATION_JSON).is_file, trainer)
        acquisition = start("acquisition", "--config", str(settings))
        said = wait(trainer)
        if acquisition.poll() is None:
            acquisition.terminate()
        heard, _ = acquisition.communicate(timeout=60)
        assert " [E" not in heard, heard
    told = read_progress(session / CALIBRATION_JSON)
    assert said.startswith(f"{told.verdict}: ")
    return told, session, labels


def test_a_calibration_ends_with_a_bundle_and_is_taken_up_again(tmp_path: Path, start: Started) -> None:
    told, session, labels = calibrated(tmp_path, start, 12.0)
    assert told.verdict == "decodable" and told.whole.auc is not None and told.whole.auc > 0.8
    assert told.rejected.keys() <= {"settling", "peak_to_peak"}
    # every stimulus of the blocks that were needed is accounted for, in its own block
    seen = sum(told.trials.values()) + sum(told.rejected.values())
    assert seen == told.blocks_done * TRIALS <= len(labels)
    spec = load_encoder(tmp_path / "bundle", "cpu").spec
    assert spec.channels == ("TP9", "AF7", "AF8", "TP10") and Path(told.bundle) == tmp_path / "bundle"
    assert told.cross_validated_auc is not None and told.cross_validated_auc > 0.8

    # killed and started again it comes to the same without a new window
    (session / CALIBRATION_JSON).unlink()
    options = ("--config", str(tmp_path / "settings.json"), "--plan", str(session / "plan.json"))
    wait(start("training.calibration", *options, "--set", f"run.folder='{tmp_path / 'nobody'}'"))
    again = read_progress(session / CALIBRATION_JSON)
    assert again.model_dump() == told.model_dump()

    said = wait(start("training.calibration.report", str(session)))
    assert said.strip() == str(session / "report.html")
    page = (session / "report.html").read_text()
    assert "Decodable." in page and "Mean response per category" in page and page.count("<img") >= 6
    assert "There is no data: nothing was answered in this session" in page
    assert "peak-to-peak" in page and "SIMULATED" not in page
    assert not re.search(r"(src|href)=\"(?!data:)", page) and "<script" not in page


def test_where_nothing_is_there_it_says_so(tmp_path: Path, start: Started) -> None:
    told, session, _ = calibrated(tmp_path, start, 0.0)
    assert told.verdict == "nothing_decodable" and told.words.startswith("Nothing decodable was found")
    assert not (tmp_path / "bundle").exists() and told.bundle == ""
    assert len(list((session / CALIBRATION_EPOCHS).iterdir())) == told.blocks_done


def test_bad_input_is_told_in_a_sentence(tmp_path: Path, start: Started) -> None:
    process = start("training.calibration.report", str(tmp_path))
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and said.count("\n") == 1 and "give the folder of a session" in said
    (tmp_path / "plan.json").write_text("{}")
    (tmp_path / "settings.json").write_text("{}")
    process = start(
        "training.calibration", "--config", str(tmp_path / "settings.json"), "--plan", str(tmp_path / "plan.json")
    )
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1 and "is no plan for the presenter" in said and "Traceback" not in said


def test_left_and_right_on_a_real_muse(data: Path) -> None:
    """Five recordings, a block each: by decoders of earlier ones only, and by decoders of all others."""
    told = replay(data / "muse" / "left-right")
    assert told.verdict == "decodable" and len(told.whole.blocks) == 4
    assert told.whole.auc is not None and told.whole.auc >= 0.80
    assert told.cross_validated_auc is not None and told.cross_validated_auc >= 0.80
    assert told.ocular is not None and told.ocular.auc is not None and told.ocular.auc < told.whole.auc - 0.1
