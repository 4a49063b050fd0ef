"""The display process against a publisher with real sockets: late, missing, restarted, ended, interrupted."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from display_fakes import FakeAcquisition, answer, quality, result, status

from display.lsl import NAME, STATES

ROOT = Path(__file__).parents[2]


class Run:
    """A run folder (short enough for ipc), a publisher, and displays started in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.acquisition = FakeAcquisition(folder)
        self.displays: list[subprocess.Popen[str]] = []

    def display(self, *options: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "display", "--set", f"run.folder={self.folder}", *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.displays.append(process)
        return process

    def joined(self) -> None:
        """Wait until a display has asked for history."""
        asked = len(self.acquisition.since)
        self.acquisition.until(lambda: len(self.acquisition.since) > asked)

    def counted(self, results: int) -> None:
        """Wait until a display says that it has shown so many results."""
        beats = self.acquisition.beats
        self.acquisition.until(lambda: bool(beats) and beats[-1].counters["results"] == results)

    def ended(self, process: subprocess.Popen[str]) -> tuple[str, str]:
        """Standard output and error of a display that ends with exit code 0."""
        self.acquisition.until(lambda: process.poll() is not None)
        out, err = process.communicate(timeout=30)
        assert process.returncode == 0, err
        return out, err


@pytest.fixture
def run() -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="eeg") as folder:
        made = Run(Path(folder))
        yield made
        made.acquisition.close()
        for process in made.displays:
            if process.poll() is None:
                process.kill()
            process.communicate()


def finish(acquisition: FakeAcquisition, answered: int, segment: int = 1) -> None:
    last = status(segment, last=True, due=answered, sent=answered, answered=answered)
    acquisition.greeting = last
    acquisition.publish(last)


def test_late_join_missed_results_malformed_messages_and_the_report(run: Run, tmp_path: Path) -> None:
    acquisition = run.acquisition
    for k in range(3):  # before anybody listens
        acquisition.commit(result(k))
    acquisition.greeting = status(due=3, sent=3, answered=3)
    report, trace = tmp_path / "report.json", tmp_path / "trace.jsonl"
    process = run.display("--plain", "--report", str(report), "--trace", str(trace), "--name", "screen")
    run.joined()
    run.counted(3)
    acquisition.publish(quality())
    acquisition.raw([b"result", b"{not json", b""])
    acquisition.raw([b"status", b'{"v": 99, "b": {}}', b""])
    acquisition.raw([b"nonsense"])  # of no topic that anybody subscribes to
    acquisition.raw([b"status and nonsense"])
    acquisition.commit(result(3), published=False)  # lost on its way
    acquisition.commit(result(4))
    acquisition.publish(result(4))  # given out twice: shown once, and counted
    run.counted(5)
    finish(acquisition, 5)
    out, _ = run.ended(process)
    numbers = json.loads(report.read_text())
    assert numbers["complete"]
    assert numbers["results"] == 5
    assert (numbers["windows"]["lost"], numbers["windows"]["doubled"]) == (0, 1)
    assert numbers["display"]["malformed"] == 3
    assert numbers["display"]["fetched"] == 4
    assert numbers["accuracy"] is None
    assert "truth unknown" in out
    assert sum(line.startswith("result ") for line in out.splitlines()) == 5
    rows = [json.loads(line) for line in trace.read_text().splitlines()]
    assert sorted(row["sequence"] for row in rows) == [0, 1, 2, 3, 4]
    assert {beat.role for beat in acquisition.beats} == {"display"}
    assert {beat.name for beat in acquisition.beats} == {"screen"}
    acquisition.until(lambda: acquisition.beats[-1].state == "stopped")  # it said that it left
    assert 4 in acquisition.since  # the hole was asked for


def test_a_trailing_miss_is_fetched_in_the_drain_and_a_loss_is_reported(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    process = run.display("--headless", "--report", str(report))
    run.joined()
    run.acquisition.commit(result(0))
    run.acquisition.commit(result(1), published=False)
    # a third was answered, so acquisition says, and nobody holds it
    finish(run.acquisition, 3)
    out, _ = run.ended(process)
    numbers = json.loads(report.read_text())
    assert (numbers["results"], numbers["windows"]["lost"], numbers["windows"]["doubled"]) == (2, 1, 0)
    assert "result " not in out
    assert "lost 1" in out


def test_acquisition_restarts_and_the_display_goes_on(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    process = run.display("--headless", "--report", str(report))
    run.joined()
    run.acquisition.commit(result(0))
    run.acquisition.publish(status(due=1, sent=1, answered=1))
    run.counted(1)
    run.acquisition.close()
    run.acquisition = FakeAcquisition(run.folder, segment=2)
    run.joined()
    run.acquisition.commit(result(0, segment=2))
    run.counted(2)
    finish(run.acquisition, 1, segment=2)
    run.ended(process)
    numbers = json.loads(report.read_text())
    assert numbers["segments"] == [1, 2]
    assert numbers["results"] == 2
    assert numbers["windows"]["due"] == 2
    assert (numbers["windows"]["lost"], numbers["windows"]["doubled"]) == (0, 0)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_reports_and_leaves_cleanly(run: Run, tmp_path: Path, number: signal.Signals) -> None:
    report = tmp_path / "report.json"
    process = run.display("--report", str(report))
    run.joined()
    run.acquisition.commit(result(0))
    run.counted(1)
    process.send_signal(number)
    out, err = run.ended(process)
    assert err == ""
    assert "left before the run ended" in out
    numbers = json.loads(report.read_text())
    assert (numbers["results"], numbers["complete"]) == (1, False)


def test_a_drain_that_nobody_answers_ends(run: Run, tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    process = run.display("--headless", "--report", str(report))
    run.joined()
    run.acquisition.answering = False
    finish(run.acquisition, 2)
    run.ended(process)
    assert json.loads(report.read_text())["windows"]["lost"] == 2


def test_wrong_truth_is_one_sentence(run: Run, tmp_path: Path) -> None:
    process = run.display("--set", f"session.truth={tmp_path / 'none.json'}")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert out == ""
    assert err.startswith("display: '")
    assert err.count("\n") == 1


def test_results_go_out_over_lsl(run: Run) -> None:
    import pylsl

    session = f"s{uuid.uuid4().hex[:8]}"
    process = run.display("--headless", "--lsl", "--set", f"session.name={session}")
    run.joined()
    found = pylsl.resolve_byprop("source_id", f"eegseek-results-{session}", timeout=30)
    assert [info.name() for info in found] == [NAME]
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(timeout=30)
    try:
        text = None
        sequence = 0
        deadline = 40  # an inlet that has just opened may miss the first samples
        while text is None and sequence < deadline:
            run.acquisition.commit(result(sequence, answers=(answer(7), answer(8, repeats=2))))
            sequence += 1
            run.counted(sequence)
            sample, stamp = inlet.pull_sample(timeout=0.1)
            text = sample[0] if sample else None
        assert text is not None
        message = json.loads(text)
        assert message["answers"][0]["hits"][0]["label"] == "item 7"
        assert message["answers"][1]["repeats"] == 2
        assert stamp == pytest.approx(message["shown_s"], abs=1e-6)
    finally:
        inlet.close_stream()
    finish(run.acquisition, sequence)
    run.ended(process)


def test_states_go_out_over_lsl_on_a_stream_of_their_own(run: Run) -> None:
    import pylsl

    session = f"s{uuid.uuid4().hex[:8]}"
    process = run.display("--headless", "--lsl", "--set", f"session.name={session}")
    run.joined()
    found = pylsl.resolve_byprop("source_id", f"eegseek-results-{session}-states", timeout=30)
    assert [info.name() for info in found] == [STATES]
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(timeout=30)
    try:
        told: list[dict[str, str]] = []
        for k in range(40):  # an inlet that has just opened may miss the first samples
            state = ("paused", "connected")[k % 2]
            run.acquisition.publish(msgspec.structs.replace(status(), state=state, message="on request"))
            sample, stamp = inlet.pull_sample(timeout=0.5)
            if sample:
                told.append(json.loads(sample[0]))
                assert stamp == pytest.approx(told[-1]["time_s"], abs=1e-6)
            if any((row["name"], row["state"]) == ("acquisition", "paused") for row in told):
                break
        assert {"role": "acquisition", "name": "acquisition", "state": "paused", "message": "on request"}.items() <= (
            told[-1].items()
        )
    finally:
        inlet.close_stream()
    finish(run.acquisition, 0)
    run.ended(process)


@pytest.mark.parametrize("way", ["the run ends", "q", "SIGTERM"])
def test_on_a_terminal_it_draws_and_gives_the_screen_back(run: Run, way: str) -> None:
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    try:
        process = _on(theirs, run)
        run.joined()
        run.acquisition.commit(result(0, answers=(answer(3), answer(4, repeats=2)), simulated=True))
        run.counted(1)
        shown = _read_until(ours, run, "average of 2")
        assert "SIMULATED PARTICIPANT" in shown
        os.write(ours, b"2")  # the page Signal asks for samples, and no other does
        run.acquisition.until(lambda: b"\x01preview" in run.acquisition.subscriptions)
        os.write(ours, b"1")
        run.acquisition.until(lambda: b"\x00preview" in run.acquisition.subscriptions)
        if way == "q":
            os.write(ours, b"q")
        elif way == "SIGTERM":
            process.terminate()
        else:
            finish(run.acquisition, 1)
        rest = _read_until(ours, run, "windows: due")
        assert "\x1b[?1049l" in rest.partition("windows: due")[0], "the screen is given back before the summary"
        run.acquisition.until(lambda: process.poll() is not None)
        assert process.returncode == 0
        assert termios.tcgetattr(theirs) == before
        assert process.stderr is not None and process.stderr.read() == ""
    finally:
        os.close(ours)
        os.close(theirs)


def test_where_no_keys_can_come_it_writes_lines(run: Run) -> None:
    ours, theirs = pty.openpty()
    try:
        process = _on(theirs, run, stdin=subprocess.DEVNULL)
        run.joined()
        run.acquisition.commit(result(0))
        shown = _read_until(ours, run, "result 1.0 | stimulus 's0'")
        assert "\x1b" not in shown
        finish(run.acquisition, 1)
        run.acquisition.until(lambda: process.poll() is not None)
        assert process.returncode == 0
    finally:
        os.close(ours)
        os.close(theirs)


def _on(terminal: int, run: Run, stdin: int | None = None) -> subprocess.Popen[str]:
    """A display on a terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "display", "--set", f"run.folder={run.folder}"],
        stdin=terminal if stdin is None else stdin,
        stdout=terminal,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm-256color"},
    )
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    run.displays.append(process)
    return process


def _read_until(terminal: int, run: Run, words: str) -> str:
    text: list[str] = []

    def read() -> bool:
        while select.select([terminal], [], [], 0)[0]:
            text.append(os.read(terminal, 65536).decode(errors="replace"))
        return words in "".join(text)

    run.acquisition.until(read)
    return "".join(text)
