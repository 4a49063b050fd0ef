"""A session that was paused, whose acquisition was killed, and that went on: it verifies, and says what was lost."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from verify_running import (
    PARTICIPANT,
    eegseek,
    finished,
    results,
    sets,
    verify,
    write_encoder_bundle,
    write_gallery_bundle,
    write_settings,
)

from acquisition import journal
from acquisition.journal import PacketRecord
from eegseek.live import Session
from wire.packets import Command, Rejected
from wire.streams import TOPIC_OF

LIMIT_S = 60.0


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="eegseek-") as sockets:
        write_encoder_bundle(tmp_path / "encoder", 0)
        write_gallery_bundle(tmp_path / "gallery", 0)
        write_settings(tmp_path, sockets)
        (tmp_path / "run").symlink_to(f"{sockets}/run")
        yield tmp_path


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def acquisition_of(process: subprocess.Popen[str]) -> psutil.Process:
    children = psutil.Process(process.pid).children(recursive=True)
    return next(c for c in children if c.cmdline()[1:3] == ["-m", "acquisition"])


def paused(file: Path) -> int:
    packets = (
        r.packet for r in journal.read(file) if isinstance(r, PacketRecord) and r.frames[0] == TOPIC_OF[Rejected]
    )
    return sum(isinstance(p, Rejected) and p.reasons == ("paused",) for p in packets)


@pytest.mark.timeout(300)
def test_a_session_with_a_pause_and_a_kill_is_the_same_up_to_there(place: Path) -> None:
    name = f"killed-{os.getpid()}"
    source = {"source.kind": "lsl", "source.name": name, "source.marker_name": f"{name}-markers"}
    player = {f"source.{key}": value for key, value in {**PARTICIPANT, "repeats": 30}.items()}
    streaming = eegseek("stream", "participant", "--name", name, *sets(player), cwd=place)
    running = eegseek("run", "-c", "c.json", *sets(source), "--headless", cwd=place)
    first, second = (journal.path(place / "sessions" / "here", k) for k in (0, 1))
    try:
        until(lambda: first.exists() and len(results(first)) >= 6)
        with Session(str((place / "run").readlink())) as session:
            session.ask(Command(id="p", command="pause"))
            until(lambda: paused(first) >= 3)
            session.ask(Command(id="s", command="start"))
        before = len(results(first))
        until(lambda: len(results(first)) >= before + 6)
        acquisition_of(running).send_signal(signal.SIGKILL)
        until(lambda: second.exists() and len(results(second)) >= 6)
        running.send_signal(signal.SIGINT)
        code, _, errors = finished(running)
    finally:
        for process in (running, streaming):
            if process.poll() is None:
                for child in psutil.Process(process.pid).children(recursive=True):
                    child.kill()
                process.kill()
            process.communicate()
    assert code == 0, errors
    assert "segment 0 was cut off" in errors and " doubled" in errors
    status, report, words = verify(first.parent)
    assert status == 0, words
    cut, whole = report["segments"]
    assert cut["cut_off"] and not whole["cut_off"]
    assert cut["counts"]["paused"] >= 3
    for one in (cut, whole):
        counts = one["counts"]
        assert one["exact"] and counts["bit_equal"] == counts["answered"] + counts["parts_answered"] >= 6
        assert counts["sent"] == sum(
            counts.get(n, 0) for n in ("answered", "expired", "dropped", "failed", "unanswered")
        )
    # the averages went on over the kill: without, each picture would begin with 1
    begun = {r.stimulus: r.answers[1].repeats for r in reversed(results(second)) if r.final}
    assert max(begun.values()) > 1
