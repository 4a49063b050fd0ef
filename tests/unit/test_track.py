"""What became of each step: done, ended early, left out; followed along the ways a session can go."""

from __future__ import annotations

from eegseek.session.events import (
    Answered,
    Decided,
    Event,
    Looked,
    Place,
    Quit,
    Reported,
    RunEnded,
    Serving,
    Shown,
    Way,
)
from eegseek.session.steps import advance, begin
from eegseek.session.track import Track

HERE, GO, START = Looked(), Answered("go_on"), Answered("start")


def way(**changed: bool) -> Way:
    """With a person, a headset, and no decoder yet."""
    given = {"attended": True, "fit": True, "checks": False, "calibrate": True, "shows": True, **changed}
    return Way(**given, files=0, answered=False)


def outcomes(how: Way, *events: Event, reported: bool = True) -> dict[str, str]:
    place: Place = begin().place
    track = Track().seen(None, place)
    for event in events:
        before, place = place, advance(place, event, how).place
        track = track.seen(before, place, reported=reported)
    return dict(track.outcomes)


def test_a_session_to_its_end_has_done_every_step() -> None:
    decided = Decided("decodable", "yes")
    events = (HERE, GO, GO, GO, START, decided, Serving(), START, Answered("finish"), RunEnded(), Reported())
    assert outcomes(way(), *events[:-4]) == {"find": "done", "fit": "done", "calibrate": "done"}
    assert outcomes(way(), *events) == dict.fromkeys(("find", "fit", "calibrate", "use", "report"), "done")


def test_what_was_begun_and_ended_is_not_done() -> None:
    told = outcomes(way(), HERE, GO, GO, GO, START, Quit(), RunEnded(), Reported())
    assert told == {"find": "done", "fit": "done", "calibrate": "aborted", "use": "skipped", "report": "done"}
    told = outcomes(way(), HERE, Quit(), RunEnded(), Reported("no"), reported=False)
    assert told == {"find": "done", "fit": "aborted", "calibrate": "skipped", "use": "skipped", "report": "aborted"}


def test_a_calibration_that_finds_nothing_is_done_and_one_that_fails_is_not() -> None:
    to = (HERE, GO, GO, GO, START)
    assert outcomes(way(), *to, Decided("nothing_decodable", "no"))["calibrate"] == "done"
    assert outcomes(way(), *to, Decided("nothing_decodable", "no"))["use"] == "skipped"
    assert outcomes(way(), *to, Decided("out_of_trials", "x", failed="x"))["calibrate"] == "aborted"
    unattended = way(attended=False)
    assert outcomes(unattended, HERE, GO, START, Shown("no screen"))["calibrate"] == "aborted"


def test_without_a_run_nothing_else_was_there_to_do() -> None:
    told = outcomes(way(), Looked("nothing there"), Quit(), reported=True)
    assert told == {"find": "aborted", **dict.fromkeys(("fit", "calibrate", "use", "report"), "skipped")}


def test_a_decoder_that_is_there_leaves_the_calibration_out() -> None:
    told = outcomes(way(calibrate=False), HERE, GO, GO, GO, Serving())
    assert told == {"find": "done", "fit": "done", "calibrate": "skipped"}


def test_a_step_that_is_gone_back_to_is_open_again() -> None:
    broken = (HERE, RunEnded("the stream is gone"))
    assert outcomes(way(), *broken) == {"fit": "aborted"}
    assert outcomes(way(), *broken, Answered("retry"), HERE) == {"find": "done"}
