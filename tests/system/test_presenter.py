"""The presenter in a real SDL window on a virtual screen, its markers read over LSL; the photodiode's delay, live."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mne
import numpy as np
import psutil
import pytest
from PIL import Image
from typer.testing import CliRunner
from virtual_screen import Watched, needs, photograph, virtual_screen

from config.errors import UnclearDelay
from config.presentation import END_LABEL, Block, Look, Pause, Plan, Trial, write_plan
from display.presenter.log import read_log
from display.presenter.make import Design, make_plan
from display.presenter.stimuli import of_folder
from eegseek.cli import app
from wire import lsl_scope

lsl_scope.restrict()
pytestmark = pytest.mark.timeout(180)
LIMIT_S = 90.0


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the screen's pixels."""
    return tmp_path_factory.mktemp("screen")


@pytest.fixture(scope="module")
def display(memory: Path) -> Iterator[str]:
    with virtual_screen(folder=memory) as name:
        yield name


class Listener:
    """An inlet that keeps all markers, in a thread."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.markers: list[tuple[str, float]] = []
        self.over = threading.Event()
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        import pylsl

        until = time.monotonic() + LIMIT_S
        found: list[Any] = []
        while not found and time.monotonic() < until and not self._left.is_set():
            found = [info for info in pylsl.resolve_streams(1.0) if info.name() == self.name]
        if not found:
            return
        inlet = pylsl.StreamInlet(found[0])  # comes back by itself where a busy machine breaks the connection
        while not self._left.is_set() and not self.over.is_set():
            labels, stamp = inlet.pull_sample(0.2)
            if labels:
                self.markers.append((labels[0], stamp))
                if labels[0] == END_LABEL:
                    self.over.set()
        inlet.close_stream()

    def wait(self, count: int) -> None:
        until = time.monotonic() + LIMIT_S
        while len(self.markers) < count:
            assert time.monotonic() < until, f"{len(self.markers)} of {count} markers came"
            time.sleep(0.01)

    def close(self) -> None:
        self._left.set()
        self._thread.join(10)


@contextmanager
def presenting(
    tmp_path: Path, display: str | None, plan: Plan, stream: str, *more: str
) -> Iterator[subprocess.Popen[str]]:
    path = tmp_path / f"{stream}.json"
    write_plan(path, plan)
    command = [
        sys.executable,
        "-m",
        "display.presenter",
        "--plan",
        str(path),
        "--log",
        str(tmp_path / f"{stream}.jsonl"),
    ]
    environment = {key: value for key, value in os.environ.items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    if display is not None:
        environment["DISPLAY"] = display
    process = subprocess.Popen(
        [*command, "--stream", stream, "--unattended", "0.2", *more], env=environment, stderr=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            psutil.Process(process.pid).kill()
        process.communicate()


def pictures_of(folder: Path) -> Path:
    for category, colour in (("red", (200, 30, 30)), ("blue", (30, 60, 200))):
        (folder / category).mkdir(parents=True)
        for k in range(3):
            Image.new("RGB", (80 + 10 * k, 80), colour).save(folder / category / f"{k}.png")
    return folder


def plan_of(tmp_path: Path, **changes: Any) -> Plan:
    look = Look(patch="bottom-right", fixation=True)
    design = Design(
        **{"mode": "rsvp", "rate_hz": 5.0, "blocks": 2, "trials": 8, "catch_share": 0.2, "look": look, **changes}
    )
    return make_plan(of_folder(pictures_of(tmp_path / "pictures")), design)


def stimuli(log: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(line["id"], line["time_s"]) for line in log if line["event"] == "stimulus"]


def test_every_marker_comes_in_order_with_the_stamp_of_the_log_and_then_the_end(
    tmp_path: Path, display: str, memory: Path
) -> None:
    plan, stream = plan_of(tmp_path), f"markers-{uuid.uuid4().hex[:8]}"
    patch = Watched(memory, 790, 590)
    listener = Listener(stream)
    report = tmp_path / "report.json"
    try:
        with presenting(tmp_path, display, plan, stream, "--size", "800x600", "--report", str(report)) as process:
            listener.wait(1)
            # while the first one shows, another presenter of the same stream is refused
            with presenting(tmp_path, display, plan, stream, "--log", str(tmp_path / "second.jsonl")) as second:
                said = second.communicate(timeout=LIMIT_S)[1]
            assert second.returncode == 1
            assert "is there already" in said
            assert "[E302]" in said
            assert listener.over.wait(LIMIT_S)
            told = process.communicate(timeout=LIMIT_S)[1]
        assert process.returncode == 0, told
    finally:
        listener.close()
        whites = np.array(patch.whites())
    wanted = [trial.stimulus for _, trial in plan.trials()]
    assert len(wanted) == 20  # catch trials included
    log = read_log(tmp_path / f"{stream}.jsonl")
    assert [label for label, _ in listener.markers] == [*wanted, END_LABEL]
    assert listener.markers[:-1] == stimuli(log)  # to the last bit
    assert log[0]["event"] == "begin"
    assert (log[-1]["event"], log[-1]["ended"]) == ("end", "completed")
    assert log[-1]["time_s"] == listener.markers[-1][1]
    # the patch's pixel in the screen's memory turned white at its stamp; by chance it would be 50 ms from one
    off = [np.abs(whites - stamp).min() for _, stamp in stimuli(log)]
    assert np.median(off) < 0.03
    assert np.diff([stamp for _, stamp in listener.markers]).min() > 0.1
    numbers = json.loads(report.read_text())
    assert numbers["trials"] == numbers["planned"] == 20
    assert sum(numbers["timing"]["counts"]) == numbers["timing"]["frames"] - 2  # within each of two blocks
    assert numbers["screen"]["synced"] is False
    for words in ("vertical sync: no", "dropped", "interval between flips", "virtual"):
        assert words in told


def test_escape_ends_it_in_the_middle_and_nothing_that_was_shown_is_lost(tmp_path: Path, display: str) -> None:
    needs("xdotool")
    plan, stream = plan_of(tmp_path, trials=400), f"markers-{uuid.uuid4().hex[:8]}"
    listener = Listener(stream)
    try:
        with presenting(tmp_path, display, plan, stream) as process:
            listener.wait(5)
            environment = {**os.environ, "DISPLAY": display}
            subprocess.run(["xdotool", "key", "Escape"], env=environment, check=True, timeout=30)
            assert listener.over.wait(LIMIT_S)
            process.communicate(timeout=LIMIT_S)
        assert process.returncode == 3
    finally:
        listener.close()
    log = read_log(tmp_path / f"{stream}.jsonl")
    assert 5 <= len(stimuli(log)) < 400
    assert listener.markers[:-1] == stimuli(log)
    assert (log[-1]["ended"], log[-1]["trials"]) == ("aborted", len(stimuli(log)))
    assert log[-2]["event"] == "timing"


def test_what_is_on_the_screen_is_what_the_plan_says(tmp_path: Path, display: str) -> None:
    """A picture, the fixation and the white patch, and before them the words; then SIGTERM ends it."""
    found = of_folder(pictures_of(tmp_path / "pictures"))
    look = Look(patch="top-left", height=0.5)
    trial = Trial(stimulus="blue/0.png", on_s=120.0)  # the patch is white for half of that
    plan = Plan(look=look, stimuli=found, parts=(Pause(words="Look at the dot."), Block(trials=(trial,), lead_s=0.1)))
    stream = f"markers-{uuid.uuid4().hex[:8]}"
    with presenting(tmp_path, display, plan, stream, "--no-wait", "--unattended", "3", "--size", "800x600") as process:
        log = tmp_path / f"{stream}.jsonl"
        wait_for(log, "pause", process)
        words = until(lambda: photograph(display, "presenter-words", tmp_path), lambda p: (240, 240, 240) in colours(p))
        assert (64, 64, 64) in colours(words)
        wait_for(log, "stimulus", process)
        picture = until(
            lambda: photograph(display, "presenter-stimulus", tmp_path),
            lambda p: p.getpixel((400, 200)) == (30, 60, 200),
        )
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=LIMIT_S)
    assert process.returncode == 0
    assert picture.getpixel((20, 20)) == (255, 255, 255)  # the patch, 48 pixels wide
    assert picture.getpixel((60, 20)) == (128, 128, 128)
    assert picture.getpixel((400, 300)) == (0, 0, 0)  # the dot in the middle
    left, right = (picture.getpixel((x, 200)) for x in (252, 248))  # 300 pixels wide
    assert (left, right) == ((30, 60, 200), (128, 128, 128))
    assert read_log(log)[-1]["ended"] == "stopped"


def test_without_a_screen_or_with_a_broken_picture_it_says_so_and_shows_nothing(tmp_path: Path, display: str) -> None:
    plan, stream = plan_of(tmp_path), f"markers-{uuid.uuid4().hex[:8]}"
    with presenting(tmp_path, None, plan, stream) as process:
        said = process.communicate(timeout=LIMIT_S)[1]
    assert process.returncode == 1
    assert "no screen to present on" in said
    assert "[E800]" in said
    broken = tmp_path / "pictures" / "blue" / "1.png"
    broken.write_bytes(broken.read_bytes()[:60])
    with presenting(tmp_path, display, plan, stream) as process:
        said = process.communicate(timeout=LIMIT_S)[1]
    assert process.returncode == 1
    assert "blue/1.png" in said
    assert "[E120]" in said
    log = read_log(tmp_path / f"{stream}.jsonl")
    assert stimuli(log) == []
    assert log[-1]["ended"] == "failed"


DELAY_S, RATE, LAG_S = 0.0613, 500.0, 1.0


def photodiode_stream(name: str, listener: Listener, stop: threading.Event) -> None:
    """A simulated amplifier: its channel ``photo`` steps ``DELAY_S`` after each marker, for 0.2 s.

    It sends what is a second old, by the stamps alone, so that no load of the machine changes what it measures.
    """
    import pylsl

    info = pylsl.StreamInfo(name, "EEG", 2, RATE, pylsl.cf_float32, f"{name}-id")
    for label in ("Oz", "photo"):
        info.desc().append_child("channels") if info.desc().child("channels").empty() else None
        info.desc().child("channels").append_child("channel").append_child_value("label", label)
    outlet = pylsl.StreamOutlet(info)
    generator = np.random.default_rng(0)
    begin, sent = pylsl.local_clock() - LAG_S, 0
    while not stop.is_set():
        due = int((pylsl.local_clock() - LAG_S - begin) * RATE)
        if due > sent:
            stamps = begin + np.arange(sent, due) / RATE
            lights = [stamp + DELAY_S for label, stamp in listener.markers if label != END_LABEL]
            on = np.zeros(len(stamps), dtype=bool)
            for light in lights:
                on |= (stamps >= light) & (stamps < light + 0.2)
            rows = generator.normal(0, 5.0, (len(stamps), 2)) + np.stack([0 * on, 900.0 * on], axis=1)
            outlet.push_chunk(rows.astype(np.float32).tolist(), stamps[-1])
            sent = due
        time.sleep(0.05)


def test_the_delay_of_a_simulated_photodiode_is_measured_live_and_stored(tmp_path: Path, display: str) -> None:
    key = uuid.uuid4().hex[:8]
    stream, amplifier, settings = f"markers-{key}", f"amplifier-{key}", tmp_path / "mine.toml"
    settings.write_text("# my own\n[markers]\nlate_s = 3.0\n")
    design = Design(blocks=1, trials=18, on_s=0.2, blank_s=(0.25, 0.45), instructions="", look=Look(patch="top-left"))
    plan = make_plan(of_folder(pictures_of(tmp_path / "pictures")), design)
    listener, stop = Listener(stream), threading.Event()
    sender = threading.Thread(target=photodiode_stream, args=(amplifier, listener, stop), daemon=True)
    sender.start()
    command = [sys.executable, "-m", "eegseek", "calibrate-delay", "--lsl", amplifier, "--channel", "photo"]
    try:
        with presenting(tmp_path, display, plan, stream) as process:
            measured = subprocess.run(
                [*command, "--stream", stream, "--seconds", "60", "--settings", str(settings)],
                capture_output=True,
                text=True,
                timeout=LIMIT_S,
            )
            process.communicate(timeout=LIMIT_S)
    finally:
        stop.set()
        sender.join(10)
        listener.close()
    assert measured.returncode == 0, measured.stderr
    assert "marker to light: median" in measured.stdout
    assert settings.read_text().startswith("# my own\n[markers]\ndelay_s = 0.06")
    stored = float(settings.read_text().split("delay_s = ")[1].split()[0])
    assert abs(stored - DELAY_S) < 1 / RATE


def test_the_delay_is_measured_in_a_recording_and_refused_on_a_channel_without_a_sensor(tmp_path: Path) -> None:
    generator = np.random.default_rng(3)
    onsets = 2.0 + np.cumsum(generator.uniform(0.7, 1.1, 40))
    times = np.arange(int((onsets[-1] + 3) * 250)) / 250
    light = np.any((times[:, None] >= onsets + 0.044) & (times[:, None] < onsets + 0.244), axis=1)
    data = generator.normal(0, 1e-5, (2, len(times)))
    data[1] += 1e-3 * light
    raw = mne.io.RawArray(data, mne.create_info(["Oz", "photo"], 250.0, ["eeg", "bio"]), verbose="ERROR")
    raw.set_annotations(mne.Annotations(onsets, 0.0, ["delay/light"] * 40))
    raw.save(tmp_path / "test_raw.fif", verbose="ERROR")

    command = ["calibrate-delay", str(tmp_path / "test_raw.fif")]
    found = CliRunner().invoke(app, [*command, "--channel", "photo", "--json", str(tmp_path / "delay.json")])
    assert found.exit_code == 0, found.output
    assert "markers.delay_s = 0.04" in found.output
    numbers = json.loads((tmp_path / "delay.json").read_text())
    assert abs(numbers["median_s"] - 0.044) < 0.002
    assert numbers["n"] == numbers["markers"] == 40
    refused = CliRunner().invoke(app, [*command, "--channel", "Oz"])
    assert isinstance(refused.exception, UnclearDelay)


def wait_for(log: Path, event: str, process: subprocess.Popen[str]) -> None:
    until_s = time.monotonic() + LIMIT_S
    while not (log.exists() and any(line["event"] == event for line in read_log(log))):
        assert process.poll() is None, "the presenter ended too early"
        assert time.monotonic() < until_s, f"no '{event}' in the log"
        time.sleep(0.05)


def until(take: Any, holds: Any) -> Any:
    """What is taken, once it holds; the last one where it never does."""
    until_s = time.monotonic() + 5.0
    while True:
        taken = take()
        if holds(taken) or time.monotonic() > until_s:
            return taken


def colours(picture: Image.Image) -> set[tuple[int, ...]]:
    return {colour for _, colour in picture.getcolors(1 << 20) or []}  # type: ignore[misc]
