"""The live view in a real terminal (tmux) with a real run: pages, sizes, commands, a killed display, every way out."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from run_data import ROOT, SOURCE, bundles, settings

pytestmark = pytest.mark.timeout(400)
CURVE = re.compile("[⠁-⣿]")


class Tmux:
    """A terminal that a test types into and reads."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.name = f"eegseek-{uuid.uuid4().hex[:8]}"
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", "110", "-y", "36", "bash --norc --noprofile")
        self.tmux("set-option", "-g", "window-size", "manual")
        environment = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PS1": "$ "}
        self.line("export " + " ".join(f"{name}={shlex.quote(value)}" for name, value in environment.items()))
        self.line(f"cd {shlex.quote(str(folder))}")

    def tmux(self, *arguments: str) -> str:
        made = subprocess.run(["tmux", "-L", self.name, *arguments], capture_output=True, text=True, timeout=30)
        assert made.returncode == 0, made.stderr
        return made.stdout

    def line(self, words: str) -> None:
        """Type a line."""
        self.tmux("send-keys", "-l", words)
        self.tmux("send-keys", "Enter")

    def keys(self, *names: str) -> None:
        self.tmux("send-keys", *names)

    def read(self) -> str:
        return self.tmux("capture-pane", "-p")

    def until(self, condition: Callable[[str], object], limit_s: float = 120.0) -> str:
        deadline = time.monotonic() + limit_s
        while not condition(text := self.read()):
            assert time.monotonic() < deadline, f"not seen in time:\n{text}"
            time.sleep(0.1)
        return text

    def keep(self, name: str) -> None:
        """Keep what is seen, where a folder for pictures is named."""
        if folder := os.environ.get("EEGSEEK_PICTURES"):
            from rich.console import Console
            from rich.text import Text

            console = Console(record=True, width=110, file=io.StringIO(), force_terminal=True)
            console.print(Text.from_ansi(self.tmux("capture-pane", "-p", "-e", "-N")))
            console.save_svg(str(Path(folder) / f"{name}.svg"), title="eegseek")

    def close(self) -> None:
        pane = int(self.tmux("display-message", "-p", "#{pane_pid}"))
        for process in psutil.Process(pane).children(recursive=True):
            process.kill()
        self.tmux("kill-server")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    bundles(folder)
    return folder


@pytest.fixture
def terminal(tmp_path: Path, made: Path) -> Iterator[Tmux]:
    """In a folder with a settings file of a run; its sockets are in a folder of short name."""
    if shutil.which("tmux") is None:
        reason = "tmux is not installed: it is the terminal that the live view is tested in"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        table = settings(made, tmp_path / "sessions", Path(sockets) / "run")
        table["source"] = {"kind": "participant", **SOURCE, "repeats": 1000}
        (tmp_path / "c.json").write_text(json.dumps(table))
        terminal = Tmux(tmp_path)
        yield terminal
        terminal.close()


def display_of(folder: Path) -> psutil.Process | None:
    """The display of the run in a folder."""
    settings_file = str(folder / "sessions" / "here" / "settings.json")
    for process in psutil.process_iter(["cmdline"]):
        line = process.info["cmdline"] or []
        if settings_file in line and "display" in line:
            return process
    return None


def test_a_run_is_seen_resized_killed_and_ended_by_ctrl_c(terminal: Tmux) -> None:
    terminal.line(f"{sys.executable} -m eegseek run -c c.json; echo ended with $?")
    seen = terminal.until(lambda text: "stimulus '" in text and "average of" in text)
    assert "SIMULATED PARTICIPANT" in seen
    assert "q leave" in seen
    terminal.keep("terminal-live")
    terminal.keys("2")
    terminal.until(lambda text: "each ±" in text and CURVE.search(text) and "▼" in text)
    terminal.keep("terminal-signal")
    terminal.tmux("resize-window", "-x", "80", "-y", "24")
    seen = terminal.until(lambda text: text.splitlines()[-1].endswith("q leave") and CURVE.search(text))
    assert "G good 4" in seen
    assert len(seen.splitlines()) == 24
    terminal.keys("3")
    terminal.until(lambda text: "committed → shown" in text and "changes of state" in text)
    terminal.keep("terminal-timing")
    victim = display_of(terminal.folder)
    assert victim is not None
    victim.send_signal(signal.SIGKILL)
    # another one is started, takes the screen, and has what was before it came
    seen = terminal.until(lambda text: "stimulus '" in text and (now := display_of(terminal.folder)) and now != victim)
    assert "lost 0  doubled 0" in seen
    terminal.keys("C-c")
    seen = terminal.until(lambda text: re.search(r"ended with \d", text))
    assert "ended with 0" in seen
    assert "windows: due" in seen and "left before the run ended" not in seen
    assert "display was killed by signal 9; started again" in seen, "what was said meanwhile is said in the end"
    sane(terminal)


def test_left_by_q_joined_again_and_stopped_from_there(terminal: Tmux) -> None:
    terminal.line(f"{sys.executable} -m eegseek run -c c.json; echo ended with $?")
    terminal.until(lambda text: "stimulus '" in text)
    terminal.keys("q")
    seen = terminal.until(lambda text: "the session goes on, Ctrl-C ends it" in text)
    assert "left before the run ended" in seen
    terminal.tmux("split-window", "-l", "24", f"bash --norc --noprofile -c {shlex.quote(rejoin(terminal.folder))}")
    terminal.until(lambda text: "stimulus '" in text)
    terminal.keys("4")
    terminal.until(lambda text: "what can be asked of it" in text)
    for key, words in (("p", "pause: "), ("s", "start: ")):
        terminal.keys(key)
        terminal.until(lambda text, words=words: re.search(rf"ago\s+{words}(?!…)", text))
    terminal.keys("n")
    terminal.until(lambda text: "Note into the recording" in text)
    terminal.tmux("send-keys", "-l", "a door fell shut")
    terminal.keys("Enter")
    terminal.until(lambda text: re.search("note a door fell shut: (?!…)", text))
    terminal.keep("terminal-session")
    terminal.keys("x")
    terminal.until(lambda text: "y stops" in text)
    terminal.keys("y")
    assert "left with 0" in terminal.until(lambda text: re.search(r"left with \d", text))
    terminal.tmux("kill-pane")
    seen = terminal.until(lambda text: re.search(r"ended with \d", text))
    assert "ended with 0" in seen
    journal = (terminal.folder / "sessions" / "here" / "segment-0000.esj").read_bytes()
    assert b"a door fell shut" in journal
    sane(terminal)


def rejoin(folder: Path) -> str:
    """As a person joins a run from another terminal."""
    return (
        f"cd {shlex.quote(str(folder))}; PYTHONPATH={shlex.quote(str(ROOT))} {sys.executable} -m display "
        "--config sessions/here/settings.json --name guest; echo left with $?; sleep 60"
    )


def sane(terminal: Tmux) -> None:
    """The terminal is as it was: lines are echoed, Ctrl-Z stops, and what is typed is run."""
    terminal.line("stty -a | tr -d ';' | grep -o -e ' echo' -e ' icanon' -e 'susp = ^Z' | tr '\\n' '.'; echo checked")
    assert "susp = ^Z. icanon. echo." in terminal.until(lambda text: ".checked" in text)
