"""Where a guided session can be, and what can happen to it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from config.calibration import Verdict
from config.guide import Step

Phase = Literal[
    "find", "contact", "blink", "blinking", "eyes", "closing", "ready", "calibrating", "warming", "look", "showing",
    "gathering", "report", "end",
]  # fmt: skip
Action = Literal["look", "run", "blink", "eyes", "calibrate", "show", "hide", "serve", "rank", "stop", "report"]
STEP_OF: dict[Phase, Step] = {
    "find": "find",
    "contact": "fit",
    "blink": "fit",
    "blinking": "fit",
    "eyes": "fit",
    "closing": "fit",
    "ready": "calibrate",
    "calibrating": "calibrate",
    "warming": "use",
    "look": "use",
    "showing": "use",
    "gathering": "use",
    "report": "report",
    "end": "report",
}


@dataclass(frozen=True)
class Way:
    """What this session consists of.

    Attributes
    ----------
    attended
        Somebody answers; else every question is answered by its default.
    fit
        There is a headset to fit.
    checks
        The blink and the alpha check are made also where nobody answers.
    calibrate
        A bundle has to be made; else one is there.
    shows
        The session shows pictures itself.
    files
        Recordings to calibrate with, and one more to be answered where ``answered``; 0: a live headset.
    answered
        Whether a recording is left to be answered.
    rounds
        Of a free search; 0: what is shown is told by category.
    """

    attended: bool = True
    fit: bool = True
    checks: bool = False
    calibrate: bool = True
    shows: bool = True
    files: int = 0
    answered: bool = False
    rounds: int = 0


@dataclass(frozen=True)
class Place:
    """Where the session is.

    Attributes
    ----------
    phase
        Of the machine.
    tries
        How often the headset was looked for in vain.
    file
        Which recording is the headset.
    running
        A run was started, so that there is something to keep.
    lost
        The headset is silent.
    failed
        Why the session cannot do what it was for, in words; empty where it can.
    trouble
        What is in the way at this moment, in words.
    quitting
        It was asked to end.
    round
        Rounds of a search that were shown at this sitting.
    """

    phase: Phase = "find"
    tries: int = 0
    file: int = 0
    running: bool = False
    lost: bool = False
    failed: str = ""
    trouble: str = ""
    quitting: bool = False
    round: int = 0

    @property
    def step(self) -> Step:
        """Of the five that people see."""
        return STEP_OF[self.phase]


@dataclass(frozen=True)
class Looked:
    """The headset was looked for: what is wrong, empty where it is there."""

    trouble: str = ""


@dataclass(frozen=True)
class Heard:
    """The headset went silent, or is heard again."""

    lost: bool
    words: str = ""


@dataclass(frozen=True)
class RunEnded:
    """The run is over: why, empty where it ended well."""

    failed: str = ""


@dataclass(frozen=True)
class Steadied:
    """Contact was good for long enough."""


@dataclass(frozen=True)
class Answered:
    """A choice of the question that was asked."""

    choice: str


@dataclass(frozen=True)
class Checked:
    """A check was made."""

    passed: bool
    words: str


@dataclass(frozen=True)
class Decided:
    """The calibration is over, or broke off: why."""

    verdict: Verdict
    words: str = ""
    failed: str = ""


@dataclass(frozen=True)
class Serving:
    """Windows are answered from now on; or they cannot be, and why."""

    failed: str = ""


@dataclass(frozen=True)
class Shown:
    """The presenter ended; why, where it did not show everything."""

    failed: str = ""


@dataclass(frozen=True)
class Gathered:
    """Every picture of a search's round was answered or rejected, or was waited for long enough."""


@dataclass(frozen=True)
class Reported:
    """The report is written, or could not be: why."""

    failed: str = ""


@dataclass(frozen=True)
class Quit:
    """Somebody wants to end."""


Event = (
    Looked | Heard | RunEnded | Steadied | Answered | Checked | Decided | Serving | Shown | Gathered | Reported | Quit
)


@dataclass(frozen=True)
class Turn:
    """What follows from an event.

    Attributes
    ----------
    place
        Where the session is now.
    do
        In this order.
    say
        Lines for people.
    """

    place: Place
    do: tuple[Action, ...] = ()
    say: tuple[str, ...] = ()
