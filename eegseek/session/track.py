"""What became of each step of the session: done, ended early, left out, or under way. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from config.guide import Outcome, Step
from eegseek.session.events import Place

STEPS: tuple[Step, ...] = ("find", "fit", "calibrate", "use", "report")


@dataclass(frozen=True)
class Track:
    """The way so far.

    Attributes
    ----------
    reached
        Steps that were begun, in order.
    outcomes
        Of steps that were left, and of those that were passed over.
    """

    reached: tuple[Step, ...] = ()
    outcomes: Mapping[Step, Outcome] = field(default_factory=dict)

    def seen(self, before: Place | None, at: Place, *, reported: bool = False) -> Track:
        """With one more look at the place.

        Parameters
        ----------
        before
            The place at the look before; None at the first.
        reported
            The page of the report is there.
        """
        reached = tuple(dict.fromkeys((*self.reached, at.step)))
        found = {step: outcome for step, outcome in self.outcomes.items() if step != at.step}
        if before is not None and before.step != at.step:
            found[before.step] = _left(before, at)
        for step in STEPS[: STEPS.index(at.step)]:
            found.setdefault(step, "skipped")
        if at.phase == "end":
            made = before is not None and before.step != "find"  # else there was nothing to report
            found[at.step] = "skipped" if not made else "done" if reported else "aborted"
        return replace(self, reached=reached, outcomes=found)


def _left(before: Place, at: Place) -> Outcome:
    """What became of a step that was left."""
    back = STEPS.index(at.step) < STEPS.index(before.step)
    failed = bool(at.failed) and not before.failed
    return "aborted" if at.quitting or back or failed or (before.step == "find" and at.phase == "end") else "done"
