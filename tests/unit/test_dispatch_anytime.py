"""Parts of windows on their way: in sums of their own, and never at the cost of a whole window."""

from __future__ import annotations

import pytest
from delivery_fakes import answer, window
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.account import PartAccount
from acquisition.delivery_account import Cut, check_end, fault, totals
from acquisition.dispatch import Action, Dispatcher, Journal, Publish, Send
from config.errors import EegseekError, ProcessError
from config.settings import DispatchSettings
from wire.packets import Failure, Key, Ready, Window

LAST = 2
"""Part of the whole window."""


def piece(sequence: int, part: int) -> Window:
    return window(sequence, part=part, final=part == LAST)


def make(*workers: str, **changes: object) -> Dispatcher:
    dispatcher = Dispatcher(DispatchSettings(**changes), "test", ["ours"])
    for name in workers:
        dispatcher.on_ready(name.encode(), Ready(worker=name, pid=1, encoder="ours", gallery="g", credit=2), 0.0)
    return dispatcher


def ends(actions: list[Action]) -> list[tuple[int, int, str]]:
    """Sequence, part and end of what was settled without an answer."""
    found = [a.packet for a in actions if isinstance(a, Journal)]
    return [(p.sequence, p.part, p.reason) for p in found if isinstance(p, Failure)]


def sent(actions: list[Action]) -> list[Key]:
    return [a.packet.key for a in actions if isinstance(a, Send) and isinstance(a.packet, Window)]


def test_parts_and_whole_windows_are_counted_apart_and_committed_in_one_row() -> None:
    dispatcher = make("a")
    shown = []
    for part in range(LAST + 1):
        dispatcher.add(piece(0, part), 0.0)
        actions = dispatcher.on_result(b"a", answer(piece(0, part), "ours"), 0.1)
        shown += [a.packet for a in actions if isinstance(a, Publish)]
    assert [(r.part, r.final, r.commit) for r in shown] == [(0, False, 1), (1, False, 2), (2, True, 3)]
    assert (dispatcher.counts["sent"], dispatcher.counts["answered"], dispatcher.in_flight) == (1, 1, 0)
    parts = dispatcher.part_counts
    assert (parts["parts_sent"], parts["parts_answered"], parts["parts_in_flight"]) == (2, 2, 0)


def test_a_full_queue_loses_its_oldest_part_before_any_whole_window() -> None:
    live = make(queue=3)
    for one in (piece(0, LAST), piece(1, 0), piece(2, 0)):
        assert live.add(one, 0.0) == []
    assert ends(live.add(piece(3, LAST), 0.0)) == [(1, 0, "dropped: the queue is full")]
    assert ends(live.add(piece(4, 0), 0.0)) == [(2, 0, "dropped: the queue is full")]
    assert ends(live.add(piece(5, LAST), 0.0)) == [(4, 0, "dropped: the queue is full")]
    # nothing but whole windows: a new part is what goes, a new window takes the place of the oldest
    assert ends(live.add(piece(6, 0), 0.0)) == [(6, 0, "dropped: the queue is full")]
    assert ends(live.add(piece(7, LAST), 0.0)) == [(0, LAST, "dropped: the queue is full")]
    assert (live.counts["sent"], live.counts["dropped"], live.in_flight) == (4, 1, 3)
    assert live.part_counts["parts_sent"] == live.part_counts["parts_dropped"] == 4


def test_a_waiting_part_gives_way_to_what_follows_it_and_a_part_at_work_does_not() -> None:
    live = make("a")
    assert sent(live.add(piece(0, 0), 0.0)) == [piece(0, 0).key]
    assert sent(live.add(piece(1, 0), 0.0)) == [piece(1, 0).key]  # credit is 2
    assert live.add(piece(1, 1), 0.0) == []
    assert ends(live.add(piece(1, LAST), 0.0)) == [(1, 1, "dropped: a later part of its window is here")]
    assert (live.outstanding, live.in_flight, live.queued) == (3, 1, 1)
    replay = make(policy="block")
    for part in range(LAST + 1):
        assert replay.add(piece(0, part), 0.0) == []
    assert (replay.queued, replay.part_counts["parts_dropped"]) == (3, 0)


def test_parts_fail_and_expire_as_windows_do() -> None:
    dispatcher = make("a", attempts=1)
    dispatcher.add(piece(0, 0), 0.0)
    dispatcher.on_worker_lost(b"a", 0.1)
    assert dispatcher.part_counts["parts_failed"] == 1
    dispatcher.add(piece(1, 0), 0.2)
    dispatcher.give_up("the run ended")
    assert dispatcher.part_counts["parts_expired"] == 1
    assert dispatcher.counts["failed"] == dispatcher.counts["expired"] == dispatcher.counts["sent"] == 0


@settings(max_examples=150, deadline=None)
@given(
    steps=st.lists(
        st.one_of(
            st.tuples(st.just("add"), st.integers(0, LAST)),
            st.tuples(st.sampled_from(["answer", "lose", "ready", "late"]), st.integers(0, 30)),
        ),
        max_size=60,
    ),
    queue=st.integers(1, 4),
    policy=st.sampled_from(["drop_oldest", "block"]),
)
def test_whatever_happens_both_sums_hold_and_no_window_is_dropped_while_a_part_waits(
    steps: list[tuple[str, int]], queue: int, policy: str
) -> None:
    dispatcher = make("a", queue=queue, policy=policy)
    held: list[Key] = []
    now = 0.0
    for sequence, (what, value) in enumerate(steps):
        now += 0.01
        waiting = [key for key in dispatcher._queue if key.part != LAST]
        if what == "add":
            actions = dispatcher.add(piece(sequence, value), now)
            full = [(part, reason) for _, part, reason in ends(actions) if "full" in reason]
            assert not (waiting and any(part == LAST for part, _ in full))
            assert not (value != LAST and any(part == LAST for part, _ in full))
        elif what == "answer" and held:
            key = held.pop(value % len(held))
            actions = dispatcher.on_result(b"a", answer(piece(key.sequence, key.part), "ours"), now)
        elif what == "lose":
            held.clear()
            actions = dispatcher.on_worker_lost(b"a", now)
        elif what == "ready":
            ready = Ready(worker="a", pid=1, encoder="ours", gallery="g", credit=2)
            actions = dispatcher.on_ready(b"a", ready, now)
        elif what == "late":
            now += 3.0
            actions = dispatcher.tick(now)
        else:
            continue
        held += sent(actions)
        delivered = {**dispatcher.counts, **dispatcher.part_counts, "in_flight": dispatcher.in_flight}
        signal = {"rejected": 0, "missed": 0, "pending": 0}
        counters = {**signal, "due": delivered["sent"], **delivered}
        parts = {f"parts_{name}": 0 for name in (*signal, "skipped")}
        assert fault({**counters, **parts, "parts_due": delivered["parts_sent"]}) == ""
        assert dispatcher.outstanding == dispatcher.in_flight + dispatcher.part_counts["parts_in_flight"]


CUT = Cut(
    {
        "due": 4,
        "accepted": 3,
        "rejected": 0,
        "missed": 1,
        "pending": 0,
        "parts_due": 8,
        "parts_accepted": 4,
        "parts_skipped": 1,
        "parts_rejected": 1,
        "parts_missed": 2,
        "parts_pending": 0,
    },
    paused=1,
    paused_parts=1,
)
DELIVERED = {"sent": 2, "answered": 2, "expired": 0, "dropped": 0, "failed": 0}
PARTS = {"sent": 3, "answered": 2, "expired": 0, "dropped": 1, "failed": 0, "in_flight": 0}


def told(**changes: int) -> dict[str, int]:
    return totals(CUT, DELIVERED, 0, {f"parts_{name}": count for name, count in {**PARTS, **changes}.items()})


def test_the_account_of_parts_closes_beside_that_of_windows() -> None:
    counters = told()
    assert fault(counters) == ""
    assert "parts_accepted" not in counters
    assert (counters["rejected"], counters["parts_rejected"]) == (1, 2)  # those while paused among them
    check_end(counters)
    # without parts there is no word of them
    plain = totals(Cut({"due": 0, "accepted": 0, "rejected": 0, "missed": 0, "pending": 0}), DELIVERED, 0, counters)
    assert not any(name.startswith("parts_") for name in plain)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sent": 4}, "parts_due 8 is not parts_sent 4"),
        ({"answered": 1}, "parts_sent 3 is not parts_answered 1"),
        ({"answered": 1, "in_flight": 1}, "parts in flight 1 at the end"),
    ],
)
def test_a_part_that_vanished_is_told(changes: dict[str, int], words: str) -> None:
    with pytest.raises(ProcessError, match=words):
        check_end(told(**changes))


def test_the_pipelines_account_of_parts_is_checked() -> None:
    account = PartAccount()
    assert account.counters() == {}
    account.admit(5)
    account.accept()
    account.skip()
    account.reject()
    account.miss(2)
    account.check(0)
    account.rejected += 1
    with pytest.raises(EegseekError, match="the sums of the parts do not hold"):
        account.check(0)
