"""Folding packets: once each, misses seen, sums kept."""

from __future__ import annotations

from display_fakes import TRUTH, answer, quality, result, status

from display.commits import Commits
from display.state import State
from display.truth import Truth


def test_a_result_is_shown_once_and_stamped() -> None:
    state = State(TRUTH)
    shown = state.fold(result(0), 100.5)
    assert shown is not None
    assert shown.stamps.shown == 100.5
    assert shown.stamps.sample_due == 100.0
    assert state.fold(result(0), 100.6, fetched=True) is None
    assert (state.results, state.repeated, state.doubled) == (1, 1, 0)


def test_published_first_or_fetched_first_makes_no_difference() -> None:
    for order in ((False, True), (True, False)):
        state = State(TRUTH)
        for fetched in order:
            state.fold(result(0), 101.0, fetched=fetched)
        assert (state.results, state.repeated, state.doubled) == (1, 1, 0)


def test_published_twice_or_committed_twice_is_doubled() -> None:
    state = State(TRUTH)
    state.fold(result(0), 101.0)
    assert state.fold(result(0), 101.0) is None
    assert state.doubled == 1
    assert state.fold(result(0, commit=7), 101.0, fetched=True) is None
    assert state.doubled == 2
    assert state.counters["doubled"] == 2
    assert state.results == 1


def test_keys_of_another_segment_or_part_are_others() -> None:
    state = State(TRUTH)
    for more in ({"segment": 1}, {"segment": 2}, {"segment": 2, "part": 1, "commit": 2}):
        assert state.fold(result(0, **more), 101.0) is not None
    assert state.results == 3


def test_a_result_that_nobody_committed_is_malformed() -> None:
    state = State(TRUTH)
    assert state.fold(result(0, commit=0), 101.0) is None
    assert (state.results, state.malformed) == (0, 1)


def test_a_hole_in_the_commits_is_a_miss_until_it_is_filled_or_given_up() -> None:
    commits = Commits()
    for number in (1, 2, 5, 4):
        commits.add(number)
    assert commits.hole
    assert commits.next == 3
    commits.add(3)
    assert not commits.hole
    assert (commits.next, commits.given_up) == (6, 0)
    commits.add(9)
    commits.served(8)
    assert (commits.next, commits.given_up, commits.hole) == (8, 2, True)
    commits.add(8)
    assert (commits.next, commits.hole) == (10, False)
    commits.add(6)  # it came after all
    assert commits.given_up == 1
    commits.served(10**15)  # a reply cannot make this slow or large
    assert commits.next == 10**15


def test_incomplete_until_joined_then_on_holes_and_on_unseen_answers() -> None:
    state = State(TRUTH)
    state.fold(status(answered=0), 100.0)
    segment = state.segment(("test", 1))
    assert segment.incomplete  # history has not been asked for
    state.served(("test", 1), 0, 1)
    assert not segment.incomplete
    state.fold(result(1), 100.1)
    assert segment.incomplete
    state.fold(result(0), 100.1, fetched=True)
    assert not segment.incomplete
    state.fold(status(answered=3), 100.2)  # the last result was missed: no hole shows it
    assert segment.incomplete
    state.served(("test", 1), 3, 4)
    assert not segment.incomplete  # it is not to be had: asking again would not help
    assert segment.commits.given_up == 1


def test_lost_is_sent_less_every_end() -> None:
    state = State(TRUTH)
    for k in range(5):
        state.fold(result(k), 100.0 + k)
    counters = {"due": 12, "sent": 10, "rejected": 2, "answered": 6, "expired": 1, "dropped": 1, "failed": 1}
    state.fold(status(in_flight=1, **counters), 110.0)
    assert state.lost == 1  # running: answered, and not here
    assert not state.ended
    state.fold(status(last=True, **{**counters, "in_flight": 0, "answered": 7}), 111.0)
    assert state.ended
    assert state.lost == 2
    assert state.counters["lost"] == 2
    assert state.rejected_by == {"peak_to_peak": 2}


def test_counters_and_losses_of_segments_add_up() -> None:
    state = State(TRUTH)
    state.fold(result(0), 100.0)
    state.fold(status(1, due=3, sent=3, answered=1, in_flight=2), 101.0)
    state.fold(status(2, due=1, sent=1, answered=1), 102.0)
    state.fold(result(0, segment=2), 102.0)
    assert state.current == ("test", 2)
    assert state.counters["due"] == 4
    assert state.lost == 2  # what the first one had out when it ended


def test_history_from_before_joining_is_in_no_latency() -> None:
    state = State(TRUTH, joined_s=100.5)
    state.fold(result(0, due_s=100.0), 101.0)
    state.fold(result(1, due_s=100.6), 100.7)
    assert state.results == 2
    assert state.history == 1
    assert state.latencies.total().n == 1


def test_truth_decides_what_counts() -> None:
    state = State(TRUTH)
    state.fold(result(0), 100.0)
    state.fold(result(1, stimulus="unmapped"), 100.0)
    state.fold(result(2, gallery="another"), 100.0)
    state.fold(result(3, final=False), 100.0)
    assert (state.accuracy.n, state.unmapped, state.foreign) == (2, 1, 1)
    assert state.true_label("s3") == "item 3"
    assert state.true_label("unmapped") is None


def test_without_truth_nothing_is_judged() -> None:
    state = State(Truth())
    state.fold(result(0), 100.0)
    assert state.accuracy.n == 0
    assert state.accuracy.latest() is None


def test_simulated_stays_said() -> None:
    state = State(TRUTH)
    assert not state.simulated
    state.fold(status(simulated=True), 100.0)
    state.fold(status(), 101.0)
    assert state.simulated
    other = State(TRUTH)
    other.fold(result(0, simulated=True), 100.0)
    assert other.simulated


def test_the_latest_answer_is_that_of_the_latest_stimulus() -> None:
    state = State(TRUTH)
    state.fold(result(1, stimulus="s1", due_s=105.0), 106.0)
    state.fold(result(0, due_s=100.0), 107.0, fetched=True)
    assert state.latest is not None
    assert state.latest.stimulus == "s1"


def test_processes_in_words() -> None:
    state = State(TRUTH)
    assert state.processes(0.0) == [("acquisition", "waiting: not heard yet")]
    state.fold(status(), 100.0)
    assert state.processes(100.1) == [("acquisition", "connected: streams found"), ("worker-1", "connected")]
    assert state.processes(105.0)[0] == ("acquisition", "lost: not heard for 5.0 s")


def test_quality_is_kept_and_answers_without_averages_fold() -> None:
    state = State(TRUTH)
    state.fold(quality(), 100.0)
    assert state.quality == quality()
    state.fold(result(0, answers=(answer(0),)), 100.0)
    assert state.accuracy.latest() is not None
