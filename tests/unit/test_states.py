"""States: who is in which, what is told of it, and that every change is written down."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from delivery_fakes import answer, encoder_spec, window
from display_fakes import TRUTH, status

from acquisition import journal
from acquisition.ailments import HOLD_S, UNRECORDED, Ailments
from acquisition.announcer import Announcer
from acquisition.delivery_account import Cut
from acquisition.dispatch import Dispatcher
from acquisition.displays import Displays
from acquisition.handoff import Batch
from acquisition.recorder import Recorder
from acquisition.situation import Situation
from acquisition.space import Space
from acquisition.types import StreamInfo
from config.bundles import fingerprint
from config.settings import DispatchSettings
from display.lsl import state_message
from display.plain import Plain
from display.report import report
from display.state import State
from wire.packets import Heartbeat, PeerState, Ready
from wire.states import RECOVERED_S, Change, Changes

ENCODER = fingerprint(encoder_spec())


def ready(name: str = "w", pid: int = 7) -> Ready:
    return Ready(worker=name, pid=pid, encoder=ENCODER, gallery="g", credit=2)


def beat(state: str = "connected", message: str = "", role: str = "inference", name: str = "w") -> Heartbeat:
    return Heartbeat(role=role, name=name, pid=7, state=state, message=message, time_s=0.0)


def dispatcher(**changes: object) -> Dispatcher:
    return Dispatcher(DispatchSettings(**changes), "test", [ENCODER])


def said(made: Dispatcher, at: float) -> list[tuple[str, str]]:
    return [(peer.name, peer.state) for peer in made.workers.peers(at)]


def test_a_worker_that_falls_silent_is_stalled_then_lost_then_recovered() -> None:
    made = dispatcher()
    made.on_ready(b"w", ready(), 0.0)
    seen = []
    for at in (0.4, 0.6, 1.1):
        made.tick(at)
        seen += said(made, at)
    made.on_heartbeat(b"w", beat(), 5.0)
    seen += said(made, 5.0)
    for at in (5.3, 5.6, 5.9):
        made.on_heartbeat(b"w", beat(), at)
    seen += said(made, 5.9)
    made.on_heartbeat(b"w", beat(), 5.0 + RECOVERED_S)
    seen += said(made, 5.0 + RECOVERED_S)
    assert [state for _, state in seen] == ["connected", "stalled", "lost", "recovered", "recovered", "connected"]


def test_a_killed_worker_is_lost_until_another_comes_in_its_place() -> None:
    made = dispatcher()
    made.on_ready(b"w", ready(), 0.0)
    made.on_gone(7, 0.1)
    assert said(made, 0.2) == [("w", "lost")]
    assert "ended" in made.workers.peers(0.2)[0].message
    made.on_ready(b"w2", ready(pid=8), 3.0)
    assert [(p.name, p.pid, p.state) for p in made.workers.peers(3.0)] == [("w", 8, "recovered")]


def test_a_worker_that_says_farewell_is_stopped_and_forgotten_later() -> None:
    made = dispatcher()
    made.on_ready(b"w", ready(), 0.0)
    made.on_heartbeat(b"w", beat("stopped"), 0.1)
    assert said(made, 0.2) == [("w", "stopped")]
    made.on_ready(b"x", ready("x", 8), 0.3)
    assert said(made, 0.3) == [("x", "connected"), ("w", "stopped")]
    made.tick(11.0)
    assert "w" not in dict(said(made, 11.0))


def test_a_display_that_falls_silent_and_comes_back() -> None:
    displays = Displays()
    displays.hear(b"d", beat(role="display", name="d"), 0.0)
    states = [displays.peers(at)[0].state for at in (0.1, 0.6, 1.1)]
    displays.hear(b"d", beat(role="display", name="d"), 2.0)
    states += [displays.peers(2.1)[0].state]
    displays.hear(b"d", beat("degraded", "results are missing", role="display", name="d"), 2.2)
    assert (displays.peers(2.3)[0].state, displays.peers(2.3)[0].message) == ("degraded", "results are missing")
    displays.hear(b"d", beat("stopped", role="display", name="d"), 3.0)
    states += [displays.peers(3.1)[0].state]
    assert states == ["connected", "stalled", "lost", "recovered", "stopped"]
    assert displays.youngest_s(3.1) == float("inf"), "who has left asks for nothing"
    assert displays.peers(20.0) == ()


@pytest.mark.parametrize("end", ["expired", "dropped", "failed"])
def test_windows_that_are_not_answered_degrade_for_a_while(end: str) -> None:
    made = Ailments(recorded=True)
    counters = {"expired": 0, "dropped": 0, "failed": 0}
    assert made.update(counters, (), 0.0) == ()
    counters[end] = 1
    (words,) = made.update(counters, (), 1.0)
    assert "windows" in words
    assert made.update(counters, (), 1.0 + HOLD_S - 0.1) == (words,)
    assert made.update(counters, (), 1.0 + HOLD_S) == ()


def test_everything_else_that_degrades() -> None:
    refused = PeerState(
        role="inference", name="w", pid=1, state="degraded", message="kept the old bundles: it is torn", age_s=0.1
    )
    made = Ailments(recorded=False)
    assert made.update({}, (refused,), 0.0, ["the disk is nearly full"]) == (
        "the disk is nearly full",
        "w goes on with something missing: kept the old bundles: it is torn",
        UNRECORDED,
    )


def situation(state: str = "connected", **fields: object) -> Situation:
    counters = dict.fromkeys(("due", "rejected", "missed", "pending"), 0)
    return Situation("test", 0).after(Batch(state=state, message=f"it is {state}", cut=Cut(counters), **fields))


def test_acquisition_tells_what_matters_most() -> None:
    made = dispatcher()
    from dataclasses import replace

    assert situation().words(made)[0] == "degraded", "no worker"
    made.on_ready(b"w", ready(), 0.0)
    assert situation().words(made) == ("connected", "it is connected")
    amiss = replace(situation(), ailments=("one", "two"))
    assert amiss.words(made) == ("degraded", "one; two")
    assert replace(amiss, paused=True).words(made)[0] == "paused"
    assert replace(amiss, state="lost").words(made)[0] == "lost"
    assert replace(amiss, ended="ended: well").words(made) == ("stopped", "ended: well")
    source = replace(situation("stalled"), paused=True).status(made, 0.1, {}, ()).peers[0]
    assert (source.role, source.name, source.pid, source.state) == ("source", "source", 0, "stalled")
    assert replace(situation(), ended="well").status(made, 0.1, {}, ()).peers[0].state == "stopped"


def test_every_change_is_announced_at_once_and_written_when_the_journal_opens(tmp_path: Path) -> None:
    made, displays = dispatcher(), Displays()
    recorder = Recorder(tmp_path / "segment-0000.esj", "test", 0, "")
    announcer = Announcer(made, recorder, displays.peers)

    def due(at: float, state: str = "connected", *, urgent: bool = False) -> bool:
        made.tick(at)
        return announcer.due(situation(state), at, 0, urgent=urgent) is not None

    assert due(0.0, "waiting")
    assert not due(0.05, "waiting")
    assert not due(0.15, "waiting")
    assert due(0.15, "waiting", urgent=True)
    assert due(0.45, "waiting"), "four times a second"
    announcer.write()
    recorder.open(StreamInfo("test", "recording", 250.0, ("O1", "Oz", "O2")))
    made.on_ready(b"w", ready(), 0.5)
    assert due(0.5)
    assert not due(0.55)
    assert due(1.2), "the worker is stalled"
    announcer.write()
    assert due(1.6), "the worker is lost, so the run is degraded"
    announcer.write()
    made.on_heartbeat(b"w", beat(), 1.7)
    assert due(1.75)
    announcer.write()
    recorder.close("over")
    turns = [record for record in journal.read(recorder.file) if isinstance(record, Change)]
    told = [(turn.name, turn.state) for turn in turns]
    assert told == [
        ("acquisition", "waiting"),
        ("source", "waiting"),
        ("acquisition", "connected"),
        ("source", "connected"),
        ("w", "connected"),
        ("w", "stalled"),
        ("acquisition", "degraded"),
        ("w", "lost"),
        ("acquisition", "connected"),
        ("w", "recovered"),
    ]
    assert [turn.time_s for turn in turns] == [0.0, 0.0, 0.5, 0.5, 0.5, 1.2, 1.6, 1.6, 1.75, 1.75]
    assert turns[5].role == "inference" and "waited for" in turns[5].message


def test_a_run_without_a_journal_is_degraded_and_nothing_is_written() -> None:
    made = dispatcher()
    made.on_ready(b"w", ready(), 0.0)
    announcer = Announcer(made, Recorder(None, "test", 0, ""), lambda at: ())
    told = announcer.due(situation(), 0.1, 3, urgent=True)
    assert told is not None
    assert (told.state, told.message, told.counters["malformed"]) == ("degraded", UNRECORDED, 3)
    announcer.write()


def test_a_disk_that_is_nearly_full_degrades_the_run_until_there_is_room(tmp_path: Path) -> None:
    made = dispatcher()
    made.on_ready(b"w", ready(), 0.0)
    info = StreamInfo("test", "recording", 250.0, ("O1", "Oz", "O2"))
    recorder = Recorder(tmp_path / "segment-0000.esj", "test", 0, "")
    announcer = Announcer(made, recorder, lambda at: ())
    space = Space(tmp_path, info, 0)
    states = []
    for k, free in enumerate((10**12, 10**6, 10**12)):
        recorder.ailments = (space.low(free),) if space.low(free) else ()
        announcer.due(situation(), float(k), 0, urgent=True)
        made.on_heartbeat(b"w", beat(), k + 0.5)
        told = announcer.due(situation(), k + 0.5, 0, urgent=True)
        assert told is not None
        states.append((told.state, "nearly full" in told.message))
    assert states == [("connected", False), ("degraded", True), ("connected", False)]


def test_only_what_is_new_is_a_change() -> None:
    changes = Changes()
    assert [change.words for change in changes.update(status())] == [
        "acquisition: connected: streams found",
        "worker-1: connected",
    ]
    assert changes.update(status(sent=5)) == []
    assert changes.update(status(last=True)) == [
        Change(100.0, "acquisition", "acquisition", "stopped", "streams found")
    ]


def test_a_display_sees_acquisition_fall_silent_and_come_back() -> None:
    state = State(TRUTH)
    lines: list[str] = []
    plain = Plain(lines.append)
    plain.open()
    plain.tick(state, 99.0)
    assert state.own(99.0)[0] == "waiting"
    state.fold(status(), 100.0)
    own = []
    for at in (100.1, 100.9, 101.0, 102.1, 103.0):
        plain.tick(state, at)
        own.append(state.own(at)[0])
    state.fold(status(), 104.0)
    plain.tick(state, 104.1)
    own.append(state.own(104.1)[0])
    for half in range(1, round(2 * RECOVERED_S) + 1):
        state.fold(status(), 104.0 + 0.5 * half)
    own.append(state.own(104.0 + RECOVERED_S)[0])
    assert own == ["connected", "stalled", "stalled", "lost", "lost", "recovered", "connected"]
    assert lines == [
        "acquisition: waiting: not heard yet",
        "acquisition: connected: streams found",
        "worker-1: connected",
        "acquisition: stalled: not heard for 0.9 s",
        "acquisition: lost: not heard for 2.1 s",
        "acquisition: connected: streams found",
    ]
    told = report(state, 108.0)["states"]
    assert [row["state"] for row in told] == ["waiting", "connected", "connected", "stalled", "lost", "connected"]
    assert json.loads(json.dumps(told, allow_nan=False))[4]["time_s"] == 102.1


def test_a_display_that_was_held_up_itself_does_not_blame_acquisition() -> None:
    state = State(TRUTH)
    state.fold(status(), 100.0)
    state.turns.excuse(7.0)
    assert state.turns.silence(107.5) is None
    assert state.turns.silence(107.8) == "stalled"


def test_the_last_word_is_no_silence() -> None:
    state = State(TRUTH)
    state.fold(status(last=True), 100.0)
    assert state.turns.silence(200.0) is None
    assert state.processes(200.0)[0] == ("acquisition", "stopped: streams found")


def test_states_for_lsl_are_json() -> None:
    assert json.loads(state_message(Change(1.5, "source", "source", "lost", "gone"))) == {
        "time_s": 1.5,
        "role": "source",
        "name": "source",
        "state": "lost",
        "message": "gone",
    }


def test_changes_kept_are_bounded() -> None:
    state = State(TRUTH)
    for k in range(3000):
        state.fold(status(last=bool(k % 2)), 100.0)
    assert len(state.turns.kept) == 1000
    assert len(state.turns.since(state.turns.count - 3)) == 3
    assert len(state.turns.since(0)) == 1000


def test_an_answered_window_degrades_nothing() -> None:
    made = dispatcher()
    made.on_ready(b"w", ready(), 0.0)
    made.add(window(0), 0.0)
    made.on_result(b"w", answer(window(0), ENCODER, "w"), 0.1)
    assert Ailments(recorded=True).update(made.counts, made.workers.peers(0.1), 0.1) == ()
