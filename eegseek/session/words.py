"""What is said and asked at each place of the session. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from config.calibration import Progress
from config.guide import Choice
from eegseek.session.checks import BLINK_S, EYES_S
from eegseek.session.events import Phase, Place, Way
from eegseek.session.steps import TRIES

TITLES: dict[Phase, str] = {
    "find": "1. Find the headset",
    "contact": "2. Fit it: contact",
    "blink": "2. Fit it: blink check",
    "blinking": "2. Fit it: blink check",
    "eyes": "2. Fit it: alpha check",
    "closing": "2. Fit it: alpha check",
    "ready": "3. Calibrate",
    "calibrating": "3. Calibrate",
    "warming": "4. Use: the decoder starts",
    "look": "4. Use",
    "showing": "4. Use",
    "gathering": "4. Use",
    "report": "5. Report",
    "end": "5. Report",
}
_MIXED = (
    "Pictures of all categories come in mixed order; after every block it is looked whether they can be told apart."
)
_SOUGHT = (
    "Before each block it is said and shown what to look for: count it silently, and let the rest pass. After every "
    "block it is looked whether what you looked for can be told from the rest."
)
TOLD_LOG10 = 3
"""Evidence above this power of ten is as good as any."""
QUIT = Choice(name="quit", key="q", words="end here; everything recorded is kept")


@dataclass(frozen=True)
class Asked:
    """What is asked, if anything.

    Attributes
    ----------
    words
        What is to be done now, a sentence each.
    choices
        Empty where nothing is asked; the default is first.
    patience
        Unattended, the default is taken at once, or only when contact was waited for.
    """

    words: tuple[str, ...] = ()
    choices: tuple[Choice, ...] = ()
    patience: bool = False

    @property
    def default(self) -> str:
        """Name of the choice that return takes; empty where there is none."""
        return next((choice.name for choice in self.choices if choice.default), "")


def asked(place: Place, way: Way, fit_words: str = "", *, flows: bool = True) -> Asked:
    """What is asked where the session is.

    Parameters
    ----------
    fit_words
        How this headset is put on.
    flows
        Samples arrive.
    """
    trouble = (place.trouble,) if place.trouble else ()
    match place.phase:
        case "find" if place.trouble:
            again = place.tries < TRIES or way.attended
            return Asked(trouble, (_choice("retry", "r", "look again", again), _quit(not again)))
        case "contact" if not flows:
            return Asked((*trouble, fit_words, "Waiting for samples …"), (QUIT,))
        case "contact":
            words = (fit_words, "When every channel shows G for three seconds it goes on by itself.")
            return Asked(words, (_choice("go_on", "g", "go on with the contact as it is", True), QUIT), patience=True)
        case "blink" | "eyes":
            return _check(place, trouble)
        case "ready":
            words = (
                "Sit so that the screen is at arm's length, relax jaw and shoulders, and keep your eyes on the mark.",
                (_SOUGHT if way.rounds else _MIXED) + " It stops when that is clear.",
            )
            return Asked((*trouble, *words), (_choice("start", "s", "start the calibration", True), QUIT))
        case "look" if way.rounds:
            return _next_round(place, way, trouble)
        case "gathering":
            return Asked((*trouble, "The last answers of this round are waited for."), (QUIT,))
        case "look":
            first = "Press start and look: what is found appears here, picture by picture."
            start = _choice("start", "s", "show pictures", not trouble)
            return Asked((*trouble, first), (start, _choice("finish", "f", "to the report", bool(trouble)), QUIT))
        case "showing" | "calibrating":
            at = (f"Round {place.round + 1} of {way.rounds}.",) if way.rounds and place.phase == "showing" else ()
            words = (*trouble, *at, "Nothing is lost by ending early.")
            more = (_choice("finish", "f", "to the report", False),) if place.phase == "showing" else ()
            return Asked(words, (*more, QUIT))
    return Asked(trouble, () if place.phase in ("report", "end") else (QUIT,))


def progress_line(progress: Progress) -> str:
    """How the calibration stands, in one line."""
    trials = ", ".join(f"{name} {count}" for name, count in progress.trials.items()) or "no trials yet"
    whole = progress.whole
    line = f"block {progress.blocks_done} of {progress.blocks_planned}; trials: {trials}"
    if whole.auc is not None:
        interval = (
            f" ({whole.auc_low:.2f} to {whole.auc_high:.2f})"
            if whole.auc_low is not None and whole.auc_high is not None
            else ""
        )
        line += f"; AUC {whole.auc:.2f}{interval}, chance 0.5"
        found = f"{10**whole.log10_e:.3g}" if whole.log10_e <= TOLD_LOG10 else f"over {10**TOLD_LOG10:,}"
        line += f"; evidence {found} of {10**progress.threshold_log10_e:.3g} wanted"
    if progress.former is not None and progress.former.auc_with is not None:
        used = progress.former
        line += f"; {used.trials} earlier trials: AUC {used.auc_with:.2f} with them, {used.auc_without:.2f} without"
    if progress.ocular is not None and progress.ocular.auc is not None:
        line += f"; frontal channels alone: AUC {progress.ocular.auc:.2f}"
    return line


def _check(place: Place, trouble: tuple[str, ...]) -> Asked:
    if place.phase == "blink":
        words = (f"Blink check: sit still, then blink firmly a few times when asked ({BLINK_S:g} s).",)
    else:
        words = (
            f"Alpha check: look at one point for {EYES_S:g} s, then close your eyes for {EYES_S:g} s until it rings.",
        )
    again = "try again" if trouble else "ready"
    ready = _choice("ready", "r", again, not trouble)
    go_on = _choice("go_on", "g", "go on without it", bool(trouble))
    return Asked((*trouble, *words), (ready, go_on, QUIT))


def _next_round(place: Place, way: Way, trouble: tuple[str, ...]) -> Asked:
    over = place.round >= way.rounds
    if place.round:
        first = f"{place.round} of {way.rounds} rounds were shown. Keep looking for the same thing."
    else:
        first = (
            f"Think of one thing that you want to find; nobody asks what. In {way.rounds} rounds pictures are shown, "
            "and the gallery ranks itself towards what you attend to."
        )
    start = _choice("start", "s", "show the next round" if place.round else "show the first round", not over)
    return Asked((*trouble, first), (start, _choice("finish", "f", "to the report", over), QUIT))


def _choice(name: str, key: str, words: str, default: bool) -> Choice:
    return Choice(name=name, key=key, words=words, default=default)


def _quit(default: bool) -> Choice:
    return QUIT.model_copy(update={"default": default})
