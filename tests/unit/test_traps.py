"""What breaks naive implementations, where no other test covers it (docs/reliability.md says which covers what)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import zmq
from signal_data import Arrival, chunks, epochs, info, plan, run

from acquisition.pipeline import Pipeline
from acquisition.sources import board
from acquisition.sources.board import BoardRows
from acquisition.sources.brainflow import BoardReader
from acquisition.types import Event
from config.errors import SourceError
from config.settings import BrainFlowSource, MarkerSettings
from wire.clock import now
from wire.packets import Hello
from wire.sockets import make, send

ROOT = Path(__file__).parents[2]


def test_one_liblsl_in_acquisition() -> None:
    """pylsl and mne-lsl each load their own: what acquisition imports has the one."""
    code = (
        "import sys; import acquisition.process, acquisition.sources.lsl, acquisition.sources.brainflow;"
        "print([name for name in sys.modules if name.split('.')[0] in ('mne_lsl', 'mne')])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=environment, check=True
    )
    assert said.stdout.strip() == "[]"


def test_brainflow_that_cannot_be_imported_names_the_mend(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("No module named 'pkg_resources'")

    monkeypatch.setattr(board.BoardShim, "disable_board_logger", missing)
    with pytest.raises(SourceError, match=r"pkg_resources.*pip install 'setuptools<81'"):
        board.load.__wrapped__()


class Quiet:
    """A board that gives two samples and then nothing."""

    def __init__(self, name: str) -> None:
        self.name, self.left = name, np.zeros((4, 2))

    def rows(self) -> BoardRows:
        return BoardRows(self.name, 256.0, ("TP9",), True, (0,), 1, 2, 3)

    def start(self) -> None:
        """Nothing to connect."""

    def waiting(self) -> int:
        return self.left.shape[1]

    def take(self, most: int) -> np.ndarray:
        taken, self.left = self.left, self.left[:, :0]
        return taken

    def stop(self) -> None:
        """Nothing to release."""


def test_what_the_stamps_of_a_board_are_is_told() -> None:
    reader = BoardReader(BrainFlowSource(board="MUSE_2_BOARD"), Quiet("MUSE_2_BOARD"))
    notes = reader.open().notes
    reader.close()
    assert any("wall clock at receipt, interpolated over packets of 12 samples, converted" in note for note in notes)


def test_board_markers_stand_on_their_sample_whatever_its_stamp() -> None:
    """Stamps at receipt come in bursts: the place of the marker does not move with them."""
    number = np.arange(4000)
    stamps = number / 250.0 + np.repeat(np.random.default_rng(0).normal(0, 0.01, 400), 10)
    arrivals = [Arrival(k + 3, Event(float(stamps[k]), str(k), float(k))) for k in range(1000, 3500, 77)]
    samples = np.stack([number, -number]).astype(np.float32)
    found = epochs(run(Pipeline(info(), plan()), chunks(samples, stamps, range(0, 4000, 10), arrivals)))
    assert len(found) > 20
    assert all(float(one.data[0, 0, 0]) == int(one.stimulus) for one in found)


def test_a_photodiode_delay_moves_every_window() -> None:
    number = np.arange(3000)
    samples = np.stack([number, -number]).astype(np.float32)
    arrivals = [Arrival(k + 1, Event(k / 250.0, str(k))) for k in (1000, 1500, 2000)]
    for delay_s in (0.0, 0.052):
        made = plan(markers=MarkerSettings(delay_s=delay_s))
        found = epochs(run(Pipeline(info(), made), chunks(samples, number / 250.0, range(0, 3000, 10), arrivals)))
        assert [float(one.data[0, 0, 0]) - int(one.stimulus) for one in found] == [round(delay_s * 250)] * 3


@pytest.mark.parametrize("kind", [zmq.ROUTER, zmq.DEALER, zmq.XPUB, zmq.SUB])
def test_sockets_never_linger_and_take_no_endless_message(kind: int) -> None:
    with zmq.Context() as context:
        socket = make(context, kind)
        try:
            assert socket.getsockopt(zmq.LINGER) == 0
            assert 0 < socket.getsockopt(zmq.MAXMSGSIZE) < 1 << 31
            assert socket.getsockopt(zmq.SNDHWM) > 0 and socket.getsockopt(zmq.RCVHWM) > 0
        finally:
            socket.close()


def test_a_worker_that_is_gone_is_noticed_when_it_is_sent_to() -> None:
    """A ROUTER drops silently what it cannot deliver, unless it is told not to."""
    with zmq.Context() as context:
        socket = make(context, zmq.ROUTER)
        try:
            socket.bind("inproc://work")
            assert not send(socket, Hello(session="s"), b"nobody")
        finally:
            socket.close()


def test_the_clock_never_runs_back() -> None:
    moments = [now() for _ in range(10_000)]
    assert moments == sorted(moments)
