"""When enough is known, and what is then said. Pure rules over `config.calibration.Progress`."""

from __future__ import annotations

import math

from config.calibration import CalibrationRules, Evidence, Verdict

RECENT = 2
"""Blocks on either side of a comparison of late with earlier ones."""


def decide(
    rules: CalibrationRules, whole: Evidence, done: int, planned: int, *, former: bool = False
) -> tuple[Verdict, str]:
    """Verdict and why, after ``done`` of ``planned`` blocks.

    Parameters
    ----------
    rules
        The limits.
    whole
        Evidence of all channels.
    former
        Decoders learn from earlier sessions, too: more trials of this one bring little.
    """
    ready = len(whole.blocks) >= rules.fewest_blocks and whole.trials >= rules.fewest_trials
    ended = done >= planned
    if rules.to_the_end and not ended:
        return "going_on", _so_far(rules, whole)
    if whole.rejects and ready and (why := _enough(rules, whole, former)):
        return "decodable", f"{_score(whole)}; {why}, so that no more trials are needed."
    if not ended:
        if ready and 2 * done >= planned and _futile(rules, whole):
            return "nothing_decodable", f"{_nothing(whole)} More trials of this kind would not help."
        return "going_on", _so_far(rules, whole)
    if whole.rejects:
        return "decodable", f"{_score(whole)}; all planned blocks were shown."
    if not ready:
        return "out_of_trials", (
            f"Too few windows could be used to say anything: {whole.trials} trials in {len(whole.blocks)} blocks were "
            f"scored, {rules.fewest_trials} in {rules.fewest_blocks} are needed. Better contact of the electrodes, "
            "fewer movements, or more blocks would help."
        )
    if whole.log10_e >= math.log10(rules.promising):
        return "out_of_trials", (
            f"Undecided: there is some evidence (odds of {_odds(whole.log10_e)}), but less than the "
            f"{1 / rules.alpha:.0f} to 1 that are asked for; {_reach(whole)}. More blocks would decide it."
        )
    return "nothing_decodable", _nothing(whole)


def ocular_words(rules: CalibrationRules, whole: Evidence, ocular: Evidence | None) -> tuple[str, bool]:
    """What the frontal channels alone say, and whether that is a warning."""
    if ocular is None or ocular.auc is None or whole.auc is None:
        return "Not scored yet.", False
    names = ", ".join(ocular.channels)
    beside = f"The frontal channels alone ({names}) come to an AUC of {ocular.auc:.2f}, all channels to {whole.auc:.2f}"
    if not whole.rejects and not ocular.rejects:
        return f"{beside}; neither is better than chance so far.", False
    if ocular.rejects and ocular.auc >= whole.auc - rules.as_good:
        return (
            f"{beside}: as good. What is decoded may be eye movements or blinks rather than brain; let the person look "
            "at one point, and do not take this for a reading of the brain.",
            True,
        )
    if ocular.rejects:
        return f"{beside}: they know something too, but less; eye movements may be a part of it.", False
    return f"{beside}; nothing shows that they alone do better than chance, so that eyes hardly explain it.", False


def _enough(rules: CalibrationRules, whole: Evidence, former: bool) -> str:
    if former and whole.auc_low is not None and whole.auc_low >= rules.worthwhile_auc:
        return "it is surely worth having, and earlier sessions carry it"
    if whole.auc_low is not None and whole.auc_high is not None:
        half = (whole.auc_high - whole.auc_low) / 2
        if half <= rules.narrow:
            return f"the interval is narrow enough (±{half:.2f})"
    aucs = [block.auc for block in whole.blocks]
    if len(aucs) >= 2 * RECENT:
        gain = (sum(aucs[-RECENT:]) - sum(aucs[-2 * RECENT : -RECENT])) / RECENT
        if gain <= rules.flat:
            return f"the last {RECENT} blocks brought no gain ({gain:+.2f})"
    return ""


def _futile(rules: CalibrationRules, whole: Evidence) -> bool:
    return whole.log10_e < 0 and whole.auc_high is not None and whole.auc_high < rules.worthwhile_auc


def _score(whole: Evidence) -> str:
    right = f"{100 * (whole.auc or 0):.0f}"
    return f"The categories can be told apart: of 100 pairs of different categories, {right} are ordered right"


def _nothing(whole: Evidence) -> str:
    return f"Nothing decodable was found in {whole.trials} scored trials: {_reach(whole)}, where 0.50 is guessing."


def _reach(whole: Evidence) -> str:
    low, high = whole.auc_low or 0.0, whole.auc_high or 1.0
    return f"the AUC is {whole.auc or 0:.2f}, by its interval between {low:.2f} and {high:.2f}"


def _so_far(rules: CalibrationRules, whole: Evidence) -> str:
    if not whole.blocks:
        return "Learning from the first block; scores begin with the next one."
    if whole.rejects:
        return f"{_score(whole)} so far; going on until the score is known well enough."
    odds = f"odds of {_odds(whole.log10_e)}, {1 / rules.alpha:.0f} to 1 are asked for"
    return f"Not decided yet: {_reach(whole)}; {odds}."


def _odds(log10_e: float) -> str:
    e = 10**log10_e
    return f"{e:.0f} to 1" if e >= 10 else f"{e:.1f} to 1" if e >= 1 else f"1 to {1 / e:.1f}" if e > 1e-3 else "nought"
