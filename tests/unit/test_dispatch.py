"""The dispatcher: whatever happens in whatever order, nothing is lost, nothing is committed twice, the sums hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from acquisition.dispatch import Action, Dispatcher, Journal, Publish, Send
from acquisition.workers import FORGET_S
from config.errors import ProcessError
from config.settings import DispatchSettings
from wire.packets import Answer, Failure, Heartbeat, Hello, Hit, Key, Ready, Result, Window

ENCODER = "ours"
HIT = Hit(id="a", label="an a", modality="image", cosine=0.5, probability=0.5)


def window(sequence: int) -> Window:
    return Window(
        session="s",
        segment=0,
        sequence=sequence,
        stimulus=f"picture {sequence}",
        onset_s=float(sequence),
        sampling_rate_hz=250.0,
        first_sample_offset_s=0.0,
        channels=("Oz",),
        versions=2,
        times=3,
        repeats=1,
        data=np.zeros((2, 1, 3), np.float32),
    )


def result(key: Key, **changes: object) -> Result:
    fields: dict[str, object] = {
        **key._asdict(),
        "stimulus": "a worker's word",
        "onset_s": -1.0,
        "versions": 2,
        "dim": 4,
        "answers": (Answer(hits=(HIT,), repeats=1),) * 2,
        "encoder": ENCODER,
        "gallery": "g",
        "data": np.full((2, 4), 0.5, np.float32),
    }
    return Result(**{**fields, **changes})


def ready(name: str, **changes: object) -> Ready:
    fields: dict[str, object] = {"worker": name, "pid": 1, "encoder": ENCODER, "gallery": "g", "credit": 2}
    return Ready(**{**fields, **changes})


def beat(name: str, state: str = "connected") -> Heartbeat:
    return Heartbeat(role="inference", name=name, pid=1, time_s=0.0, state=state)


def failure(key: Key) -> Failure:
    return Failure(**key._asdict(), worker="w", reason="numbers")


def sends(actions: list[Action]) -> list[tuple[bytes, int]]:
    return [(a.worker, a.packet.sequence) for a in actions if isinstance(a, Send) and isinstance(a.packet, Window)]


def published(actions: list[Action]) -> list[Result]:
    return [a.packet for a in actions if isinstance(a, Publish)]


def make(*workers: str, **changes: object) -> Dispatcher:
    dispatcher = Dispatcher(DispatchSettings(**changes), "s", [ENCODER])
    for name in workers:
        dispatcher.on_ready(name.encode(), ready(name), 0.0)
    return dispatcher


def test_a_result_is_journalled_then_published_with_what_is_known_here() -> None:
    dispatcher = make("a")
    dispatcher.add(window(0), 1.0)
    actions = dispatcher.on_result(b"a", result(window(0).key), 2.0)
    journal, publish = actions
    assert isinstance(journal, Journal)
    assert isinstance(publish, Publish)
    assert journal.packet == publish.packet
    assert (publish.packet.commit, publish.packet.stamps.committed) == (1, 2.0)
    # a worker cannot change what was shown
    assert (publish.packet.stimulus, publish.packet.onset_s) == ("picture 0", 0.0)
    assert dispatcher.in_flight == 0


def test_the_second_result_is_counted_and_dropped() -> None:
    dispatcher = make("a")
    dispatcher.add(window(0), 0.0)
    dispatcher.on_result(b"a", result(window(0).key), 0.1)
    assert dispatcher.on_result(b"a", result(window(0).key), 0.2) == []
    assert (dispatcher.counts["answered"], dispatcher.counts["late_results"]) == (1, 1)


def test_windows_go_out_on_credit_and_wait_without_it() -> None:
    dispatcher = make("a")
    out = [s for k in range(5) for s in sends(dispatcher.add(window(k), 0.0))]
    assert out == [(b"a", 0), (b"a", 1)]
    assert (dispatcher.in_flight, dispatcher.queued) == (5, 3)
    assert sends(dispatcher.on_result(b"a", result(window(0).key), 0.1)) == [(b"a", 2)]


def test_windows_wait_for_the_first_worker_and_are_stamped_when_sent() -> None:
    dispatcher = make()
    assert dispatcher.add(window(0), 0.0) == []
    (action,) = dispatcher.on_ready(b"a", ready("a"), 3.0)
    assert isinstance(action, Send)
    assert action.packet.stamps.sent == 3.0


def test_the_least_loaded_worker_is_served_and_equals_take_turns() -> None:
    dispatcher = make("a", "b")
    out = [s[0] for k in range(4) for s in sends(dispatcher.add(window(k), float(k) / 100))]
    assert sorted(out[:2]) == sorted(out[2:]) == [b"a", b"b"]


def test_a_silent_worker_is_dead_and_its_windows_go_to_another() -> None:
    dispatcher = make("a", "b")
    dispatcher.add(window(0), 0.0)
    (holder,) = [w.identity for w in dispatcher.workers if w.held]
    other = b"b" if holder == b"a" else b"a"
    dispatcher.on_heartbeat(other, beat(other.decode()), 0.9)
    assert sends(dispatcher.tick(0.9)) == []
    dispatcher.on_heartbeat(other, beat(other.decode()), 1.1)
    assert sends(dispatcher.tick(1.1)) == [(other, 0)]
    # the first answer counts, even from the one that had lost its lease
    assert len(published(dispatcher.on_result(holder, result(window(0).key), 1.2))) == 1
    assert published(dispatcher.on_result(other, result(window(0).key), 1.3)) == []
    assert dispatcher.counts["late_results"] == 1
    assert dispatcher.counts["redelivered"] == 1


def test_a_lease_that_runs_out_gives_the_window_away_though_the_worker_lives() -> None:
    dispatcher = make("a", "b", lease_s=2.0)
    (first,) = sends(dispatcher.add(window(0), 0.0))
    for t in (0.5, 1.0, 1.5, 1.9):
        for name in ("a", "b"):
            dispatcher.on_heartbeat(name.encode(), beat(name), t)
        assert sends(dispatcher.tick(t)) == []
    ((second, _),) = sends(dispatcher.tick(2.0))
    assert second != first[0]


def test_three_attempts_then_failed_with_the_reason_in_the_journal() -> None:
    dispatcher = make("a")
    key = window(0).key
    dispatcher.add(window(0), 0.0)
    assert sends(dispatcher.on_failure(b"a", failure(key), 0.1)) == [(b"a", 0)]
    assert sends(dispatcher.on_failure(b"a", failure(key), 0.2)) == [(b"a", 0)]
    (action,) = dispatcher.on_failure(b"a", failure(key), 0.3)
    assert isinstance(action, Journal)
    assert isinstance(action.packet, Failure)
    assert "failed" in action.packet.reason
    assert "numbers" in action.packet.reason
    assert (dispatcher.counts["failed"], dispatcher.in_flight) == (1, 0)
    assert published(dispatcher.on_result(b"a", result(key), 0.4)) == []


def test_a_failed_window_is_tried_elsewhere_if_there_is_an_elsewhere() -> None:
    dispatcher = make("a", "b")
    ((first, _),) = sends(dispatcher.add(window(0), 0.0))
    ((other, _),) = sends(dispatcher.add(window(1), 0.1))
    dispatcher.on_result(other, result(window(1).key), 0.2)
    # the first has waited longer, and would be next
    assert sends(dispatcher.on_failure(first, failure(window(0).key), 0.3)) == [(other, 0)]


def test_live_drops_the_oldest_and_replay_never_does() -> None:
    live = make(queue=2)
    actions = [a for k in range(4) for a in live.add(window(k), 0.0)]
    assert [a.packet.sequence for a in actions if isinstance(a, Journal)] == [0, 1]
    assert (live.counts["dropped"], live.in_flight) == (2, 2)
    replay = make(queue=2, policy="block")
    for k in range(4):
        assert replay.has_room == (k < 2)
        replay.add(window(k), 0.0)
    assert (replay.counts["dropped"], replay.in_flight) == (0, 4)


def test_age_expires_windows_live_and_frees_no_credit_of_a_worker_still_at_it() -> None:
    live = make("a", age_s=3.0, lease_s=60.0, dead_s=50.0)
    for k in range(3):
        live.add(window(k), float(k))
    live.tick(3.5)  # 0 and 1 are with the worker, 2 is queued
    assert (live.counts["expired"], live.in_flight) == (1, 2)
    assert sends(live.tick(3.6)) == []
    assert sends(live.on_result(b"a", result(window(0).key), 3.7)) == [(b"a", 2)]
    assert live.counts["late_results"] == 1
    replay = make(age_s=3.0, policy="block")
    replay.add(window(0), 0.0)
    replay.tick(100.0)
    assert (replay.counts["expired"], replay.in_flight) == (0, 1)


def test_a_spare_works_only_while_no_other_worker_lives() -> None:
    dispatcher = make()
    dispatcher.on_ready(b"spare", ready("spare", spare=True, pid=2), 0.0)
    dispatcher.on_ready(b"a", ready("a"), 0.0)
    assert [s for k in range(3) for s in sends(dispatcher.add(window(k), 0.0))] == [(b"a", 0), (b"a", 1)]
    dispatcher.on_heartbeat(b"spare", beat("spare"), 1.0)
    assert sends(dispatcher.on_gone(1, 1.0)) == [(b"spare", 0), (b"spare", 1)]
    assert sends(dispatcher.on_ready(b"a2", ready("a"), 1.1)) == [(b"a2", 2)]
    dispatcher.on_result(b"spare", result(window(0).key), 1.2)
    assert sends(dispatcher.add(window(3), 1.3)) == [(b"a2", 3)]


def test_strangers_are_asked_who_they_are() -> None:
    dispatcher = make()
    (action,) = dispatcher.on_heartbeat(b"x", beat("x"), 0.0)
    assert action == Send(b"x", Hello(session="s"))


def test_a_farewell_gives_the_windows_back_at_once() -> None:
    dispatcher = make("a", "b")
    ((first, _),) = sends(dispatcher.add(window(0), 0.0))
    ((second, _),) = sends(dispatcher.on_heartbeat(first, beat("x", "stopped"), 0.1))
    assert second != first
    assert first not in dispatcher.workers


def test_a_worker_that_connects_anew_replaces_its_old_self() -> None:
    dispatcher = make("a")
    dispatcher.add(window(0), 0.0)
    assert sends(dispatcher.on_ready(b"a2", ready("a"), 0.1)) == [(b"a2", 0)]
    assert [p.name for p in dispatcher.workers.peers(0.2)] == ["a"]


def test_a_dead_worker_is_listed_as_lost_then_forgotten_and_revives_when_heard() -> None:
    dispatcher = make("a")
    dispatcher.tick(2.0)
    assert [p.state for p in dispatcher.workers.peers(2.0)] == ["lost"]
    assert dispatcher.workers.usable() == []
    dispatcher.on_heartbeat(b"a", beat("a"), 2.1)
    assert len(dispatcher.workers.usable()) == 1
    dispatcher.tick(4.0)
    dispatcher.tick(2.2 + FORGET_S)
    assert dispatcher.workers.peers(20.0) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"encoder": "theirs"},
        {"versions": 1, "answers": (Answer(hits=(HIT,), repeats=1),), "data": np.zeros((1, 4), np.float32)},
        {"data": np.full((2, 4), np.nan, np.float32)},
    ],
)
def test_foreign_answers_are_counted_and_the_window_is_tried_again(changes: dict[str, object]) -> None:
    dispatcher = make("a")
    dispatcher.add(window(0), 0.0)
    actions = dispatcher.on_result(b"a", result(window(0).key, **changes), 0.1)
    assert published(actions) == []
    assert sends(actions) == [(b"a", 0)]
    assert (dispatcher.counts["foreign"], dispatcher.counts["answered"]) == (1, 0)


def test_a_foreign_answer_by_a_stranger_takes_no_window_from_its_holder() -> None:
    dispatcher = make("a")
    dispatcher.add(window(0), 0.0)
    actions = dispatcher.on_result(b"x", result(window(0).key, encoder="theirs"), 0.1)
    assert actions == [Send(b"x", Hello(session="s"))]
    assert len(published(dispatcher.on_result(b"a", result(window(0).key), 0.2))) == 1


def test_answers_to_windows_of_another_run_are_foreign() -> None:
    dispatcher = make("a")
    dispatcher.on_result(b"a", result(Key("s", 7, 0, 0)), 0.1)
    assert (dispatcher.counts["foreign"], dispatcher.counts["late_results"]) == (1, 0)


def test_a_worker_with_another_encoder_gets_no_windows_until_it_is_admitted() -> None:
    dispatcher = make()
    dispatcher.on_ready(b"a", ready("a", encoder="theirs"), 0.0)
    assert sends(dispatcher.add(window(0), 0.0)) == []
    dispatcher.admit("theirs")
    assert sends(dispatcher.tick(0.1)) == [(b"a", 0)]


def test_the_same_window_twice_is_a_bug() -> None:
    dispatcher = make("a")
    dispatcher.add(window(0), 0.0)
    with pytest.raises(ProcessError, match="twice"):
        dispatcher.add(window(0), 0.0)


def test_at_the_end_what_is_in_flight_expires() -> None:
    dispatcher = make("a", policy="block")
    for k in range(4):
        dispatcher.add(window(k), float(k))
    assert len(dispatcher.give_up("the run ended")) == 4
    assert (dispatcher.counts["expired"], dispatcher.in_flight, dispatcher.queued) == (4, 0, 0)


NAMES = ("a", "b", "c", "spare")


class Deliveries(RuleBasedStateMachine):
    """Windows, workers that come and go, answers early, late, twice and wrong; time that passes."""

    @initialize(
        policy=st.sampled_from(["drop_oldest", "block"]), queue=st.integers(1, 4), history=st.sampled_from([3, 10_000])
    )
    def start(self, policy: str, queue: int, history: int) -> None:
        self.dispatcher = make(policy=policy, queue=queue, history=history)
        self.now = 0.0
        self.added: list[Window] = []
        self.got: dict[str, list[Key]] = {name: [] for name in NAMES}
        self.known: set[str] = set()
        self.shown: list[Result] = []
        self.ended: list[Key] = []

    def do(self, actions: list[Action]) -> None:
        journalled: list[object] = []
        for action in actions:
            if isinstance(action, Journal):
                journalled.append(action.packet)
                if isinstance(action.packet, Failure):
                    self.ended.append(action.packet.key)
            elif isinstance(action, Publish):
                assert journalled[-1] is action.packet
                self.shown.append(action.packet)
            elif isinstance(action.packet, Window):
                assert action.worker.decode() in self.known
                self.got[action.worker.decode()].append(action.packet.key)

    @rule()
    def add(self) -> None:
        self.added.append(window(len(self.added)))
        self.do(self.dispatcher.add(self.added[-1], self.now))

    @rule(name=st.sampled_from(NAMES), credit=st.integers(1, 3))
    def ready(self, name: str, credit: int) -> None:
        self.known.add(name)
        packet = ready(name, spare=name == "spare", pid=NAMES.index(name), credit=credit)
        self.do(self.dispatcher.on_ready(name.encode(), packet, self.now))

    @rule(name=st.sampled_from(NAMES))
    def beat(self, name: str) -> None:
        self.do(self.dispatcher.on_heartbeat(name.encode(), beat(name), self.now))

    @rule(name=st.sampled_from(NAMES), pick=st.integers(0, 50), encoder=st.sampled_from([ENCODER] * 3 + ["theirs"]))
    def answer(self, name: str, pick: int, encoder: str) -> None:
        if self.got[name]:
            key = self.got[name][-1 - pick % len(self.got[name])]
            self.do(self.dispatcher.on_result(name.encode(), result(key, encoder=encoder), self.now))

    @rule(name=st.sampled_from(NAMES), pick=st.integers(0, 50))
    def fail(self, name: str, pick: int) -> None:
        if self.got[name]:
            key = self.got[name][-1 - pick % len(self.got[name])]
            self.do(self.dispatcher.on_failure(name.encode(), failure(key), self.now))

    @rule(name=st.sampled_from(NAMES))
    def leave(self, name: str) -> None:
        self.known.discard(name)
        self.do(self.dispatcher.on_worker_lost(name.encode(), self.now))

    @rule(name=st.sampled_from(NAMES))
    def gone(self, name: str) -> None:
        self.known.discard(name)
        self.do(self.dispatcher.on_gone(NAMES.index(name), self.now))

    @rule(step=st.sampled_from([0.01, 0.3, 1.1, 5.5]))
    def pass_time(self, step: float) -> None:
        self.now += step
        self.do(self.dispatcher.tick(self.now))

    @invariant()
    def sums_hold(self) -> None:
        counts = self.dispatcher.counts
        ended = sum(counts[name] for name in ("answered", "expired", "dropped", "failed"))
        assert counts["sent"] == len(self.added) == ended + self.dispatcher.in_flight
        assert self.dispatcher.queued <= self.dispatcher.in_flight

    @invariant()
    def committed_once_in_order_and_settled_once(self) -> None:
        assert [r.commit for r in self.shown] == list(range(1, len(self.shown) + 1))
        settled = [r.key for r in self.shown] + self.ended
        assert len(settled) == len(set(settled)) == len(self.added) - self.dispatcher.in_flight

    @invariant()
    def credit_is_kept(self) -> None:
        assert all(len(w.held) <= 3 for w in self.dispatcher.workers)

    @invariant()
    def spares_are_spared(self) -> None:
        usable = [w.ready.spare for w in self.dispatcher.workers.usable()]
        assert not any(usable) or all(usable)

    @invariant()
    def replay_loses_nothing(self) -> None:
        counts = self.dispatcher.counts
        if self.dispatcher.settings.policy == "block":
            assert counts["dropped"] == counts["expired"] == 0

    def teardown(self) -> None:
        """One good worker answers all that is left: nothing is lost."""
        for name in NAMES:
            self.leave(name)
        self.got["a"] = []
        self.ready("a", 2)
        while self.got["a"]:
            self.do(self.dispatcher.on_result(b"a", result(self.got["a"].pop(0)), self.now))
        assert self.dispatcher.in_flight == 0
        self.committed_once_in_order_and_settled_once()


Deliveries.TestCase.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
TestDeliveries = Deliveries.TestCase
