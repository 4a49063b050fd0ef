"""Early answers at the display: provisional, ordered by part, counted once, and never silently replaced."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace as replace_all
from random import Random

import pytest
from display_fakes import TRUTH, answer, result, status
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from display import anytime as anytime_module
from display import panels
from display.anytime import Anytime
from display.dashboard.scoring import hold, scores
from display.lsl import message
from display.plain import result_line, summary
from display.report import report
from display.state import State
from display.trace import row
from display.truth import Truth
from display.tui.live import live
from wire.packets import Answer, Result, Stamps

LAST = 3
ENDS_S = (0.1, 0.2, 0.3, 0.5)


def said(item: int, decided: bool = False, repeats: int = 1, withheld: bool = False) -> Answer:
    return replace(answer(item, repeats=repeats, withheld=withheld), decided=decided)


def piece(
    part: int, single: Answer, average: Answer | None = None, *, sequence: int = 0, stimulus: str = "s0"
) -> Result:
    """Complete at its end, committed 10 ms later; the onset is at 100 s and a second for each sequence."""
    onset_s = 100.0 + sequence
    end_s = onset_s + ENDS_S[part]
    return result(
        sequence,
        stimulus=stimulus,
        answers=(single, average or replace(single, repeats=2)),
        part=part,
        final=part == LAST,
        end_s=ENDS_S[part],
        onset_s=onset_s,
        commit=1 + sequence * 4 + part,
        stamps=Stamps(sample_due=end_s, sample_in=end_s + 0.001, committed=end_s + 0.01),
    )


def shown(state: State, *packets: Result) -> list[str]:
    lines = []
    for packet in packets:
        folded = state.fold(packet, 200.0)
        assert folded is not None
        lines.append(result_line(state, folded))
    return lines


def test_a_committed_answer_stays_whatever_follows() -> None:
    state = State(TRUTH)
    lines = shown(
        state, piece(0, said(3)), piece(1, said(0, decided=True)), piece(2, said(5, decided=True)), piece(3, said(7))
    )
    assert "PROVISIONAL after 0.1 s" in lines[0] and "committed" not in lines[0]
    assert "PROVISIONAL after 0.2 s" in lines[1] and "'item 0' 40.0% (committed)" in lines[1]
    assert "this part says otherwise; committed after 0.2 s: 'item 0'" in lines[2]
    assert "PROVISIONAL" not in lines[3]
    assert "'item 7' 40.0% (the full window says otherwise; committed after 0.2 s: 'item 0')" in lines[3]
    told = report(state, 200.0)["anytime"]["single"]
    assert (told["stimuli"], told["early"], told["coverage"], told["compared"], told["disagreed"]) == (1, 1, 1.0, 1, 1)
    assert (told["committed"]["top1"], told["whole"]["top1"]) == (1.0, 0.0)
    assert told["mean_s"] == pytest.approx(0.21)
    assert told["whole_mean_s"] == pytest.approx(0.51)


def test_what_agrees_is_said_to_agree_and_what_never_commits_counts_at_the_whole_window() -> None:
    state = State(TRUTH)
    lines = shown(state, piece(1, said(0, decided=True)), piece(3, said(0)))
    assert lines[1].count("as committed after 0.2 s") == 2
    for sequence in (1, 2):
        lines = shown(state, piece(1, said(0), sequence=sequence), piece(3, said(9), sequence=sequence))
        assert not any("committed" in line for line in lines)
    single = state.anytime.summary(0, 0)
    assert single is not None
    assert (single.stimuli, single.early, single.compared, single.disagreed) == (3, 1, 1, 0)
    assert single.coverage == pytest.approx(1 / 3)
    assert (single.committed.top1, single.whole.top1) == (pytest.approx(1 / 3),) * 2
    assert single.mean_s == pytest.approx((0.21 + 0.51 + 0.51) / 3)
    assert state.accuracy.single(0).n == 3  # once a stimulus, parts or not


def test_versions_commit_each_by_itself() -> None:
    state = State(TRUTH)
    (early, whole) = shown(state, piece(0, said(1), said(0, decided=True, repeats=3)), piece(3, said(2), said(2)))
    assert "single trial: 'item 1' 40.0% |" in early and "average of 3: 'item 0' 40.0% (committed)" in early
    assert "single trial: 'item 2' 40.0% |" in whole and "committed after 0.1 s: 'item 0'" in whole
    assert (state.anytime.summary(0).early, state.anytime.summary(1).early) == (0, 1)


def test_a_late_earlier_part_goes_before_and_says_so() -> None:
    state = State(TRUTH)
    shown(state, piece(3, said(7)))
    (line,) = shown(state, piece(2, said(5, decided=True)))
    assert "(committed, in place of the later 'item 7')" in line
    (line,) = shown(state, piece(0, said(5)))  # late and not decided: it changes nothing
    assert "committed" not in line
    (line,) = shown(state, piece(1, said(4, decided=True)))
    assert "(committed, in place of the later 'item 5')" in line


PIECE = st.tuples(st.integers(0, 3), st.booleans(), st.booleans())
"""Item, decided, withheld."""


@settings(max_examples=80, deadline=None)
@given(
    stimuli=st.lists(st.dictionaries(st.integers(0, LAST), PIECE, min_size=1), min_size=1, max_size=6),
    order=st.randoms(use_true_random=False),
)
def test_order_of_arrival_changes_nothing(stimuli: list[dict[int, tuple[int, bool, bool]]], order: Random) -> None:
    packets = []
    expected = {}
    for sequence, parts in enumerate(stimuli):
        for part, (item, decided, withheld) in parts.items():
            decided = decided and part != LAST and not withheld
            packets.append(piece(part, said(item, decided, withheld=withheld), sequence=sequence))
            stands = decided or part == LAST
            if stands and part < expected.get(sequence, (LAST + 1,))[0]:
                expected[sequence] = (part, "" if withheld else str(item))
    ordered = Anytime()
    for packet in packets:
        ordered.add(packet, "0")
    order.shuffle(packets)
    state, anytime = State(TRUTH), Anytime()
    for packet in packets:
        anytime.add(packet, "0")
        state.fold(packet, 200.0)
    for version in (0, 1):
        assert anytime.summary(version, 0) == ordered.summary(version, 0)
        for packet in packets:
            one = anytime.of(packet, version)
            assert (None if one is None else (one.part, one.id)) == expected.get(packet.sequence)
    found = anytime.summary(0, 0)
    whole = sum(LAST in parts for parts in stimuli)
    answered = sum(LAST in parts and not parts[LAST][2] for parts in stimuli)
    assert (found.stimuli if found else 0) == len(expected)
    assert len(state.accuracy.counts.get(0, ())) == answered == (found.whole.n if found and found.whole else 0)
    assert state.latencies.total().n == whole
    assert state.part_latencies.total().n == len(packets) - whole


def test_of_older_stimuli_only_sums_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which say the same; what comes later still for one of them changes nothing."""
    random = Random(3)
    packets = [
        piece(part, said(random.randrange(3), part != LAST and random.random() < 0.5), sequence=k, stimulus=f"s{k % 5}")
        for k in range(60)
        for part in sorted(random.sample(range(LAST + 1), 3))
    ]
    everything = Anytime()
    for packet in packets:
        everything.add(packet, "0")
    monkeypatch.setattr(anytime_module, "OPEN", 8)
    held = Anytime()
    for packet in packets:
        held.add(packet, "0")
    assert len(held._open) == 8
    for version in (0, 1):
        found, wanted = held.summary(version, 50), everything.summary(version, 50)
        assert found is not None and wanted is not None
        assert (found.mean_s, found.whole_mean_s) == pytest.approx((wanted.mean_s, wanted.whole_mean_s))
        assert replace_all(found, mean_s=0.0, whole_mean_s=0.0) == replace_all(wanted, mean_s=0.0, whole_mean_s=0.0)
    before = held.summary(0, 0)
    late = piece(0, said(1, decided=True), sequence=2)
    held.add(late, "0")
    assert held.summary(0, 0) == before and held.of(late, 0) is None
    copy = held.copy()
    held.add(piece(LAST, said(0), sequence=60), "0")
    assert copy.summary(0, 0) == before != held.summary(0, 0)


def test_a_display_that_joins_late_hears_the_newest_first() -> None:
    """And of stimuli that were answered before: they count as they come."""
    state, order = State(TRUTH), [*range(3000, 3010), *range(2990), *range(2990, 3000)]
    for sequence in order:
        state.fold(piece(LAST, said(0), sequence=sequence), 200.0)
    found = state.anytime.summary(0, 0)
    assert found is not None and (found.stimuli, found.whole.n) == (3010, 3010)


def test_windows_without_parts_know_nothing_of_it() -> None:
    state = State(TRUTH)
    (line,) = shown(state, result(0))
    assert "committed" not in line and "PROVISIONAL" not in line
    numbers = report(state, 200.0)
    assert numbers["anytime"] is None
    assert state.anytime.summary(0) is None
    assert not any("early" in one for one in summary(state, numbers))
    assert "committed" not in row(state, result(0))
    told = json.loads(message(state, result(0)))
    assert (told["provisional"], told["answers"][0]["committed"]["id"]) == (False, "0")


def test_machines_are_told_what_stands() -> None:
    state = State(TRUTH)
    first, second, whole = piece(0, said(1)), piece(1, said(0, decided=True)), piece(3, said(2))
    state.fold(first, 200.0)
    told = json.loads(message(state, first))
    assert (told["provisional"], told["end_s"], told["answers"][0]["committed"]) == (True, 0.1, None)
    assert row(state, first)["committed"] == [None, None]
    state.fold(second, 200.0)
    state.fold(whole, 200.0)
    stands = {"part": 1, "final": False, "end_s": 0.2, "id": "0", "label": "item 0"}
    told = json.loads(message(state, whole))
    assert [one["committed"] for one in told["answers"]] == [stands, stands]
    assert row(state, whole)["committed"] == [stands, stands]
    told = json.loads(message(state, second))
    assert [one["decided"] for one in told["answers"]] == [True, True]


def test_the_truth_may_be_unknown_and_the_clock_may_say_nothing() -> None:
    state = State(Truth())
    packet = piece(1, said(0, decided=True))
    shown(state, replace(packet, stamps=Stamps(committed=1.0)))
    single = state.anytime.summary(0)
    assert (single.early, single.mean_s, single.committed) == (1, None, None)
    state.fold(status(parts_due=4, parts_sent=1, parts_answered=1), 201.0)
    assert any("1 of 1 committed early (100.0%)" in line for line in summary(state, report(state, 201.0)))


COUNTED = {"due": 2, "sent": 2, "answered": 2, "parts_due": 6, "parts_sent": 5, "parts_answered": 4}


def test_parts_and_windows_that_are_missing_are_told_apart() -> None:
    state = State(TRUTH)
    shown(state, *(piece(part, said(0)) for part in range(4)))
    state.fold(status(**COUNTED, parts_in_flight=1), 201.0)
    segment = state.segment(("test", 1))
    assert (segment.answered, segment.shown, segment.shown_parts) == (6, 4, 3)
    assert (state.lost, state.counters["parts_lost"]) == (1, 1)
    assert segment.incomplete
    state.fold(status(last=True, **{**COUNTED, "parts_answered": 3, "parts_dropped": 2}), 202.0)
    assert (state.lost, state.counters["parts_lost"]) == (1, 0)
    assert report(state, 202.0)["anytime"]["parts"] == {
        "due": 6,
        "sent": 5,
        "skipped": 0,
        "rejected": 0,
        "missed": 0,
        "pending": 0,
        "answered": 3,
        "expired": 0,
        "dropped": 2,
        "failed": 0,
        "in_flight": 0,
        "lost": 0,
    }


def text(state: State, width: int = 120, height: int = 45) -> list[str]:
    lines = live(state, scores(hold(state)), 200.0, width, height, 5)
    assert len(lines) == height
    assert all(line.cell_len == width for line in lines)
    return [line.plain for line in lines]


def test_the_screen_says_provisional_and_keeps_the_whole_window() -> None:
    state = State(TRUTH)
    state.fold(status(**COUNTED), 199.9)
    shown(state, piece(0, said(1)))
    assert any("provisional after 0.1 s, 's0': single trial: 'item 1'" in line for line in text(state))
    assert any("no answer yet" in line for line in text(state))
    shown(state, piece(1, said(0, decided=True)), piece(3, said(7)), piece(0, said(2), sequence=1, stimulus="s1"))
    drawn = "\n".join(text(state, 200))
    assert "provisional after 0.1 s, 's1'" in drawn  # the newest stimulus
    assert "stimulus 's0'" in drawn  # the latest whole window
    assert "the full window says otherwise; committed after 0.2 s: 'item 0'" in drawn
    assert "single trials committed, 100% early, at 0.210 s" in drawn
    assert "total of parts" in drawn
    assert "parts: due 6 = sent 5" in drawn
    for width, height in itertools.product((40, 80), (12, 24)):
        text(state, width, height)


def test_of_the_newest_stimulus_the_part_that_ends_last_is_drawn() -> None:
    state = State(TRUTH)
    shown(state, piece(1, said(1), sequence=1), piece(0, said(2), sequence=1), piece(2, said(3)))
    assert state.early is not None
    assert (state.early.sequence, state.early.part) == (1, 1)
    assert panels.answers(state, 3, 80)[0].plain.startswith("provisional after 0.2 s")
    numbers = report(state, 200.0)
    assert (numbers["encoder"], numbers["gallery"]) == ("enc", "gal")  # no whole window yet
