"""The guided session as a machine: where it is, what happened, where it goes, and what is to be done. Pure.

::

    find ── contact ── blink ── eyes ── ready ── calibrating ── warming ── look ── showing ── report ── end
             (fit; a recording has none)              │   nothing decodable            │ again       ▲
                                                      └───────────────────────────────────────────┘

    a free search:  look ── showing ── gathering ── look …, round by round

Whatever happens, everything recorded is kept: every way out of a started run leads through ``report``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from eegseek.session.events import (
    Action,
    Answered,
    Checked,
    Decided,
    Event,
    Gathered,
    Heard,
    Looked,
    Phase,
    Place,
    Quit,
    Reported,
    RunEnded,
    Serving,
    Shown,
    Steadied,
    Turn,
    Way,
)

TRIES = 3
"""Unattended, a headset is looked for so often."""
_NOTHING = "So there is nothing to show; here is the report."
_NOTHING_SOUGHT = "So there is nothing to search by, and no search follows; here is the report."


def begin() -> Turn:
    """The first turn."""
    return Turn(Place(), ("look",))


def advance(place: Place, event: Event, way: Way) -> Turn:
    """One turn. An event that means nothing where the session is changes nothing."""
    if isinstance(event, Quit):
        return _quit(place)
    if isinstance(event, Heard):
        return _heard(place, event)
    if isinstance(event, RunEnded):
        return _run_ended(place, event, way)
    if isinstance(event, Answered) and event.choice == "quit":
        return _quit(place)
    return _TURNS[place.phase](place, event, way)


def _find(place: Place, event: Event, way: Way) -> Turn:
    if isinstance(event, Answered) and event.choice == "retry":
        return Turn(replace(place, trouble=""), ("look",))
    if not isinstance(event, Looked):
        return Turn(place)
    if event.trouble:
        return Turn(replace(place, tries=place.tries + 1, trouble=event.trouble))
    here = replace(place, trouble="", tries=0)
    if not way.fit:
        return _calibrate(here, way) if way.calibrate else Turn(_at(here, "warming", running=True), ("run", "serve"))
    return Turn(_at(here, "contact", running=True), ("run",))


def _contact(place: Place, event: Event, way: Way) -> Turn:
    good = isinstance(event, Steadied)
    if not good and event != Answered("go_on"):
        return Turn(place)
    said = "All channels have good contact." if good else "Going on with the contact as it is."
    if not (way.attended or way.checks):
        return _fitted(place, way, said, "The blink and alpha checks are left out: nobody was asked to blink.")
    return Turn(_at(place, "blink"), (), (said,))


def _blink(place: Place, event: Event, way: Way) -> Turn:
    if event == Answered("ready"):
        return Turn(_at(place, "blinking", trouble=""), ("blink",))
    if event == Answered("go_on"):
        skipped = () if place.trouble else ("The blink check was left out.",)
        return Turn(_at(place, "eyes", trouble=""), (), skipped)
    return Turn(place)


def _blinking(place: Place, event: Event, way: Way) -> Turn:
    if not isinstance(event, Checked):
        return Turn(place)
    if event.passed:
        return Turn(_at(place, "eyes"), (), (event.words,))
    return Turn(_at(place, "blink", trouble=event.words), (), (event.words,))


def _eyes(place: Place, event: Event, way: Way) -> Turn:
    if event == Answered("ready"):
        return Turn(_at(place, "closing", trouble=""), ("eyes",))
    if event == Answered("go_on"):
        return _fitted(place, way, *(() if place.trouble else ("The alpha check was left out.",)))
    return Turn(place)


def _closing(place: Place, event: Event, way: Way) -> Turn:
    if not isinstance(event, Checked):
        return Turn(place)
    if event.passed:
        return _fitted(place, way, event.words)
    return Turn(_at(place, "eyes", trouble=event.words), (), (event.words,))


def _fitted(place: Place, way: Way, *said: str) -> Turn:
    if way.calibrate:
        return Turn(_at(place, "ready", trouble=""), (), said)
    return Turn(_at(place, "warming", trouble=""), ("serve",), said)


def _ready(place: Place, event: Event, way: Way) -> Turn:
    return _calibrate(replace(place, trouble=""), way) if event == Answered("start") else Turn(place)


def _calibrate(place: Place, way: Way) -> Turn:
    show: tuple[Action, ...] = ("calibrate", "show") if way.shows else ("calibrate",)
    run: tuple[Action, ...] = ("run",) if way.files else ()
    return Turn(_at(place, "calibrating", running=True), (*show, *run))


def _calibrating(place: Place, event: Event, way: Way) -> Turn:
    if isinstance(event, Decided):
        return _decided(place, event, way)
    if isinstance(event, Shown) and event.failed:
        return _not_shown(place, event.failed, way, "ready")
    return Turn(place)


def _not_shown(place: Place, why: str, way: Way, again: Phase) -> Turn:
    """Somebody decides whether to try again; where nobody is there, what is recorded is reported."""
    if way.attended:
        return Turn(_at(place, again, trouble=why), (), (why,))
    return Turn(_at(place, "report", failed=why), ("stop",), (why,))


def _decided(place: Place, event: Decided, way: Way) -> Turn:
    hide: tuple[Action, ...] = ("hide",) if way.shows else ()
    said = (event.words,) if event.words else ()
    if event.failed:
        return Turn(_at(place, "report", failed=event.failed), (*hide, "stop"), said)
    if event.verdict != "decodable":
        return Turn(_at(place, "report"), (*hide, "stop"), (*said, _NOTHING_SOUGHT if way.rounds else _NOTHING))
    if way.files:
        # what is left of this recording is not answered: it helped to train
        if not way.answered:
            return Turn(_at(place, "report"), ("stop",), said)
        return Turn(_at(place, "warming", file=way.files), ("stop",), said)
    return Turn(_at(place, "warming"), (*hide, "serve"), said)


def _warming(place: Place, event: Event, way: Way) -> Turn:
    if not isinstance(event, Serving):
        return Turn(place)
    if event.failed:
        return Turn(_at(place, "report", failed=event.failed), ("stop",), (event.failed,))
    if way.shows:
        return Turn(_at(place, "look"), (), ("The decoder is ready.",))
    return Turn(_at(place, "showing"), (), ("The decoder is ready: answers appear as pictures are shown.",))


def _look(place: Place, event: Event, way: Way) -> Turn:
    if event == Answered("start"):
        return Turn(_at(place, "showing", trouble=""), ("show",))
    if event == Answered("finish"):
        return Turn(_at(place, "report", trouble=""), ("stop",))
    return Turn(place)


def _showing(place: Place, event: Event, way: Way) -> Turn:
    if way.rounds and isinstance(event, Shown) and (way.attended or not event.failed):
        return Turn(_at(place, "gathering", trouble=event.failed), (), (event.failed,) if event.failed else ())
    if isinstance(event, Shown):
        if event.failed:
            return _not_shown(place, event.failed, way, "look")
        if way.attended:
            return Turn(_at(place, "look"), (), ("That was all.",))
        return Turn(_at(place, "report"), ("stop",), ("That was all.",))
    if event == Answered("finish"):
        rank: tuple[Action, ...] = ("rank",) if way.rounds else ()
        return Turn(_at(place, "report"), ("hide", *rank, "stop") if way.shows else ("stop",))
    return Turn(place)


def _gathering(place: Place, event: Event, way: Way) -> Turn:
    """Unattended the next round follows by itself, and after the last one the report."""
    if not isinstance(event, Gathered):
        return Turn(place)
    after = replace(place, round=place.round + 1)
    if way.attended:
        said = ("All rounds were shown; one more can follow.",) if after.round >= way.rounds else ()
        return Turn(_at(after, "look"), ("rank",), said)
    if after.round < way.rounds:
        return Turn(_at(after, "showing"), ("rank", "show"))
    return Turn(_at(after, "report"), ("rank", "stop"), ("All rounds were shown.",))


def _report(place: Place, event: Event, way: Way) -> Turn:
    if isinstance(event, Reported):
        said = (event.failed,) if event.failed else ()
        return Turn(_at(place, "end", failed=place.failed or event.failed), (), said)
    return Turn(place)


def _end(place: Place, event: Event, way: Way) -> Turn:
    return Turn(place)


def _heard(place: Place, event: Heard) -> Turn:
    if event.lost == place.lost:
        return Turn(place)
    showing = place.phase in ("calibrating", "showing")
    if event.lost:
        said = f"The headset is silent ({event.words}): it is waited for, and nothing is lost. Check its battery."
        return Turn(replace(place, lost=True, trouble=said), ("hide",) if showing else (), (said,))
    return Turn(
        replace(place, lost=False, trouble=""), ("show",) if showing else (), ("The headset is back: we go on.",)
    )


def _run_ended(place: Place, event: RunEnded, way: Way) -> Turn:
    if place.phase == "report":
        return Turn(replace(place, failed=place.failed or event.failed), ("report",))
    if place.phase == "end":
        return Turn(place)
    if way.files and not event.failed:
        return _file_ended(place, way)
    why = event.failed or "the run ended"
    if place.phase in ("contact", "blink", "blinking", "eyes", "closing", "ready") and not way.files:
        return Turn(Place(tries=TRIES, running=True, trouble=why), (), (why,))
    hide: tuple[Action, ...] = ("hide",) if way.shows and place.phase in ("calibrating", "showing") else ()
    return Turn(_at(place, "report", failed=why), (*hide, "report"), (why,))


def _file_ended(place: Place, way: Way) -> Turn:
    if place.phase == "warming":
        return Turn(place, ("run", "serve"))
    if place.phase == "showing":
        return Turn(_at(place, "report"), ("report",), ("The recording has ended.",))
    if place.phase == "calibrating" and place.file + 1 < way.files:
        return Turn(replace(place, file=place.file + 1), ("run",))
    return Turn(place)  # the last one: the calibration says what it found


def _quit(place: Place) -> Turn:
    if place.phase in ("report", "end"):
        return Turn(replace(place, quitting=True))
    if not place.running:
        return Turn(replace(place, phase="end", quitting=True, failed=place.trouble), ())
    hide: tuple[Action, ...] = ("hide",) if place.phase in ("calibrating", "showing") else ()
    stopped = place.phase == "find"
    return Turn(
        _at(place, "report", quitting=True, trouble=""),
        (*hide, "report" if stopped else "stop"),
        ("Ending: everything recorded so far is kept.",),
    )


def _at(place: Place, phase: Phase, **more: object) -> Place:
    return replace(place, phase=phase, **more)  # type: ignore[arg-type]


_TURNS: dict[Phase, Callable[[Place, Event, Way], Turn]] = {
    "find": _find,
    "contact": _contact,
    "blink": _blink,
    "blinking": _blinking,
    "eyes": _eyes,
    "closing": _closing,
    "ready": _ready,
    "calibrating": _calibrating,
    "warming": _warming,
    "look": _look,
    "showing": _showing,
    "gathering": _gathering,
    "report": _report,
    "end": _end,
}
