"""Cutting offline is the live pipeline at full speed."""

from __future__ import annotations

import numpy as np
import pytest
from signal_data import Arrival, chunks, epochs, info, plan, refused, run

from acquisition.offline import cut
from acquisition.pipeline import Pipeline
from acquisition.types import Chunk, Event, StreamInfo
from config.chain import ChainSettings, RejectionSettings
from config.errors import SettingsError, SourceError


class Played:
    """A source that gives its chunks and remembers whether it was closed."""

    def __init__(self, said: StreamInfo, pieces: list[Chunk]) -> None:
        self.said, self.pieces, self.closed = said, list(pieces), False

    def open(self) -> StreamInfo:
        return self.said

    def read(self, timeout_s: float) -> Chunk:
        if self.pieces:
            return self.pieces.pop(0)
        return Chunk(np.empty((len(self.said.channels), 0), np.float32), np.empty(0), 0.0)

    def close(self) -> None:
        self.closed = True


def pieces(edges: range) -> list[Chunk]:
    rng = np.random.default_rng(0)
    samples = (rng.standard_normal((4, 10_000)) * 20).astype(np.float32)
    samples[2, 5000:5005] = 900.0
    rows = rng.uniform(10, 9_990, 80)
    events = [Arrival(int(row) + 1, Event(row / 250, "xyz"[k % 3], row=row)) for k, row in enumerate(rows)]
    return chunks(samples, np.arange(10_000) / 250, edges, events)


PLAN = plan(ChainSettings(channels=("C2", "C0")), RejectionSettings(), baseline_s=(-0.1, 0.0), rate_hz=125.0)


def test_offline_windows_are_the_live_ones_bit_for_bit() -> None:
    said = info(channels=4, exact_rows=True)
    live = run(Pipeline(said, PLAN), pieces(range(0, 10_000, 3)))
    source, seconds = Played(said, pieces(range(0, 10_000, 2500))), []
    found = cut(source, PLAN, seconds.append)
    assert source.closed and seconds[-1] == 40.0 and seconds == sorted(seconds)
    assert found.channels == ("C2", "C0") and found.info is said
    assert found.data.shape[1:] == (2, 2, 62) and found.data.dtype == np.float32
    good = epochs(live)
    assert len(good) > 50 and found.sequences.tolist() == [one.sequence for one in good]
    assert np.array_equal(found.data, np.stack([one.data for one in good]))
    assert found.labels == tuple(one.stimulus for one in good)
    assert found.repeats.tolist() == [one.repeats for one in good]
    assert found.onsets_s.tolist() == [one.onset_s for one in good]
    assert found.refused == refused(live) and len(found.refused) > 3
    assert found.account.due == len(found.labels) + len(found.refused) + len(found.missed)
    assert found.account.due + found.account.duplicates == 80


def test_a_source_without_windows_gives_empty_arrays() -> None:
    said = info(channels=4, exact_rows=True)
    found = cut(Played(said, chunks(np.zeros((4, 500), np.float32), np.arange(500) / 250)), PLAN)
    assert found.data.shape == (0, 2, 2, 62) and found.labels == () and found.account.due == 0


def test_a_source_that_never_ends_is_given_up_and_closed() -> None:
    source = Played(info(channels=4, exact_rows=True), [])
    with pytest.raises(SourceError, match="gave no sample in 30 reads"):
        cut(source, PLAN)
    assert source.closed


def test_a_plan_that_does_not_fit_closes_the_source() -> None:
    source = Played(info(channels=2, exact_rows=True), [])
    with pytest.raises(SettingsError, match="'C2'"):
        cut(source, PLAN)
    assert source.closed
