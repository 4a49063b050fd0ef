"""What the guided session tells, for whoever shows it: the terminal, the dashboard. And the answers that come back.

One writer: the guided session writes ``guide.json`` into the session's folder, whole or not at all, at each change.
One reader: it takes ``guide-answer.json``, which anybody who shows the guide may write. A question has a number, so
that an answer that comes late is not taken for one to the next question.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, NonNegativeInt

from config.chain import Frozen
from config.whole import read_whole, write_whole

GUIDE_JSON, ANSWER_JSON, CHECKS_JSON = "guide.json", "guide-answer.json", "checks.json"
MAX_BYTES = 1 << 20
STEPS = ("find", "fit", "calibrate", "use", "report")
Step = Literal["find", "fit", "calibrate", "use", "report"]
Outcome = Literal["done", "aborted", "skipped"]
"""Of a step: to its end, ended early, or left out."""


class Light(Frozen):
    """Contact of one channel as a traffic light; the letter says it without the colour."""

    channel: str
    letter: Literal["G", "Y", "R", "?"]
    """Good, in between, bad, not known yet."""
    words: str
    """What is wrong and how to mend it; for a good one: good."""


class Choice(Frozen):
    """One answer that may be given."""

    name: str
    key: Annotated[str, Field(min_length=1, max_length=1)]
    """On the keyboard."""
    words: str
    default: bool = False
    """Taken by return, and by ``--unattended``."""


class Guide(Frozen):
    """Everything that is shown of the guided session at one moment."""

    format: Literal["eegseek-guide"] = "eegseek-guide"
    version: Literal[1] = 1
    session: str
    step: Step
    title: str
    words: tuple[str, ...] = ()
    """What is to be done now, a sentence each."""
    said: tuple[str, ...] = ()
    """What was said so far, the last lines of it."""
    lights: tuple[Light, ...] = ()
    question: NonNegativeInt = 0
    """Running number of the question; 0: none is asked."""
    choices: tuple[Choice, ...] = ()
    progress: str = ""
    """Of the calibration, in one line."""
    headset: str = ""
    can_do: str = ""
    """What this headset can do and what it cannot."""
    simulated: bool = False
    reached: tuple[Step, ...] = ()
    """Steps that were begun so far."""
    outcomes: dict[Step, Outcome] = {}
    """Of steps that are over, or were passed over."""
    ended: bool = False


class Check(Frozen):
    """What the blink or the alpha check found."""

    name: str
    passed: bool
    value: float
    """Measured: µV for blinks, a ratio for alpha."""
    wanted: float
    """The least that counts."""
    words: str


class Checks(Frozen):
    """``checks.json``: the last finding of each check."""

    format: Literal["eegseek-checks"] = "eegseek-checks"
    version: Literal[1] = 1
    checks: tuple[Check, ...] = ()


class GuideAnswer(Frozen):
    """An answer given elsewhere than in the terminal."""

    question: NonNegativeInt
    choice: Annotated[str, Field(max_length=40)]


def write_guide(folder: Path, guide: Guide) -> None:
    """Write ``guide.json``, whole or not at all.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    write_whole(folder / GUIDE_JSON, guide.model_dump_json(indent=1))


def read_guide(folder: Path) -> Guide | None:
    """What stands in ``guide.json``; None where no guided session writes one, or not one that this version reads."""
    return read_whole(Guide, folder / GUIDE_JSON, MAX_BYTES)


def note_check(folder: Path, check: Check) -> None:
    """Keep what a check found, in place of what it found before.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    others = tuple(one for one in read_checks(folder) if one.name != check.name)
    write_whole(folder / CHECKS_JSON, Checks(checks=(*others, check)).model_dump_json(indent=1))


def read_checks(folder: Path) -> tuple[Check, ...]:
    """What the checks of a session found; empty where none was made."""
    found = read_whole(Checks, folder / CHECKS_JSON, MAX_BYTES)
    return () if found is None else found.checks


def write_answer(folder: Path, answer: GuideAnswer) -> None:
    """Answer the question that the guide asks.

    Raises
    ------
    OSError
        The folder cannot be written.
    """
    write_whole(folder / ANSWER_JSON, answer.model_dump_json(indent=1))


def take_answer(folder: Path) -> GuideAnswer | None:
    """An answer that was given since, once."""
    path = folder / ANSWER_JSON
    if not path.exists():
        return None
    answer = read_whole(GuideAnswer, path, MAX_BYTES)
    path.unlink(missing_ok=True)
    return answer
