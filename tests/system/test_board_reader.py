"""The BrainFlow reader against a board that can be made to fail (the real boards are in tests/system)."""

from __future__ import annotations

import time

import numpy as np
import pytest

from acquisition.sources import brainflow
from acquisition.sources.board import BoardRows, board_id
from acquisition.sources.brainflow import BoardReader
from acquisition.sources.stamps import WallDifference
from acquisition.types import Chunk
from config.errors import SourceError, StreamLost
from config.settings import BrainFlowSource


class Wearable:
    """A board whose samples a test gives: rows are EEG, EEG, counter, stamp, marker."""

    def __init__(self, name: str = "CYTON_BOARD") -> None:
        self.name, self.data, self.starts, self.broken = name, np.empty((5, 0)), 0, False

    def rows(self) -> BoardRows:
        return BoardRows(self.name, 250.0, ("Oz", "Pz"), True, (0, 1), 2, 3, 4)

    def start(self) -> None:
        self.starts += 1
        if self.starts == 1:
            self.give(0, 3)

    def give(self, counter: int, count: int, marker: float = 0.0) -> None:
        n = np.arange(count)
        wall = time.time() - (count - 1 - n) / 250.0
        block = np.stack([n * 1.0, n * 2.0, (counter + n) % 256, wall, np.where(n == 0, marker, 0.0)])
        self.data = np.concatenate((self.data, block), axis=1)

    def waiting(self) -> int:
        if self.broken:
            raise SourceError("board 'X' broke off")
        return self.data.shape[1]

    def take(self, most: int) -> np.ndarray:
        taken, self.data = self.data[:, :most], self.data[:, most:]
        return taken

    def stop(self) -> None:
        self.broken = False


def reader_of(board: Wearable, **changes: float) -> BoardReader:
    quick = {"stalled_s": 0.01, "lost_s": 0.02, "give_up_s": 5.0, **changes}
    return BoardReader(BrainFlowSource(board="CYTON_BOARD", **quick), board)


def until(reader: BoardReader, state: str) -> Chunk:
    limit = time.monotonic() + 3.0
    while (chunk := reader.read(0.01)).state != state:
        assert time.monotonic() < limit
    return chunk


def test_samples_counter_markers_and_stamps() -> None:
    board = Wearable()
    reader = reader_of(board)
    info = reader.open()
    assert (info.channels, info.has_counter, info.simulated) == (("Oz", "Pz"), True, False)
    board.give(3, 300, marker=7.0)
    first = reader.read(0.0)
    assert first.samples.shape == (2, 250)  # bounded to a second
    second = reader.read(0.0)
    assert second.samples.shape == (2, 53)
    assert np.array_equal(np.concatenate([first.counter, second.counter]), np.arange(303))
    assert first.samples.dtype == np.float32
    assert first.samples.flags.c_contiguous
    (event,) = first.events
    assert (event.label, event.stamp) == ("7", first.stamps[3])
    assert abs(second.stamps[-1] - time.monotonic()) < 0.5
    reader.close()


def test_a_board_that_falls_silent_is_connected_again_and_the_loss_is_counted() -> None:
    board = Wearable()
    reader = reader_of(board)
    reader.open()
    before = reader.read(0.0)
    until(reader, "lost")
    limit = time.monotonic() + 3.0
    while board.starts < 2:
        assert time.monotonic() < limit
        reader.read(0.01)
    time.sleep(0.05)  # nothing comes for longer
    board.give(0, 2)  # a new session counts from zero
    back = until(reader, "recovered")
    missing = round((back.stamps[0] - before.stamps[-1]) * 250.0) - 1
    assert missing > 10
    assert back.counter[0] - before.counter[-1] == missing + 1
    board.give(2, 1)
    assert reader.read(0.0).state == "connected"
    assert board.starts == 2
    reader.close()


def test_a_session_that_breaks_is_lost_at_once() -> None:
    board = Wearable()
    reader = reader_of(board, lost_s=60.0)
    reader.open()
    reader.read(0.0)
    board.broken = True
    assert reader.read(0.05).state == "lost"
    reader.close()


def test_a_board_that_stays_away_is_given_up() -> None:
    board = Wearable()
    reader = reader_of(board, give_up_s=0.05)
    reader.open()
    reader.read(0.0)
    with pytest.raises(StreamLost, match=r"'CYTON_BOARD' was lost and did not come back within 0.05 s"):
        until(reader, "never")
    reader.close()


def test_a_board_whose_counter_counts_packets_has_none() -> None:
    board = Wearable("MUSE_2_BOARD")
    reader = reader_of(board)
    info = reader.open()
    assert not info.has_counter
    assert reader.read(0.0).counter is None
    assert any("does not count samples" in note for note in info.notes)
    reader.close()


def test_a_board_that_sends_nothing_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brainflow, "WAIT_S", 0.02)
    board = Wearable()
    board.starts = 1
    with pytest.raises(StreamLost, match="sent no sample"):
        reader_of(board).open()


def test_unknown_boards_name_the_nearest() -> None:
    with pytest.raises(SourceError, match="'cyton' is no BrainFlow board; the nearest names are CYTON"):
        board_id("cyton", "source.board")


def test_the_wall_clock_is_followed_when_it_is_set_but_not_in_its_noise() -> None:
    wall, raw = WallDifference(), np.array([1000.0])
    assert wall.offset(raw, 5.0, 1000.0, 5.0) == -995.0
    assert wall.offset(raw, 6.0, 1001.0001, 6.0) == -995.0
    assert wall.offset(raw, 7.0, 1001.9, 7.01) == -995.0  # interrupted between the readings
    assert wall.offset(raw, 8.0, 1013.0, 8.0) == -1005.0


def test_stamps_of_another_wall_clock_are_fixed_by_their_arrival() -> None:
    wall = WallDifference()
    assert wall.offset(np.empty(0), 5.0, 1000.0, 5.0) == -995.0
    assert wall.offset(np.array([400.0, 401.0]), 5.0, 1000.0, 5.0) == 5.0 - 401.0
    assert wall.offset(np.array([402.0]), 9.0, 1004.0, 9.0) == 5.0 - 401.0
