"""A participant who reacts: by label, at the marker's stamp, whatever the chunks, and not at all without a signal."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.participant.reaction import Reaction, vector_of
from acquisition.participant.stimuli import write_responses
from acquisition.sources.factory import make_source
from acquisition.sources.reacting import LAG_S, ReactingReader
from acquisition.types import Chunk, Event
from config.errors import SourceError
from config.settings import ParticipantSource

MUSE = ("TP9", "AF7", "AF8", "TP10")
RATE = 256.0


def settings(**changes: Any) -> ParticipantSource:
    fixed = {"channels": MUSE, "rate_hz": RATE, "react_to": "shown", "rsvp_hz": 1.0, "snr_db": -6.0}
    return ParticipantSource.model_validate({**fixed, **changes})


def test_a_category_answers_mostly_alike_and_a_person_always() -> None:
    cats = [vector_of(f"cat/{k}", 0) for k in range(20)]
    dogs = [vector_of(f"dog/{k}", 0) for k in range(20)]
    assert all(np.linalg.norm(v) == pytest.approx(1.0) for v in cats)
    alike = [float(a @ b) for a, b in pairwise(cats)]
    apart = [float(a @ b) for a, b in zip(cats, dogs, strict=True)]
    assert min(alike) > 0.5
    assert max(alike) < 0.99
    assert max(map(abs, apart)) < 0.75
    assert np.array_equal(vector_of("cat/1", 0), cats[1])
    assert not np.allclose(vector_of("cat/1", 1), cats[1])
    assert not np.allclose(vector_of("cat", 0), cats[1])


@pytest.mark.parametrize("sizes", [[1], [7, 100], [600]])
def test_blocks_change_nothing_and_responses_add_up(sizes: list[int]) -> None:
    whole, parts = Reaction(settings()), Reaction(settings())
    for reaction in (whole, parts):
        assert reaction.evoke("cat/1", 10.3)
        assert reaction.evoke("dog/1", 70.0)
    expected = whole.block(600)
    got: list[np.ndarray] = []
    while sum(part.shape[1] for part in got) < 600:
        got.append(parts.block(sizes[len(got) % len(sizes)]))
    np.testing.assert_allclose(np.concatenate(got, axis=1)[:, :600], expected, atol=1e-9)
    alone = Reaction(settings())
    alone.evoke("dog/1", 70.0)
    np.testing.assert_allclose(expected[:, 250:], alone.block(600)[:, 250:], atol=1e-9)  # the cat is over by then
    # nothing in the first 100 ms, which a marker may take to arrive
    assert not np.any(expected[:, : 10 + int(0.1 * RATE)])
    assert np.any(expected[:, 10 + int(0.15 * RATE) :])


def test_a_marker_within_100_ms_loses_nothing_and_a_later_one_what_is_over() -> None:
    on_time, quick, slow = (Reaction(settings()) for _ in range(3))
    on_time.evoke("cat/1", 100.0)
    expected = on_time.block(400)
    for reaction, came in ((quick, 120), (slow, 180)):
        before = reaction.block(came)
        assert not np.any(before)
        reaction.evoke("cat/1", 100.0)
        np.testing.assert_allclose(reaction.block(400 - came), expected[:, came:], atol=1e-9)
    assert (on_time.late, quick.late, slow.late) == (0, 0, 1)
    # one that is over altogether leaves nothing
    slow.block(1000)
    slow.evoke("cat/1", 100.0)
    assert not np.any(slow.block(300))


def test_without_a_signal_there_is_none_and_a_louder_one_is_louder() -> None:
    def power(**changes: Any) -> float:
        reaction = Reaction(settings(**changes))
        for k in range(10):
            reaction.evoke("cat/1", 256.0 * k)
        return float(np.mean(reaction.block(2560) ** 2))

    assert power(signal=False) == power(signal=False, level_uv=10.0) == 0.0
    assert power(snr_db=4.0) == pytest.approx(10 * power(), rel=1e-6)
    assert power(level_uv=2.0) == pytest.approx(4 * power(level_uv=1.0), rel=1e-6)


def test_a_file_says_what_its_labels_and_categories_evoke_and_nothing_of_others(tmp_path: Path) -> None:
    file = tmp_path / "responses.safetensors"
    vectors = np.random.default_rng(0).standard_normal((2, 5)).astype(np.float32)
    write_responses(file, ["cat", "dog/3"], vectors, np.zeros((2, 0), np.float32))
    reaction = Reaction(settings(responses=str(file)))
    assert [reaction.evoke(label, 5.0) for label in ("cat", "cat/9", "dog/3", "dog/4")] == [True, True, True, False]
    assert (reaction.evoked, reaction.unknown) == (3, 1)
    with pytest.raises(SourceError, match="not a whole file"):
        Reaction(settings(responses=str(tmp_path / "none")))


def test_four_electrodes_of_a_muse_tell_two_categories_apart_and_without_a_signal_do_not() -> None:
    """Nearest mean of the other trials, single trials, chance 0.5."""
    assert _accuracy(signal=True) > 0.8
    assert abs(_accuracy(signal=False) - 0.5) < 0.16


def _accuracy(*, signal: bool) -> float:
    reader, clock, ears = _reader(settings(signal=signal, line_uv=0, drift_uv=0, blinks_per_minute=0, seed=5))
    reader.open()
    order = np.random.default_rng(1).permutation(120) % 2
    chunks = [_read(reader, clock)]
    for k, which in enumerate(order):
        ears.heard.append(Event(1002.0 + k, f"{'cat' if which else 'dog'}/{k % 7}"))
    while clock.now < 1002.0 + len(order) + 1:
        chunks.append(_read(reader, clock))
    signals = np.concatenate([c.samples for c in chunks], axis=1)
    events = [event for c in chunks for event in c.events]
    rows = [round(event.row or 0.0) for event in events]
    trials = np.array([signals[:, r + 25 : r + 153] for r in rows])
    trials = trials.reshape(len(rows), 4, 16, 8).mean(axis=3)
    trials = (trials - trials.mean(axis=2, keepdims=True)).reshape(len(rows), -1)
    labels = np.array([event.label.startswith("cat") for event in events])
    right = 0
    for k, trial in enumerate(trials):
        rest = np.arange(len(trials)) != k
        cat, dog = (trials[rest & (labels == which)].mean(axis=0) for which in (True, False))
        right += (trial @ (cat - dog) > (cat + dog) @ (cat - dog) / 2) == labels[k]
    return right / len(trials)


class Clock:
    """Goes on when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000.0

    def wait(self, seconds: float) -> None:
        self.now += seconds


class Ears:
    """Whatever the test says."""

    def __init__(self) -> None:
        self.heard: list[Event] = []
        self.opened = self.closed = False

    def open(self) -> None:
        self.opened = True

    def take(self) -> list[Event]:
        heard, self.heard = self.heard, []
        return heard

    def take_remark(self) -> str:
        return ""

    def close(self) -> None:
        self.closed = True


def _reader(source: ParticipantSource) -> tuple[ReactingReader, Clock, Ears]:
    clock, ears = Clock(), Ears()
    return ReactingReader(source, ears, lambda: clock.now, clock.wait), clock, ears


def _read(reader: ReactingReader, clock: Clock) -> Chunk:
    return reader.read(0.1)


def test_it_goes_at_real_time_and_tells_what_came_late() -> None:
    reader, clock, ears = _reader(settings(chunk_s=0.05))
    info = reader.open()
    assert ears.opened
    assert (info.simulated, info.exact_rows, info.channels) == (True, True, MUSE)
    chunks = [_read(reader, clock) for _ in range(40)]
    seconds = sum(c.samples.shape[1] for c in chunks) / RATE
    assert clock.now - 1000.0 - LAG_S == pytest.approx(seconds, abs=0.06)
    stamps = np.concatenate([c.stamps for c in chunks])
    np.testing.assert_allclose(stamps, 1000.0 + np.arange(len(stamps)) / RATE)
    ears.heard = [Event(1001.0, "cat/1")]
    chunk = _read(reader, clock)
    assert [(e.label, e.row) for e in chunk.events] == [("cat/1", RATE)]
    assert "1 markers came so late" in chunk.remark
    assert not _read(reader, clock).remark
    reader.close()
    assert ears.closed
    with pytest.raises(SourceError, match="not open"):
        reader.read(0.1)


def test_the_settings_choose_it_and_other_speeds_are_refused() -> None:
    assert isinstance(make_source(settings()), ReactingReader)
    with pytest.raises(SourceError, match="real time"):
        ReactingReader(settings(speed=2.0), Ears()).open()
