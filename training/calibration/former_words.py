"""What earlier sessions bring to a calibration, as it is told. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from config.calibration import FormerUse
from training.calibration.former import Former
from training.calibration.rivals import Rivals


def use_of(former: Sequence[Former], rivals: Rivals, share: float) -> FormerUse:
    """What was learned from earlier sessions, and what it was worth so far.

    Parameters
    ----------
    former
        One or more.
    rivals
        Scores with and without them.
    share
        Of their windows, what the next decoder learns from.
    """
    names, trials, beside = tuple(one.name for one in former), sum(map(len, former)), rivals.beside()
    used = {1.0: "all", 0.0: "none"}.get(share, f"{share:.0%}")
    of = "an earlier session" if len(names) == 1 else f"{len(names)} earlier sessions"
    words = f"{trials} trials of {of} ({', '.join(names)}) can be learned from"
    if beside is None:
        return FormerUse(sessions=names, trials=trials, share=share, words=f"{words}; {used} of them are used.")
    with_, without, scored = beside
    words = (
        f"{words}. On {scored} trials of this one the AUC is {with_:.2f} with all of them and {without:.2f} without; "
        f"{used} of them {'is' if used == 'none' else 'are'} used."
    )
    return FormerUse(
        sessions=names, trials=trials, share=share, scored=scored, auc_with=with_, auc_without=without, words=words
    )


def note_of(former: Sequence[Former], share: float, how: str) -> str:
    """What a bundle says of how it was trained."""
    said = "trained during a session's calibration"
    if not former or not share:
        return said
    names = ", ".join(one.name for one in former)
    return f"{said}; with {share:.0%} of the windows of earlier sessions ({names}), aligned by '{how}'"
