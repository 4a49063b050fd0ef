"""The guided session's machine: every step, what goes wrong, and that every way out keeps what was recorded."""

from __future__ import annotations

import itertools

import pytest

from eegseek.session.events import (
    STEP_OF,
    Answered,
    Checked,
    Decided,
    Event,
    Gathered,
    Heard,
    Looked,
    Place,
    Quit,
    Reported,
    RunEnded,
    Serving,
    Shown,
    Steadied,
    Way,
)
from eegseek.session.steps import TRIES, advance, begin
from eegseek.session.words import TITLES, asked

ALL: tuple[Event, ...] = (
    Looked(), Looked("no stream"), Heard(True, "silent"), Heard(False), RunEnded(), RunEnded("it broke"), Steadied(),
    Answered("go_on"), Answered("ready"), Answered("start"), Answered("finish"), Answered("retry"), Answered("quit"),
    Checked(True, "seen"), Checked(False, "not seen"), Decided("decodable", "yes"), Decided("nothing_decodable", "no"),
    Decided("out_of_trials", "open"), Serving(), Serving("no bundle"), Shown(), Shown("no display"), Gathered(),
    Reported(), Reported("no report"), Quit(),
)  # fmt: skip


def follow(way: Way, *events: Event) -> tuple[Place, list[str], list[str]]:
    """Place, actions and words after some events."""
    turn = begin()
    done, said = list(turn.do), list(turn.say)
    place = turn.place
    for event in events:
        turn = advance(place, event, way)
        place = turn.place
        done += turn.do
        said += turn.say
    return place, done, said


def test_attended_session_from_box_to_report() -> None:
    place, done, said = follow(
        Way(), Looked(), Steadied(), Answered("ready"), Checked(True, "the electrodes work"), Answered("ready"),
        Checked(True, "it is brain"), Answered("start"), Decided("decodable", "told apart"), Serving(),
        Answered("start"), Shown(), Answered("finish"), RunEnded(), Reported(),
    )  # fmt: skip
    assert done == [
        "look", "run", "blink", "eyes", "calibrate", "show", "hide", "serve", "show", "stop", "report"
    ]  # fmt: skip
    assert (place.phase, place.failed) == ("end", "")
    assert "the electrodes work" in said and "it is brain" in said


def test_unattended_leaves_the_checks_out_unless_asked_and_says_so() -> None:
    place, _, said = follow(Way(attended=False), Looked(), Steadied())
    assert place.phase == "ready" and any("left out" in line for line in said)
    place, _, _ = follow(Way(attended=False, checks=True), Looked(), Answered("go_on"))
    assert place.phase == "blink"


def test_nothing_decodable_goes_to_the_report_and_says_so_plainly() -> None:
    place, done, said = follow(
        Way(attended=False), Looked(), Steadied(), Answered("start"), Decided("nothing_decodable", "Nothing decodable.")
    )
    assert place.phase == "report" and done[-2:] == ["hide", "stop"] and "Nothing decodable." in said
    assert "serve" not in done


def test_a_headset_not_found_is_looked_for_again_and_unattended_not_for_ever() -> None:
    place, done, _ = follow(Way(), Looked("no stream"), Answered("retry"))
    assert done == ["look", "look"] and not place.trouble
    place = Place()
    for _ in range(TRIES):
        place = advance(place, Looked("no stream"), Way(attended=False)).place
        default = asked(place, Way(attended=False)).default
        place = advance(place, Answered(default), Way(attended=False)).place
    assert place.phase == "end" and place.failed == "no stream"


def test_a_headset_that_drops_out_is_said_and_waited_for_and_the_presentation_goes_on() -> None:
    way = Way()
    calibrating, _, _ = follow(way, Looked(), Steadied(), Answered("go_on"), Answered("go_on"), Answered("start"))
    lost = advance(calibrating, Heard(True, "no sample for 1 s"), way)
    assert lost.do == ("hide",) and "waited for" in lost.say[0] and lost.place.phase == "calibrating"
    assert advance(lost.place, Heard(True, "again"), way).do == ()
    back = advance(lost.place, Heard(False), way)
    assert back.do == ("show",) and not back.place.trouble


def test_an_aborted_presentation_goes_on_where_it_was_or_is_reported_where_nobody_is_there() -> None:
    way = Way()
    calibrating, _, _ = follow(way, Looked(), Steadied(), Answered("go_on"), Answered("go_on"), Answered("start"))
    turn = advance(calibrating, Shown("ended with Esc"), way)
    assert turn.place.phase == "ready" and turn.place.trouble == "ended with Esc"
    assert advance(turn.place, Answered("start"), way).do == ("calibrate", "show")
    alone = advance(calibrating, Shown("there is no display"), Way(attended=False))
    assert alone.do == ("stop",) and alone.place.failed == "there is no display"


def test_recordings_are_played_one_after_the_other_and_the_last_one_is_answered() -> None:
    way = Way(attended=False, fit=False, shows=False, files=2, answered=True)
    place, done, _ = follow(
        way, Looked(), RunEnded(), RunEnded(), Decided("decodable"), RunEnded(), Serving(), RunEnded(), Reported()
    )
    assert done == ["look", "calibrate", "run", "run", "stop", "run", "serve", "report"]
    assert (place.phase, place.file) == ("end", 2)


def test_one_recording_is_calibrated_with_and_reported() -> None:
    place, done, _ = follow(Way(fit=False, shows=False, files=1), Looked(), RunEnded(), Decided("decodable"))
    assert done == ["look", "calibrate", "run", "stop"] and place.phase == "report"


def test_a_bundle_of_before_needs_no_calibration() -> None:
    _, done, _ = follow(Way(attended=False, calibrate=False), Looked(), Steadied())
    assert done == ["look", "run", "serve"]


@pytest.mark.parametrize("phase", [phase for phase in STEP_OF if phase not in ("find", "report", "end")])
def test_quitting_at_any_step_of_a_run_keeps_it_and_makes_the_report(phase: str) -> None:
    turn = advance(Place(phase=phase, running=True), Quit(), Way())  # type: ignore[arg-type]
    assert turn.place.phase == "report" and turn.do[-1] == "stop" and turn.place.quitting
    ended = advance(turn.place, RunEnded(), Way())
    assert ended.do == ("report",) and advance(ended.place, Reported(), Way()).place.phase == "end"


def test_quitting_before_anything_ran_ends_at_once() -> None:
    assert advance(Place(), Quit(), Way()).place.phase == "end"


def test_a_run_that_breaks_off_is_reported_with_its_reason() -> None:
    way = Way()
    place, _, _ = follow(way, Looked(), Steadied(), Answered("go_on"), Answered("go_on"), Answered("start"))
    turn = advance(place, RunEnded("the board was lost"), way)
    assert turn.do == ("hide", "report") and turn.place.failed == "the board was lost"


def test_a_run_that_breaks_off_while_it_is_fitted_is_tried_again() -> None:
    place, _, _ = follow(Way(), Looked())
    turn = advance(place, RunEnded("no sample"), Way())
    assert turn.place.phase == "find" and turn.place.trouble == "no sample"
    assert advance(turn.place, Answered("retry"), Way()).do == ("look",)


SEARCHING = Way(attended=False, rounds=2)
LOOKING = (Looked(), Steadied(), Answered("start"), Decided("decodable", "told apart"), Serving(), Answered("start"))


def test_a_search_goes_round_by_round_and_unattended_ends_by_itself() -> None:
    place, done, said = follow(SEARCHING, *LOOKING, Shown(), Gathered(), Shown(), Gathered(), RunEnded(), Reported())
    assert done == [
        "look",
        "run",
        "calibrate",
        "show",
        "hide",
        "serve",
        "show",
        "rank",
        "show",
        "rank",
        "stop",
        "report",
    ]
    assert (place.phase, place.round, place.failed) == ("end", 2, "") and "All rounds were shown." in said


def test_attended_every_round_is_asked_for_and_more_can_be_shown() -> None:
    way = Way(rounds=1)
    place, _, _ = follow(way, *LOOKING[:1], Steadied(), Answered("go_on"), Answered("go_on"), *LOOKING[2:])
    assert place.phase == "showing"
    turn = advance(advance(place, Shown(), way).place, Gathered(), way)
    assert turn.place.phase == "look" and turn.do == ("rank",) and asked(turn.place, way).default == "finish"
    assert advance(turn.place, Answered("start"), way).do == ("show",)
    assert asked(Place(phase="look"), way).default == "start"


def test_a_round_that_was_ended_early_counts_what_was_answered() -> None:
    place, _, _ = follow(SEARCHING, *LOOKING)
    assert advance(place, Answered("finish"), SEARCHING).do == ("hide", "rank", "stop")
    left = advance(place, Shown("ended with Esc"), Way(rounds=2))
    assert left.place.phase == "gathering" and left.place.trouble == "ended with Esc"
    assert advance(place, Shown("no display"), SEARCHING).place.failed == "no display"


def test_no_search_follows_where_nothing_can_be_told() -> None:
    place, done, said = follow(SEARCHING, *LOOKING[:3], Decided("nothing_decodable", "Nothing decodable."))
    assert place.phase == "report" and "serve" not in done and any("no search follows" in line for line in said)


@pytest.mark.parametrize(
    "way", [Way(), Way(attended=False), Way(fit=False, shows=False, files=2, answered=True), Way(rounds=2), SEARCHING]
)
def test_no_event_leads_out_of_the_machine(way: Way) -> None:
    """From every place that three events reach, every event leads to a place with title and question."""
    reached = {Place()}
    for _ in range(5):
        reached |= {advance(place, event, way).place for place, event in itertools.product(reached, ALL)}
    for place in reached:
        assert TITLES[place.phase] and asked(place, way) is not None
        names = [choice.key for choice in asked(place, way).choices]
        assert len(set(names)) == len(names)
        assert sum(choice.default for choice in asked(place, way).choices) <= 1
