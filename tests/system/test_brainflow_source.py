"""BrainFlow's own boards that need no hardware: synthetic, playback of a recording made here, and streaming."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import textwrap
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from acquisition.sources.board import Board
from acquisition.sources.brainflow import BoardReader
from acquisition.types import Chunk
from config.errors import SourceError
from config.settings import BrainFlowSource
from wire import lsl_scope

lsl_scope.restrict()

import pylsl  # noqa: E402

pytestmark = pytest.mark.timeout(180)


@contextmanager
def reading(settings: BrainFlowSource) -> Iterator[BoardReader]:
    reader = BoardReader(settings)
    try:
        yield reader
    finally:
        reader.close()


def read_until(reader: BoardReader, enough: Callable[[list[Chunk]], bool], limit_s: float = 40.0) -> list[Chunk]:
    chunks: list[Chunk] = []
    until = time.monotonic() + limit_s
    while not enough(chunks):
        assert time.monotonic() < until
        chunks.append(reader.read(0.05))
    return chunks


def count(chunks: list[Chunk]) -> int:
    return sum(chunk.samples.shape[1] for chunk in chunks)


def test_synthetic_board_counts_every_sample_across_its_wrap() -> None:
    with reading(BrainFlowSource()) as reader:
        info = reader.open()
        chunks = read_until(reader, lambda c: count(c) > 400)
    assert info.simulated
    assert any("synthetic" in note for note in info.notes)
    assert (info.rate_hz, info.channels[:3], len(info.channels)) == (250.0, ("Fz", "C3", "Cz"), 16)
    counter = np.concatenate([chunk.counter for chunk in chunks if chunk.counter is not None])
    assert np.array_equal(counter, np.arange(len(counter)))
    assert len(counter) == count(chunks)
    stamps = np.concatenate([chunk.stamps for chunk in chunks])
    assert abs(stamps[-1] - time.monotonic()) < 1.0
    assert abs(np.median(np.diff(stamps)) - 0.004) < 0.0005
    data = np.concatenate([chunk.samples for chunk in chunks], axis=1)
    assert 1.0 < data.std() < 1000.0  # microvolts


def test_a_reader_held_up_loses_nothing_and_gets_it_in_bounded_chunks() -> None:
    with reading(BrainFlowSource()) as reader:
        reader.open()
        time.sleep(1.5)
        chunks = read_until(reader, lambda c: count(c) > 350)
    assert max(chunk.samples.shape[1] for chunk in chunks) <= 250
    counter = np.concatenate([chunk.counter for chunk in chunks if chunk.counter is not None])
    assert np.array_equal(counter, np.arange(len(counter)))
    assert {chunk.state for chunk in chunks} == {"connected"}


def test_markers_of_the_board_stand_on_their_samples() -> None:
    board = Board(BrainFlowSource())
    reader = BoardReader(BrainFlowSource(), board)
    try:
        reader.open()
        board._shim.insert_marker(5.0)
        chunks = read_until(reader, lambda c: any(chunk.events for chunk in c))
    finally:
        reader.close()
    (event,) = [event for chunk in chunks for event in chunk.events]
    assert event.label == "5"
    assert event.stamp in np.concatenate([chunk.stamps for chunk in chunks])
    assert abs(event.stamp - time.monotonic()) < 1.0


def test_precise_markers_from_lsl() -> None:
    name = f"eegseek-{uuid.uuid4().hex[:12]}"
    outlet = pylsl.StreamOutlet(
        pylsl.StreamInfo(name, "Markers", 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"{name}-id")
    )
    with reading(BrainFlowSource(marker_lsl=name)) as reader:
        reader.open()
        sent = pylsl.local_clock()
        outlet.push_sample(["face"], sent)
        chunks = read_until(reader, lambda c: any(chunk.events for chunk in c))
    (event,) = [event for chunk in chunks for event in chunk.events]
    assert event.label == "face"
    assert abs(event.stamp - sent) < 0.005


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds of the synthetic board with two markers, written by BrainFlow."""
    path = tmp_path_factory.mktemp("brainflow") / "board.csv"
    board = Board(BrainFlowSource(streamer=f"file://{path}:w"))
    board.start()
    for marker in (3.0, 4.0):
        time.sleep(0.8)
        board._shim.insert_marker(marker)
    time.sleep(0.4)
    board.stop()
    return path


def test_playback_gives_the_file_and_ends(recorded: Path) -> None:
    rows = len(recorded.read_text().splitlines())
    settings = BrainFlowSource(board="PLAYBACK_FILE_BOARD", master_board="SYNTHETIC_BOARD", file=str(recorded))
    with reading(settings) as reader:
        info = reader.open()
        chunks = read_until(reader, lambda c: bool(c) and c[-1].final)
    assert info.simulated
    assert abs(count(chunks) - rows) <= 1
    first = np.loadtxt(recorded, max_rows=1)
    assert np.allclose(chunks[0].samples[:, 0], first[1:17], rtol=1e-5)
    # BrainFlow does not hand on the two markers that the file holds, which is said
    assert not any(chunk.events for chunk in chunks)
    assert any("leaves the markers out" in note for note in info.notes)


def test_playback_in_a_loop_goes_on(recorded: Path) -> None:
    rows = len(recorded.read_text().splitlines())
    settings = BrainFlowSource(
        board="PLAYBACK_FILE_BOARD", master_board="SYNTHETIC_BOARD", file=str(recorded), loop=True
    )
    with reading(settings) as reader:
        reader.open()
        chunks = read_until(reader, lambda c: count(c) > rows + 100)
    assert not any(chunk.final for chunk in chunks)


STREAMING = """
    import json, sys, time
    import numpy as np
    from acquisition.sources.board import Board
    from acquisition.sources.brainflow import BoardReader
    from config.settings import BrainFlowSource
    sender = Board(BrainFlowSource(streamer="streaming_board://225.1.1.1:%d"))
    receiver = {"board": "STREAMING_BOARD", "master_board": "SYNTHETIC_BOARD", "ip_address": "225.1.1.1"}
    reader = BoardReader(BrainFlowSource(**receiver, ip_port=%d, stalled_s=0.2, lost_s=0.5))
    sender.start()
    info = reader.open()
    chunks, until = [], time.monotonic() + 5.0
    while sum(c.samples.shape[1] for c in chunks) < 300 and time.monotonic() < until:
        chunks.append(reader.read(0.05))
    sender.stop()
    states = [reader.read(0.05).state for _ in range(16)]
    sender.start()
    until = time.monotonic() + 8.0
    while states[-1] != "recovered" and time.monotonic() < until:
        states.append(reader.read(0.05).state)
    reader.close(); sender.stop()
    counter = np.concatenate([c.counter for c in chunks])
    changes = [s for k, s in enumerate(states) if k == 0 or s != states[k - 1]]
    print(json.dumps({"simulated": info.simulated, "whole": bool((np.diff(counter) == 1).all()), "n": len(counter),
                      "states": changes}))
"""


def private_network() -> list[str] | None:
    """A command that runs another with loopback as its only network, where the system allows one to be made."""
    if not (shutil.which("unshare") and shutil.which("ip")):
        return None
    command = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c"]
    route = "ip link set lo up && ip link set lo multicast on && ip route add 224.0.0.0/4 dev lo && exec"
    probe = [*command, f'{route} "$@"', "sh"]
    return probe if subprocess.run([*probe, "true"], capture_output=True, timeout=10).returncode == 0 else None


def multicast_works() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.sendto(b"", ("225.1.1.1", 9))
        except OSError:
            return False
    return True


def test_streaming_board_is_read_lost_and_recovered() -> None:
    # BrainFlow's multicast goes where the route says: into a network of its own if possible
    prefix = private_network()
    if prefix is None and not multicast_works():
        pytest.skip("this system has no multicast route and allows no private network: BrainFlow cannot stream here")
    port = 20_000 + int(uuid.uuid4().int % 20_000)
    code = textwrap.dedent(STREAMING % (port, port))
    run = subprocess.run([*(prefix or []), sys.executable, "-c", code], capture_output=True, text=True, timeout=90)
    assert run.returncode == 0, run.stderr
    said = json.loads(run.stdout.splitlines()[-1])
    assert said["simulated"]
    assert said["whole"]
    assert said["n"] >= 300
    assert said["states"][-4:] == ["connected", "stalled", "lost", "recovered"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"board": "CYTON"}, r"'CYTON' is no BrainFlow board; the nearest names are CYTON_BOARD"),
        ({"board": "STREAMING_BOARD"}, r"say whose with source.master_board"),
        ({"board": "PLAYBACK_FILE_BOARD", "master_board": "SYNTHETIC_BOARD", "file": "no.csv"}, r"'no.csv' is no file"),
        ({"board": "GFORCE_PRO_BOARD"}, r"has no EEG channels"),
        (
            {"board": "CYTON_BOARD", "serial_port": "/dev/none"},
            r"cannot start 'CYTON_BOARD' .*serial_port = '/dev/none'",
        ),
    ],
)
def test_what_cannot_be_opened_is_one_sentence(settings: dict[str, str], message: str) -> None:
    with reading(BrainFlowSource(**settings)) as reader, pytest.raises(SourceError, match=message):
        reader.open()
