"""Guided sessions from the first step to the report, unattended and by the browser: a simulated participant wearing a
Muse, BrainFlow's synthetic board, and real recordings as the headset.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from browser import browser, fits, free_port, page, shoot, until
from run_data import eegseek, end, kill
from virtual_screen import virtual_screen

from config.calibration import CALIBRATION_EPOCHS, Progress, read_progress
from config.guide import CHECKS_JSON, read_guide
from training.calibration import blocks
from training.calibration.noise import cut_blocks, plan_of_preset

pytestmark = pytest.mark.timeout(360)
LIMIT_S = 300.0
QUICK = ["--size", "400x300", "--on", "0.08", "--blank", "0.12", "--contact", "0.5"]


@pytest.fixture(scope="module", autouse=True)
def screen() -> Iterator[None]:
    """Where pictures are shown."""
    with virtual_screen() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        yield


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, list[str]]]:
    """The session's folder, and options that keep it apart from others."""
    name = f"me-{os.getpid()}"  # its streams are named after it
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        overrides = {
            "session.folder": str(tmp_path),
            "run.folder": f"{sockets}/run",
            "inference.spare": "false",
            "run.start_s": "150",
        }
        yield (
            tmp_path / name,
            ["--name", name, *(text for key, value in overrides.items() for text in ("--set", f"{key}={value}"))],
        )


def held(folder: Path, words: str) -> tuple[Progress, dict[str, Any]]:
    """What the calibration and the run told, where page, recording and words are as they must be."""
    assert f"report: {folder / 'report.html'}" in words and "Everything is in" in words
    assert (folder / "report.html").stat().st_size > 10_000
    assert next(folder.glob("bids/**/*_eeg.vhdr"), None) or next(folder.glob("bids/**/*_eeg.*"))
    guide = read_guide(folder)
    assert guide is not None and guide.ended and guide.step == "report"
    return read_progress(folder / "calibration.json"), json.loads((folder / "report.json").read_bytes())


def run(arguments: list[str], folder: Path) -> tuple[int, str]:
    """A session to its end: exit code and all it said."""
    process = eegseek("session", "--unattended", *arguments, cwd=folder.parent, out=subprocess.PIPE)
    try:
        out, errors = process.communicate(timeout=LIMIT_S)
    except subprocess.TimeoutExpired:
        pytest.fail(f"not finished: {kill(process)}")
    return process.returncode, out + errors


def test_a_participant_with_a_muse_is_decoded_and_answered(place: tuple[Path, list[str]]) -> None:
    folder, options = place
    loud = ["--snr-db", "0", "--blocks", "5", "--trials", "24", "--use-trials", "10"]
    code, words = run(["--preset", "muse-lsl", "--participant", *QUICK, *loud, *options], folder)
    assert code == 0, words
    progress, report = held(folder, words)
    assert progress.verdict == "decodable" and progress.simulated and progress.whole.auc is not None
    assert progress.whole.channels == ("TP9", "AF7", "AF8", "TP10") and progress.whole.auc > 0.8
    assert progress.ocular is not None and progress.ocular.channels == ("AF7", "AF8")
    assert report["windows"]["answered"] >= 5 and report["windows"]["lost"] == 0
    assert report["accuracy"]["top1"] > 0.5
    assert "SIMULATED: the participant is a program" in words and "SIMULATED  found: " in words
    assert "no electrode over visual cortex" in words and "it does not tell single images apart" in words
    assert (folder / "encoder" / "encoder.json").exists() and not (folder / CHECKS_JSON).exists()


def test_the_synthetic_board_ends_with_nothing_to_decode(place: tuple[Path, list[str]]) -> None:
    folder, options = place
    # alpha: by chance one session in so many would be called decodable
    short = ["--blocks", "4", "--trials", "28", "--alpha", "0.001"]
    code, words = run(["--board", "synthetic", *QUICK, *short, *options], folder)
    assert code == 0, words
    progress, report = held(folder, words)
    # an e-value between 4 and 1000 is called undecided: by chance at most one session in four
    assert progress.verdict == "nothing_decodable" or "Undecided" in progress.words, progress.words
    assert progress.words in words and "So there is nothing to show" in words
    assert progress.simulated and progress.whole.trials >= 40
    assert not (folder / "encoder").exists() and report["windows"]["answered"] == 0


def test_recordings_of_a_muse_are_the_headset(place: tuple[Path, list[str]], data: Path) -> None:
    folder, options = place
    files = sorted((data / "muse" / "left-right").glob("*.csv"))[:3]
    given = [text for file in files for text in ("--recording", str(file))]
    code, words = run([*given, "--speed", "60", *options], folder)
    assert code == 0, words
    progress, report = held(folder, words)
    assert progress.verdict == "decodable" and not progress.simulated
    assert progress.blocks_done == progress.blocks_planned
    assert progress.cross_validated_auc is not None and progress.cross_validated_auc >= 0.80
    assert f"{progress.cross_validated_auc:.2f}" in (folder / "report.html").read_text("utf-8")
    answered = report["windows"]["answered"]
    assert answered > 200 and report["accuracy"]["single"]["top1"] > 0.6


def test_an_earlier_session_is_learned_from_also_after_a_break(place: tuple[Path, list[str]], data: Path) -> None:
    """Windows of two recordings are the earlier session, a third is the headset; it goes on without its decoder."""
    folder, options = place
    plan = plan_of_preset()
    for block in cut_blocks(data / "muse" / "left-right", plan)[:2]:
        blocks.save(folder.parent / "before" / CALIBRATION_EPOCHS, block, plan, 256.0, "before")
    third = sorted((data / "muse" / "left-right").glob("*.csv"))[2]
    code, words = run(["--recording", str(third), "--speed", "60", "--former", "before", *options], folder)
    assert code == 0, words
    progress, _ = held(folder, words)
    used = progress.former
    assert used is not None and used.sessions == ("before",) and used.trials > 400
    assert progress.whole.blocks[0].block == 0  # scored before anything was learned here
    assert used.auc_with is not None and used.auc_without is not None and used.auc_with > used.auc_without
    assert used.words in words and used.words in (folder / "report.html").read_text("utf-8")
    assert progress.verdict == "decodable"
    assert "earlier sessions (before)" in (folder / "encoder" / "encoder.json").read_text("utf-8")

    shutil.rmtree(folder / "encoder")
    (folder / "calibration.json").unlink()
    code, words = run(["--resume", str(folder), *options[2:]], folder)
    assert code == 0, words
    again = read_progress(folder / "calibration.json")
    assert again.former == used and again.whole == progress.whole


def test_a_session_is_led_by_the_browser_and_ended_there(place: tuple[Path, list[str]], tmp_path: Path) -> None:
    folder, options = place
    port = free_port()
    more = ["--dashboard", "--set", f"dashboard.port={port}"]
    process = eegseek("session", "--board", "synthetic", *QUICK, *more, *options, cwd=tmp_path, out=subprocess.PIPE)
    try:
        until(lambda: (folder / "dashboard.url").exists() or process.poll() is not None, LIMIT_S)
        assert process.poll() is None, kill(process)
        with browser() as chromium, page(chromium) as shown:
            until(lambda: _answers(port))
            shown.goto(f"http://127.0.0.1:{port}/guide")
            shown.get_by_role("button", name="Go on with the contact").click()
            shown.get_by_text("2. Fit it: blink check").wait_for()
            assert fits(shown)
            shown.locator("text=SIMULATED >> visible=true").first.wait_for()
            shoot(shown, "guide-fit", tmp_path)
            shown.get_by_role("button", name="Go on without it").click()
            shown.get_by_text("2. Fit it: alpha check").wait_for()
            shown.get_by_role("button", name="Go on without it").click()
            shown.get_by_role("button", name="Start the calibration").wait_for()
            shown.get_by_role("button", name="End here").click()
            shown.get_by_text("everything recorded so far is kept").first.wait_for()
            shown.get_by_text("✖ 3. Calibrate: ended early").wait_for()
            shown.get_by_text("– 4. Use: left out").wait_for()
            shoot(shown, "guide-report", tmp_path)
        code, errors = end(process, LIMIT_S)
    finally:
        kill(process)
    assert code == 0, errors
    assert (folder / "report.html").exists() and next(folder.glob("bids/**/*_eeg.*"))


def test_what_cannot_be_is_said_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["session", "--board", "synthetic", "--participant", "--unattended"]
    code, errors = end(eegseek(*command, cwd=tmp_path))
    assert code == 1 and errors.count("\n") == 1 and "exclude each other" in errors
    code, errors = end(eegseek("session", "--resume", "nobody", "--unattended", cwd=tmp_path))
    assert code == 1 and errors.count("\n") == 1 and "holds no guided session" in errors
    monkeypatch.delenv("DISPLAY")
    code, errors = end(eegseek("session", "--preset", "muse-lsl", "--participant", "--unattended", cwd=tmp_path))
    assert code == 1 and errors.count("\n") == 1 and "no display" in errors and "--no-presenter" in errors


def test_children_end_with_a_session_that_is_killed(place: tuple[Path, list[str]]) -> None:
    folder, options = place
    process = eegseek("session", "--unattended", "--board", "synthetic", *QUICK, *options, cwd=folder.parent)
    try:
        until(lambda: next(folder.glob("*.esj"), None) or process.poll() is not None, LIMIT_S)
        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 3
        process.kill()
        gone, alive = psutil.wait_procs(children, timeout=90)
        for child in alive:
            child.kill()
        assert not alive and gone
    finally:
        kill(process)


def _answers(port: int) -> bool:
    """Whether the dashboard serves."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/guide", timeout=5) as reply:
            return bool(reply.status == 200)
    except (urllib.error.URLError, OSError):
        return False
