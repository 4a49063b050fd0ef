"""The reading thread: journal first, everything accounted for, whatever becomes of the source."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import zmq
from delivery_fakes import CHANNELS, RATE_HZ, encoder_spec

from acquisition import journal
from acquisition.averages import Averages
from acquisition.configure import plan_of
from acquisition.delivery_account import fault, totals
from acquisition.handoff import Batch, Handoff
from acquisition.plan import Plan
from acquisition.reader import Job, Reader
from acquisition.rebuild import Rebuilt, rebuild
from acquisition.recorder import Recorder
from acquisition.switches import Switches
from acquisition.types import Chunk, Event, Gap, StreamInfo
from config.errors import EegseekError, JournalError, SettingsError, StreamLost
from config.settings import Settings
from wire.packets import Rejected, Tap, Window

PLAN = plan_of(Settings(), encoder_spec())
PARTS = replace(PLAN, window=PLAN.window.model_copy(update={"parts_s": (0.1, 0.15)}))
STEP = 25
LENGTH_S = 8.0
ONSETS_S = tuple(4.0 + 0.5 * k for k in range(6))
"""After the chain has settled, 0.5 s apart; labels a, b, a, b, ..."""


def signal(channels: int = 3, seed: int = 0) -> np.ndarray:
    """(channels, times) float32, µV: small noise."""
    return np.random.default_rng(seed).normal(0, 5, (channels, round(LENGTH_S * RATE_HZ))).astype(np.float32)


class Played:
    """A source of the test's own: noise with markers, in chunks of 0.1 s."""

    def __init__(self, *, names: tuple[str, ...] = CHANNELS, fails_at: int | None = None, stalls_at: int = -1) -> None:
        self.names = names
        self.fails_at, self.stalls_at = fails_at, stalls_at
        self.opened = self.closed = False
        self.before_read: Callable[[int], None] = lambda k: None
        self._number = 0

    def open(self) -> StreamInfo:
        self.opened = True
        return StreamInfo("noise", "recording", RATE_HZ, self.names, simulated=True, exact_rows=True)

    def read(self, timeout_s: float) -> Chunk:
        k = self._number
        self._number += 1
        self.before_read(k)
        if k == self.fails_at:
            raise StreamLost("stream 'noise' was lost and did not come back within 60 s; check the sender")
        data = signal(len(self.names))
        rows = slice(k * STEP, (k + 1) * STEP)
        stamps = 100.0 + np.arange(data.shape[1])[rows] / RATE_HZ
        events = tuple(
            Event(100.0 + t, "ab"[n % 2], row=t * RATE_HZ)
            for n, t in enumerate(ONSETS_S)
            if k * STEP <= t * RATE_HZ < (k + 1) * STEP
        )
        chunk = Chunk(np.ascontiguousarray(data[:, rows]), stamps, float(stamps[-1]), stamps, events=events)
        last = (k + 1) * STEP >= data.shape[1]
        return replace(chunk, final=last, state="stalled" if k == self.stalls_at else "connected")

    def close(self) -> None:
        self.closed = True


class Session:
    """A reader and both ends of what it is connected to."""

    def __init__(
        self, source: Played, file: Path | None = None, *, wait_s: float = 0.0, segment: int = 0, plan: Plan = PLAN
    ) -> None:
        self.switches = Switches()
        self.handoff = Handoff(10_000)
        self.recorder = Recorder(file, "test", segment, "{}")
        self.averages = Averages()
        former = Rebuilt(self.averages)
        self.job = Job("test", segment, plan, source, "recording", wait_s, lambda: former)
        self.reader = Reader(self.job, self.recorder, self.handoff, self.switches)

    def run(self) -> EegseekError | None:
        with zmq.Context() as context:
            try:
                self.reader.run(context)
            except EegseekError as error:
                return error
            return None

    def batches(self) -> Iterator[Batch]:
        while (batch := self.handoff.take()) is not None:
            yield batch

    def read(self) -> tuple[list[Batch], list[Window], list[Rejected]]:
        batches = list(self.batches())
        sent = parts = 0
        for batch in batches:  # the sums hold after each batch
            sent += sum(w.final for w in batch.windows)
            parts += sum(not w.final for w in batch.windows)
            counts = {"sent": sent, "answered": sent, "expired": 0, "dropped": 0, "failed": 0}
            ended = {"parts_expired": 0, "parts_dropped": 0, "parts_failed": 0, "parts_in_flight": 0}
            both = {"parts_sent": parts, "parts_answered": parts, **ended}
            assert fault(totals(batch.cut, counts, 0, both)) == ""
        assert [b.ended for b in batches] == [False] * (len(batches) - 1) + [True]
        windows = [w for b in batches for w in b.windows]
        return batches, windows, [r for b in batches for r in b.rejected]


def test_windows_are_handed_over_with_identity_stamps_and_averages() -> None:
    session = Session(Played())
    assert session.run() is None
    batches, windows, rejected = session.read()
    assert [w.stimulus for w in windows] == list("ababab")
    assert rejected == []
    assert [w.repeats for w in windows] == [1, 1, 2, 2, 3, 3]
    assert all((w.versions, w.channels, w.times) == (2, CHANNELS, 50) for w in windows)
    assert all(w.simulated and w.session == "test" for w in windows)
    assert [w.onset_s for w in windows] == pytest.approx([100.0 + t for t in ONSETS_S], abs=1e-6)
    stamps = windows[0].stamps
    assert stamps.sample_due == pytest.approx(104.0 + 49 / RATE_HZ, abs=2 / RATE_HZ)
    assert stamps.cut is not None
    assert stamps.sample_in is not None
    mean = (windows[0].data[0].astype(float) + windows[2].data[0]) / 2
    np.testing.assert_allclose(windows[2].data[1], mean, atol=1e-5)
    facts = [b.facts for b in batches if b.facts]
    assert len(facts) == 1
    assert facts[0].gauges["rate_hz"] == RATE_HZ
    assert sum(len(b.due) for b in batches) == 6
    assert batches[-1].cut.extra["samples"] == round(LENGTH_S * RATE_HZ)


def test_every_sample_is_in_the_journal(tmp_path: Path) -> None:
    file = journal.path(tmp_path, 0)
    session = Session(Played(), file)
    session.run()
    session.recorder.close("stopped")
    chunks = [r for r in journal.read(file) if isinstance(r, Chunk)]
    np.testing.assert_array_equal(np.concatenate([c.samples for c in chunks], axis=1), signal())
    assert [e.label for c in chunks for e in c.events] == list("ababab")


def test_what_cannot_be_journalled_is_not_used() -> None:
    session = Session(Played())
    seen = 0

    def full(chunk: Chunk) -> None:
        nonlocal seen
        seen += 1
        if seen > 50:  # at 5 s
            raise JournalError("no space left")

    session.recorder.chunk = full  # type: ignore[method-assign]
    error = session.run()
    assert isinstance(error, JournalError)
    batches, windows, _ = session.read()
    assert len(windows) == 2
    assert batches[-1].cut.counters["pending"] == 0
    assert batches[-1].cut.extra["samples"] <= 50 * STEP


def test_a_lost_source_ends_the_run_with_everything_accounted_for() -> None:
    source = Played(fails_at=51)  # at 5.1 s: the window of the third marker is not complete
    session = Session(source)
    error = session.run()
    assert isinstance(error, StreamLost)
    batches, windows, rejected = session.read()
    last = batches[-1]
    assert (len(windows), len(rejected)) == (2, 1)
    assert (last.cut.counters["due"], last.cut.counters["pending"], last.cut.counters["missed"]) == (3, 0, 1)
    assert rejected[0].reasons[0].startswith("missed")
    assert (last.state, last.message) == ("lost", str(error))
    assert source.closed


def test_channels_that_the_encoder_needs_and_the_source_lacks_are_named() -> None:
    source = Played(names=("O1", "Oz", "TP9"))
    session = Session(source)
    error = session.run()
    assert isinstance(error, SettingsError | EegseekError)
    assert "O2" in str(error)
    assert "TP9" in str(error)
    _batches, windows, _ = session.read()
    assert windows == []
    assert source.closed


def test_while_paused_stimuli_are_rejected_and_not_averaged() -> None:
    source = Played()
    session = Session(source)
    # the windows of the third and fourth stimulus (5.0 and 5.5 s) are complete while paused
    source.before_read = lambda k: setattr(session.switches, "paused", 50 <= k < 59)
    session.run()
    batches, windows, rejected = session.read()
    assert [r.reasons for r in rejected] == [("paused",)] * 2
    assert [(w.stimulus, w.repeats) for w in windows] == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert batches[-1].cut.paused == 2


def test_while_calibrating_windows_are_tapped_rejected_and_not_averaged() -> None:
    source = Played()
    session = Session(source)
    session.switches.calibrating = session.switches.taps = True
    source.before_read = lambda k: setattr(session.switches, "calibrating", k < 59)
    session.run()
    batches, windows, rejected = session.read()
    assert [r.reasons for r in rejected] == [("calibration",)] * 4
    assert [(w.stimulus, w.repeats) for w in windows] == [("a", 1), ("b", 1)]
    taps = [tap for batch in batches for tap in batch.taps]
    assert [(tap.stimulus, tap.repeats) for tap in taps[:4]] == [("a", 1), ("b", 1), ("a", 2), ("b", 2)]
    assert len(taps) == 6
    assert (batches[-1].cut.calibration, batches[-1].cut.paused) == (4, 0)


def test_calibration_is_in_no_later_average(tmp_path: Path) -> None:
    source = Played()
    session = Session(source, journal.path(tmp_path, 0))
    source.before_read = lambda k: setattr(session.switches, "calibrating", k < 59)
    session.run()
    session.recorder.close("stopped")
    assert rebuild(tmp_path, 1, "test", PLAN, lambda: False).windows == 2


def test_parts_go_before_their_window_and_while_paused_go_nowhere() -> None:
    source = Played()
    session = Session(source, plan=PARTS)
    source.before_read = lambda k: setattr(session.switches, "paused", 50 <= k < 59)
    session.run()
    batches, windows, rejected = session.read()
    assert [(w.part, w.final, w.times) for w in windows[:3]] == [(0, False, 25), (1, False, 38), (2, True, 50)]
    assert [w.part for w in windows] == [0, 1, 2] * 4
    assert [w.repeats for w in windows[::3]] == [w.repeats for w in windows[2::3]] == [1, 1, 2, 2]
    assert windows[0].stamps.sample_due is not None
    assert windows[0].stamps.sample_due < (windows[2].stamps.sample_due or 0.0)
    assert [(r.reasons, r.part) for r in rejected] == [(("paused",), 2)] * 2
    cut = batches[-1].cut
    assert (cut.paused, cut.paused_parts, cut.counters["parts_due"]) == (2, 4, 12)
    # of two ends within one chunk only the later is told beforehand
    assert sum(len(b.due) for b in batches) == 12
    whole = Session(Played())
    whole.run()
    assert [w.data.tobytes() for w in whole.read()[1][:2]] == [w.data.tobytes() for w in windows[2:6:3]]


def test_a_stop_ends_reading_and_nothing_stays_pending() -> None:
    source = Played()
    session = Session(source)
    source.before_read = lambda k: setattr(session.switches, "stop", k >= 50)
    assert session.run() is None
    batches, windows, _ = session.read()
    counters = batches[-1].cut.counters
    assert (counters["due"], counters["pending"], len(windows)) == (3, 0, 2)


def test_the_states_of_the_source_are_told_in_words() -> None:
    session = Session(Played(stalls_at=30))
    session.run()
    batches, _, _ = session.read()
    told = [(b.state, b.message) for b in batches]
    changes = [told[0]] + [b for a, b in itertools.pairwise(told) if a[0] != b[0]]
    assert [state for state, _ in changes] == ["waiting", "connected", "stalled", "connected"]
    assert "no samples" in changes[2][1]


def test_live_the_source_is_opened_once_a_worker_is_ready() -> None:
    source = Played()
    session = Session(source, wait_s=30.0)
    thread = threading.Thread(target=session.run)
    thread.start()
    try:
        while (first := session.handoff.take()) is None:
            pass
        assert "waiting for a worker" in first.message
        assert not source.opened
        session.switches.served = True
        thread.join(10)
        assert source.opened
    finally:
        session.switches.stop = True
        thread.join(10)
    assert not thread.is_alive()


def test_without_a_worker_reading_starts_in_the_end_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    session = Session(Played(), wait_s=0.02)
    session.run()
    assert "no worker is ready" in caplog.text
    assert len(session.read()[1]) == 6


def test_averages_continue_from_the_journals_of_former_segments(tmp_path: Path) -> None:
    source = Played()
    session = Session(source, journal.path(tmp_path, 0))
    source.before_read = lambda k: setattr(session.switches, "paused", 50 <= k < 59)
    session.run()
    session.recorder.close("stopped")
    _, windows, _ = session.read()
    journal.path(tmp_path, 1).write_bytes(b"not a journal at all, and left out")
    rebuilt = rebuild(tmp_path, 2, "test", PLAN, lambda: False)
    assert (rebuilt.windows, rebuilt.segments, len(rebuilt.averages)) == (4, 1, 2)
    # adding one more window goes on where the first segment ended
    extra = np.zeros((3, 50), np.float32)
    mean, repeats = rebuilt.averages.add("b", extra)
    assert repeats == 3
    np.testing.assert_allclose(mean, windows[-1].data[1].astype(float) * 2 / 3, atol=1e-5)
    assert rebuild(tmp_path, 2, "another", PLAN, lambda: False).windows == 0
    # parts are in no average
    again = rebuild(tmp_path, 2, "test", PARTS, lambda: False)
    assert again.windows == 4
    assert np.array_equal(again.averages.add("b", extra)[0], mean)


class Sleeper:
    """A source that gives as many samples as it was told to wait for, in bursts."""

    def __init__(self, burst: int = 2) -> None:
        self.burst = burst
        self.told: list[int] = []
        self._least, self._next = 1, 0

    def open(self) -> StreamInfo:
        return StreamInfo("noise", "recording", RATE_HZ, CHANNELS, simulated=True, exact_rows=True)

    def wait_for(self, samples: int) -> None:
        self._least = samples
        self.told.append(samples)

    def read(self, timeout_s: float) -> Chunk:
        begin = self._next
        end = begin + -(-self._least // self.burst) * self.burst
        data, self._next = signal(), end
        stamps = 100.0 + np.arange(data.shape[1])[begin:end] / RATE_HZ
        events = tuple(
            Event(100.0 + t, "ab"[n % 2], row=t * RATE_HZ) for n, t in enumerate(ONSETS_S) if begin <= t * RATE_HZ < end
        )
        arrived = float(stamps[-1]) + 0.003
        chunk = Chunk(np.ascontiguousarray(data[:, begin:end]), stamps, arrived, stamps, events=events)
        return replace(chunk, final=end >= data.shape[1])

    def close(self) -> None: ...


@pytest.mark.parametrize("burst", [1, 2, 3])
def test_a_patient_source_is_woken_for_the_last_sample_and_little_else(burst: int) -> None:
    source = Sleeper(burst)
    session = Session(source)  # type: ignore[arg-type]
    session.switches.drafts = True
    assert session.run() is None
    batches, windows, _ = session.read()
    plain = Session(Played())
    plain.run()
    expected = plain.read()[1]
    assert [w.data.tobytes() for w in windows] == [w.data.tobytes() for w in expected]
    # nothing but the rest of its burst is waited for after the sample that completes a window
    for one in windows:
        lag = (one.stamps.sample_in or 0.0) - (one.stamps.sample_due or 0.0)
        assert lag <= (burst - 1) / RATE_HZ + 0.003 + 1e-6
    drafts = [draft for batch in batches for draft in batch.drafts]
    assert [(d.sequence, d.times) for d in drafts] == [(k, 45) for k in range(6)]
    for one, draft in zip(windows, drafts, strict=True):
        assert one.data[:, :, : draft.times].tobytes() == draft.data.tobytes()
    told = {due.sequence: due.due_s for batch in batches for due in batch.due}
    assert [told[w.sequence] for w in windows] == pytest.approx([w.stamps.sample_in for w in windows], abs=1e-6)
    assert len(source.told) < LENGTH_S / 0.02 + 6 * 8


def test_without_a_use_for_them_no_drafts_are_made() -> None:
    session = Session(Sleeper())  # type: ignore[arg-type]
    assert session.run() is None
    batches, windows, _ = session.read()
    assert len(windows) == 6
    assert not any(batch.drafts for batch in batches)


def test_a_segment_that_goes_on_from_another_begins_with_the_gap_between(tmp_path: Path) -> None:
    file = tmp_path / "segment-0001.esj"
    session = Session(Played(), file, segment=1)
    former = Rebuilt(session.averages, last_s=97.5)
    session.job = replace(session.job, former=lambda: former)
    session.reader = Reader(session.job, session.recorder, session.handoff, session.switches)
    assert session.run() is None
    batches, windows, _ = session.read()
    assert len(windows) == 6
    assert any("after 2500 ms without samples" in b.message for b in batches)
    assert batches[-1].cut.extra["gaps"] == 1
    kept = list(journal.read(file))
    gaps = [record for record in kept if isinstance(record, Gap)]
    assert [gap.index for gap in gaps] == [0]
    assert gaps[0].missing == pytest.approx(2.5 * RATE_HZ - 1)
    assert gaps[0].stamp == 100.0
    notes = [record.text for record in kept if isinstance(record, journal.Note)]
    assert notes == ["the session goes on after 2500 ms without samples"]


def test_the_reader_shows_nothing_unasked_and_changes_nothing_when_asked() -> None:
    plain, watched = Session(Played()), Session(Played())
    watched.switches.taps = watched.switches.previews = True
    assert plain.run() is None
    assert watched.run() is None
    before, windows, _ = plain.read()
    batches, seen, _ = watched.read()
    assert not any(batch.taps or batch.previews for batch in before)
    assert [w.data.tobytes() for w in seen] == [w.data.tobytes() for w in windows]
    assert batches[-1].cut == before[-1].cut
    taps = [tap for batch in batches for tap in batch.taps]
    assert len(taps) == len(ONSETS_S)
    for tap, window in zip(taps, seen, strict=True):
        assert type(tap) is Tap
        same = Window(**{name: getattr(tap, name) for name in Window.__struct_fields__})
        assert same == window
    # as fast as it goes there is one at the most in each tenth of a second, behind the windows
    previews = [batch for batch in batches if batch.previews]
    assert 1 <= len(previews) <= LENGTH_S * RATE_HZ / STEP
    assert all(not batch.windows for batch in previews)
