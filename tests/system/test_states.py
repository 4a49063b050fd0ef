"""A run in which everything falters: each change of state is published, shown, recorded with its time, and logged."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
import zmq
from delivery_fakes import until
from delivery_running import Running
from run_data import SOURCE, bundles, child, eegseek, end, kill, settings

from acquisition import journal
from wire.clock import now
from wire.endpoints import endpoints
from wire.packets import Status
from wire.sockets import connect, make, receive
from wire.states import Change, Changes

LIMIT_S = 60.0


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    bundles(folder)
    return folder


class Watch:
    """Listens to the statuses of a run."""

    def __init__(self, run: Path) -> None:
        ends = endpoints(str(run))
        self.context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.socket = make(self.context, zmq.SUB)
        self.socket.subscribe(b"status")
        connect(self.socket, ends.results, ends.keys)
        self.statuses: list[Status] = []
        self.changes: list[Change] = []
        self._told = Changes()

    def pump(self) -> None:
        self.socket.poll(100)
        while (message := receive(self.socket)) is not None:
            assert isinstance(message[1], Status)
            self.statuses.append(message[1])
            self.changes += self._told.update(message[1])

    def until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = now() + LIMIT_S
        while not condition():
            assert now() < deadline, f"waited in vain for {what}; seen: {[c.words for c in self.changes][-8:]}"
            self.pump()

    def state(self, name: str, state: str, after: float) -> Change:
        """The first change of somebody to a state after a time; waits for it."""

        def found() -> Change | None:
            these = (c for c in self.changes if (c.name, c.state) == (name, state) and c.time_s >= after)
            return next(these, None)

        self.until(lambda: found() is not None, f"{name} {state}")
        change = found()
        assert change is not None
        return change

    def close(self) -> None:
        self.socket.close()
        self.context.term()


class Session:
    """A run over LSL with a plain display, and its player."""

    def __init__(self, folder: Path, made: Path, sockets: Path) -> None:
        self.folder = folder
        name = f"states-{os.getpid()}"
        table: dict[str, Any] = settings(made, folder / "sessions", sockets / "run")
        table["source"] = {"kind": "lsl", "name": name, "marker_name": f"{name}-markers"}
        table["inference"]["spare"] = False
        table["run"]["hung_s"] = 60  # who is stopped here is to wake again
        (folder / "c.json").write_text(json.dumps(table))
        given = [f"source.{key}={value}" for key, value in {**SOURCE, "repeats": 1000}.items()]
        sets = [part for text in given for part in ("--set", text)]
        self.player = eegseek("stream", "participant", "--name", name, *sets, cwd=folder)
        self.shown = folder / "shown.txt"
        with self.shown.open("w") as out:
            self.run = eegseek("run", "-c", "c.json", "--plain", "--report", "r.json", cwd=folder, out=out)
        # the supervisor's standard error is read all the time, so that it never waits for us
        self.said: list[str] = []
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self.watch = Watch(sockets / "run")

    def _read(self) -> None:
        assert self.run.stderr is not None
        self.said += list(self.run.stderr)

    def worker(self) -> psutil.Process:
        found = child(self.run, "--name", "worker-1")
        assert found is not None
        return found

    def display(self) -> psutil.Process:
        found = child(self.run, "-m", "display")
        assert found is not None
        return found

    def turns(self) -> list[Change]:
        file = self.folder / "sessions" / "here" / "segment-0000.esj"
        return [record for record in journal.read(file) if isinstance(record, Change)]

    def close(self) -> None:
        self.watch.close()
        if self.player.poll() is None:
            self.player.send_signal(signal.SIGCONT)
        kill(self.player)
        if self.run.poll() is None:
            for one in psutil.Process(self.run.pid).children(recursive=True):
                one.kill()
            self.run.kill()
        self.run.wait()
        self._reading.join(10)


@pytest.fixture
def session(tmp_path: Path, made: Path) -> Iterator[Session]:
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        opened = Session(tmp_path, made, Path(sockets))
        yield opened
        opened.close()


def in_order(wanted: list[str], seen: list[str]) -> bool:
    """Whether what is wanted is seen, in its order, whatever else there is."""
    rest = iter(seen)
    return all(any(one == other for other in rest) for one in wanted)


def test_every_state_is_published_shown_recorded_and_logged(session: Session) -> None:
    watch = session.watch
    watch.until(lambda: bool(watch.statuses) and watch.statuses[-1].counters.get("answered", 0) > 2, "answers")
    assert watch.statuses[-1].state == "connected"

    victim, stopped_s = session.worker(), now()
    victim.send_signal(signal.SIGSTOP)
    stalled = watch.state("worker-1", "stalled", stopped_s)
    lost = watch.state("worker-1", "lost", stopped_s)
    assert watch.state("acquisition", "degraded", stopped_s).message.startswith("no worker is ready")
    woken_s = now()
    victim.send_signal(signal.SIGCONT)
    watch.state("worker-1", "recovered", woken_s)
    watch.state("worker-1", "connected", woken_s)
    watch.until(lambda: watch.statuses[-1].state == "connected", "a run that is well again")

    killed_s = now()
    session.worker().kill()
    gone = watch.state("worker-1", "lost", killed_s)
    watch.state("worker-1", "recovered", gone.time_s)
    watch.state("worker-1", "connected", gone.time_s)
    watch.until(lambda: watch.statuses[-1].state == "connected", "a run that is well again")

    asleep, asleep_s = session.display(), now()
    asleep.send_signal(signal.SIGSTOP)
    watch.state("display", "stalled", asleep_s)
    watch.state("display", "lost", asleep_s)
    up_s = now()
    asleep.send_signal(signal.SIGCONT)
    watch.state("display", "recovered", up_s)
    watch.state("display", "connected", up_s)

    silenced_s = now()
    session.player.send_signal(signal.SIGSTOP)
    silent = watch.state("source", "stalled", silenced_s)
    away = watch.state("source", "lost", silenced_s)
    watch.state("acquisition", "lost", silenced_s)
    resumed_s = now()
    session.player.send_signal(signal.SIGCONT)
    back = watch.state("source", "recovered", resumed_s)
    assert "ms without samples" in back.message
    watch.state("source", "connected", back.time_s)

    session.run.send_signal(signal.SIGINT)
    watch.until(lambda: watch.statuses[-1].last, "the last status")
    assert session.run.wait(LIMIT_S) == 0, "".join(session.said)
    told = {
        "worker stopped, stalled": stalled.time_s - stopped_s,
        "worker stopped, lost": lost.time_s - stopped_s,
        "worker killed": gone.time_s - killed_s,
        "source silent, stalled": silent.time_s - silenced_s,
        "source silent, lost": away.time_s - silenced_s,
    }
    sys_line = ", ".join(f"{what} {seconds:.2f} s" for what, seconds in told.items())
    (session.folder / "told.txt").write_text(sys_line)
    for what in ("worker stopped, stalled", "worker killed", "source silent, stalled"):
        assert told[what] <= 1.0, sys_line  # the user knows within a second

    worker = [
        "connected", "stalled", "lost", "recovered", "connected", "lost", "recovered", "connected",
    ]  # fmt: skip
    source = ["connected", "stalled", "lost", "recovered", "connected", "stopped"]
    acquisition = ["waiting", "connected", "degraded", "connected", "degraded", "connected", "lost", "stopped"]
    turns = session.turns()
    assert [turn.time_s for turn in turns] == sorted(turn.time_s for turn in turns)
    shown = session.shown.read_text().splitlines()
    report = json.loads((session.folder / "r.json").read_text())
    for name, role, wanted in (
        ("worker-1", "inference", worker),
        ("source", "source", source),
        ("acquisition", "acquisition", acquisition),
        ("display", "display", ["connected", "stalled", "lost", "recovered", "connected"]),
    ):
        assert in_order(wanted, [turn.state for turn in turns if (turn.role, turn.name) == (role, name)]), (name, turns)
        published = [change.state for change in watch.changes if change.name == name]
        assert in_order(wanted[1:] if name == "acquisition" else wanted, published), (name, published)
        drawn = [line.split(": ")[1] for line in shown if line.startswith(f"{name}: ")]
        assert in_order(wanted[1:] if name == "acquisition" else wanted, drawn), (name, drawn)
        assert in_order(wanted[1:], [row["state"] for row in report["states"] if row["name"] == name])
    drawn = [line for line in shown if line.startswith(("acquisition: stalled", "acquisition: lost"))]
    assert not any("not heard" in line for line in drawn), "who slept blames nobody"
    recorded = next(turn for turn in turns if (turn.name, turn.state) == ("worker-1", "stalled"))
    assert recorded.time_s == stalled.time_s, "the time in the recording is that of the status"

    logged(session)


def logged(session: Session) -> None:
    """One log of the run, private, every line of it JSON, with words of every process."""
    folder = session.folder / "sessions" / "here" / "logs"
    file = folder / "session.log"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert {row["process"] for row in rows} == {"eegseek", "acquisition", "worker-1", "display", "recordings"}
    assert all({"time", "mono_s", "pid", "level", "logger", "message"} <= set(row) for row in rows)
    assert any("worker-1: lost" in row["message"] for row in rows if row["process"] == "acquisition")
    assert any("killed by signal 9" in row["message"] for row in rows if row["process"] == "eegseek")
    for there in folder.iterdir():
        assert stat.S_IMODE(there.stat().st_mode) == 0o600, there


def test_an_error_of_a_child_is_told_with_its_code_and_logged_once(tmp_path: Path, made: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        table = settings(made, tmp_path / "sessions", Path(sockets) / "run")
        name = f"nobody-{os.getpid()}"
        table["source"] = {"kind": "lsl", "name": name, "marker_name": name, "wait_s": 1}
        (tmp_path / "c.json").write_text(json.dumps(table))
        process = eegseek("run", "-c", "c.json", "--headless", cwd=tmp_path, out=subprocess.DEVNULL)
        code, errors = end(process)
    assert code == 1
    assert errors.strip().endswith("[E301]"), errors
    assert errors.strip().splitlines()[-1].count("[E") == 1
    logs = tmp_path / "sessions" / "here" / "logs"
    rows = [json.loads(line) for line in (logs / "session.log").read_text().splitlines()]
    refused = [row for row in rows if row["process"] == "acquisition" and row.get("code") == "E301"]
    assert len(refused) == 1
    assert refused[0]["level"] == "critical"
    assert "no EEG stream" in (logs / "acquisition.err").read_text().splitlines()[-1]


def test_a_crash_leaves_its_traceback_in_the_log(tmp_path: Path) -> None:
    """A process of ours that meets what nobody foresaw: here a module that is broken on purpose."""
    (tmp_path / "numpy.py").write_text("raise ZeroDivisionError('broken on purpose')\n")
    log = tmp_path / "session.log"
    done = subprocess.run(
        [sys.executable, "-m", "inference", "--name", "worker-9"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(tmp_path), "EEGSEEK_LOG": str(log)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.strip().endswith("ZeroDivisionError: broken on purpose")
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    (crash,) = [row for row in rows if "traceback" in row]
    assert (crash["process"], crash["level"]) == ("worker-9", "critical")
    assert "numpy.py" in crash["traceback"] and "broken on purpose" in crash["traceback"]


def test_windows_that_expire_degrade_the_run_and_it_recovers(tmp_path: Path) -> None:
    """A worker that lives and does not answer: the reason is published and recorded, and taken back."""
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        running = Running(tmp_path, f"{sockets}/run", age_s=0.3)
        running.start()
        try:
            display, worker = running.display(), running.worker("w")
            changes: list[Change] = []
            told = Changes()

            def state() -> str:
                while display.seen:
                    packet = display.seen.pop(0)
                    if isinstance(packet, Status):
                        changes.extend(told.update(packet))
                mine = [change.state for change in changes if change.role == "acquisition"]
                return mine[-1] if mine else ""

            until(lambda: state() == "connected", display, worker)
            running.put(0)
            until(lambda: state() == "degraded", display, worker)
            assert "windows expire" in [change for change in changes if change.role == "acquisition"][-1].message
            until(lambda: state() == "connected", display, worker)
        finally:
            running.close()
        records = [record for record in journal.read(running.file) if isinstance(record, Change)]
        assert in_order(
            ["connected", "degraded", "connected", "stopped"],
            [turn.state for turn in records if turn.role == "acquisition"],
        )
