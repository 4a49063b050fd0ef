"""A whole run over loopback TCP with keys, strangers at its door, and what it leaves on the disk."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from delivery_running import free_ports
from run_data import ROOT, SOURCE, bundles, end, settings, until

from wire.endpoints import is_loopback
from wire.keys import Keys


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    bundles(folder)
    return folder


@pytest.fixture
def place(tmp_path: Path, made: Path) -> Path:
    """A folder with settings for a run over TCP."""
    table = settings(made, tmp_path / "sessions", tmp_path)
    table |= {"source": {"kind": "participant", **SOURCE}, "run": {"folder": free_ports()}}
    (tmp_path / "c.json").write_text(json.dumps(table))
    return tmp_path


def begun(place: Path, config: str, *arguments: str) -> subprocess.Popen[str]:
    """A process of eegseek with keys of its own, and a umask that leaves everything open."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
        "XDG_CONFIG_HOME": str(place / config),
    }
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=place,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        umask=0o000,
    )


def addresses(pid: int) -> set[str]:
    """Internet addresses that a process and its children listen on or talk to."""
    found = set()
    parent = psutil.Process(pid)
    for process in (parent, *parent.children(recursive=True)):
        try:
            connections = process.net_connections("inet")
        except psutil.Error:
            continue
        found |= {address.ip for c in connections for address in (c.laddr, c.raddr) if address}
    return found


def test_a_run_over_tcp_with_strangers_at_its_door(place: Path) -> None:
    long = ("--set", "source.repeats=1000")
    run = begun(place, "ours", "eegseek", "run", "-c", "c.json", *long, "--headless", "--report", "r.json")
    journal = place / "sessions" / "here" / "segment-0000.esj"
    until(lambda: run.poll() is not None or (journal.exists() and journal.stat().st_size > 30_000))
    # keys were made without asking, for this user alone
    ours = Keys(place / "ours" / "eegseek" / "keys")
    assert [key.name for key in ours.all()] == ["client", "server"]
    # a stranger who knows the public key of the server, and one who does not
    knowing = Keys(place / "theirs" / "eegseek" / "keys")
    knowing.make("client", "client")
    (place / "server.key").write_text(ours.own_server().text())
    knowing.trust(place / "server.key")
    strangers = [
        ("does not know the key 'client'", begun(place, "theirs", "display", "--config", "c.json", "--headless")),
        ("does not know the key 'client'", begun(place, "theirs", "inference", "--config", "c.json", "--name", "x")),
        ("its server key is not", begun(place, "others", "display", "--config", "c.json", "--headless")),
    ]
    seen = addresses(run.pid)
    for words, stranger in strangers:
        code, errors = end(stranger)
        assert code == 1, errors
        assert words in errors.strip().splitlines()[-1], errors
        assert "Traceback" not in errors
        assert run.poll() is None  # it goes on as if nobody had come
        seen |= addresses(run.pid)
    run.send_signal(signal.SIGINT)
    code, errors = end(run)
    assert code == 0, errors
    assert seen and all(map(is_loopback, seen)), seen
    report = json.loads((place / "r.json").read_text())
    counted = report["windows"]
    assert counted["answered"] > 0
    assert counted["due"] == counted["answered"] + counted["rejected"] + counted["missed"]
    assert counted["lost"] == counted["doubled"] == 0
    logs = "".join(file.read_text() for file in (place / "sessions" / "here" / "logs").iterdir())
    assert "a client with an unknown key was not let in" in logs
    # what is left is for this user alone, though the umask was open
    left = [place / "r.json", place / "sessions", *(place / "sessions").rglob("*")]
    assert len(left) > 5
    assert {path: oct(stat.S_IMODE(path.stat().st_mode)) for path in left} == {
        path: "0o700" if path.is_dir() else "0o600" for path in left
    }


def test_beyond_loopback_a_run_without_keys_is_refused_before_anything_starts(place: Path) -> None:
    away = begun(
        place, "ours", "eegseek", "run", "-c", "c.json", "--headless", "--set", "run.folder=tcp://0.0.0.0:5000"
    )
    code, errors = end(away)
    assert code == 1
    assert "eegseek keys make client" in errors.strip().splitlines()[-1]
    assert not (place / "ours").exists()
