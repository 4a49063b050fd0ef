"""A free search from the first step to the report, unattended: a simulated participant who wears a Muse and looks for
something that nobody is told, and the gallery that ranks itself towards it, seen in a browser meanwhile.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browser import PHONE, browser, fits, free_port, page, shoot, until
from run_data import eegseek, end, kill
from virtual_screen import photograph, virtual_screen

from config.calibration import read_progress
from config.presentation import Block, Drawing, Pause, Plan, Stimulus, Trial, write_plan
from config.search import SEARCH_JSON, goal, read_search
from training.calibration.search_words import standing

pytestmark = pytest.mark.timeout(420)
LIMIT_S = 360.0
ROOT = Path(__file__).parents[2]
ROUNDS = 3


@pytest.fixture(scope="module", autouse=True)
def screen() -> Iterator[None]:
    """Where pictures are shown."""
    with virtual_screen() as name, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPLAY", name)
        patch.delenv("WAYLAND_DISPLAY", raising=False)
        yield


def test_the_gallery_ranks_itself_towards_what_a_participant_looks_for(tmp_path: Path) -> None:
    """With 3 dB and three rounds of 30, in nine of ten simulated sessions (`benchmarks.search`) its nearest stand
    at percentile 0.87 or higher; chance is 0.50, and what is asked for is 0.70."""
    name, port = f"search-{os.getpid()}", free_port()
    folder = tmp_path / name
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        overrides = {
            "session.folder": str(tmp_path), "run.folder": f"{sockets}/run", "inference.spare": "false",
            "run.start_s": "150", "dashboard.port": str(port),
        }  # fmt: skip
        quick = "--size 640x480 --on 0.08 --blank 0.12 --contact 0.5 --blocks 4 --trials 24 --use-trials 30"
        options = [text for key, value in overrides.items() for text in ("--set", f"{key}={value}")]
        process = eegseek(
            "session", "--preset", "muse-lsl", "--participant", "--snr-db", "3", "--search", "--unattended",
            "--dashboard", "--name", name, "--rounds", str(ROUNDS), *quick.split(), *options,
            cwd=tmp_path, out=subprocess.PIPE,
        )  # fmt: skip
        try:
            until(lambda: _paused(folder) or process.poll() is not None, LIMIT_S)
            assert process.poll() is None, process.communicate()
            photograph(os.environ["DISPLAY"], "search-look-for", tmp_path)
            with browser() as chromium, page(chromium) as shown:
                until(lambda: (folder / SEARCH_JSON).exists() or process.poll() is not None, LIMIT_S)
                assert process.poll() is None, process.communicate()
                shown.goto(f"http://127.0.0.1:{port}/guide")
                shown.get_by_role("heading", name="ranked after round").wait_for()
                first = shown.locator("ol img").first
                first.wait_for()
                until(lambda: first.evaluate("one => one.complete && one.naturalWidth > 0"))
                assert shown.locator("ol img").count() == 15 and fits(shown)
                assert shown.get_by_text("SIMULATED").first.is_visible()
                shoot(shown, "guide-search", tmp_path, whole=True)
                assert shown.request.get(f"http://127.0.0.1:{port}/search-picture?item=..%2Fsession.json").status == 404
                shown.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
                assert fits(shown)
            code, errors = end(process, LIMIT_S)
        finally:
            kill(process)
    assert code == 0, (errors, [log.read_text() for log in folder.glob("logs/*.err")])
    progress = read_progress(folder / "calibration.json")
    assert progress.verdict == "decodable" and set(progress.categories) == {"wanted", "other"}
    assert 2 * progress.trials["wanted"] < progress.trials["other"] and progress.chance == 0.5
    state, hidden = read_search(folder / SEARCH_JSON), goal(folder)
    assert len(state.rounds) == ROUNDS and state.simulated and hidden is not None
    assert sum(len(one.seen) + one.rejected for one in state.rounds) >= 0.8 * 30 * ROUNDS
    found = standing(folder, state, hidden)
    assert found is not None and found[1] > 0.7 and found[0] <= 30, found
    report = (folder / "report.html").read_text("utf-8")
    assert "ranking by round" in report and f"in place {found[0]} of 120" in report
    assert next(folder.glob("bids/**/*_eeg.*"))


def test_the_presenter_shows_what_to_look_for(tmp_path: Path) -> None:
    """Above the words of a pause, side by side, in a real window; no marker is sent of it."""
    colours = {"a": "#ff0000", "b": "#0000ff"}
    stimuli = tuple(Stimulus(id=name, drawing=Drawing(colour=colour)) for name, colour in colours.items())
    parts = (Pause(words="Look for these", stimuli=("a", "b")), Block(trials=(Trial(stimulus="a", on_s=0.1),)))
    write_plan(tmp_path / "plan.json", Plan(stimuli=stimuli, parts=parts))
    log, stream = tmp_path / "presented-calibration-1.jsonl", f"markers-{os.getpid()}"
    named = ["--plan", str(tmp_path / "plan.json"), "--stream", stream, "--log", str(log), "--size", "400x300"]
    process = subprocess.Popen([sys.executable, "-m", "display.presenter", *named, "--wait", "0"], cwd=ROOT)
    try:
        until(lambda: _paused(tmp_path) or process.poll() is not None, 90.0)
        assert process.poll() is None
        until(lambda: _side_by_side(np.asarray(photograph(os.environ["DISPLAY"], "presenter-look-for", tmp_path))))
    finally:
        process.terminate()
        process.wait(30)
    assert '"stimulus"' not in log.read_text("utf-8")


def _paused(folder: Path) -> bool:
    """Whether the presenter shows what to look for."""
    return any('"pause"' in log.read_text("utf-8") for log in folder.glob("presented-calibration-*.jsonl"))


def _side_by_side(seen: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> bool:
    """Whether red stands to the left of blue, at the same height, in the upper half."""
    places = [np.argwhere(np.abs(seen.astype(int) - one).sum(axis=2) < 30) for one in ((255, 0, 0), (0, 0, 255))]
    if min(map(len, places)) < 500:
        return False
    (red_y, red_x), (blue_y, blue_x) = (place.mean(axis=0) for place in places)
    return bool(red_x < blue_x and abs(red_y - blue_y) < 2 and red_y < seen.shape[0] / 2)
