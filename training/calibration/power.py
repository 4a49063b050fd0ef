"""How often a calibration finds what is there, and after how many trials: sessions of scores with a known AUC.

``python -m training.calibration.power``. No EEG is simulated: each trial has a score for every category, normal, and
larger by the same amount for the right one, so that the AUC of single trials is known. It is the same from the second
block on (from the first with ``--former``); a real decoder begins lower, so that a real session needs more. Judged
after every block by the rules of `config.calibration`.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from config.calibration import CalibrationRules, Verdict
from training.calibration.evidence import Track
from training.calibration.scores import wilson
from training.calibration.verdict import decide

AREAS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


@dataclass(frozen=True)
class Power:
    """Sessions of one AUC.

    Attributes
    ----------
    auc
        Of single trials.
    verdicts
        How many sessions ended so.
    line, ended
        Of those that ended as decodable: trials shown until the evidence passed its line, and until the verdict.
    """

    auc: float
    verdicts: dict[str, int]
    line: tuple[int, ...]
    ended: tuple[int, ...]

    @property
    def share(self) -> float:
        """Of sessions, that ended as decodable."""
        return self.verdicts.get("decodable", 0) / sum(self.verdicts.values())


def separation(auc: float, categories: int) -> float:
    """By how many standard deviations the right category's score is larger, for an AUC of each against the others."""
    from scipy.stats import norm

    return float(norm.ppf(auc)) / math.sqrt(categories / (categories - 1) / 2)


def session(
    auc: float, categories: int, blocks: int, trials: int, rules: CalibrationRules, rng: np.random.Generator, first: int
) -> tuple[Verdict, int | None, int]:
    """Verdict, trials until the line was passed (None: never), and trials until the verdict.

    Parameters
    ----------
    auc
        Of single trials.
    categories, blocks, trials
        Shown; trials a block.
    rules
        When what is said.
    rng
        Draws.
    first
        The first block that is scored: 0 where an earlier session was learned from, else 1.
    """
    track, line, far = Track((), rules.alpha), None, separation(auc, categories)
    verdict: Verdict = "going_on"
    shown = 0
    for block in range(blocks):
        if block >= first:
            labels = rng.permutation(np.resize(np.arange(categories), trials))
            scores = rng.standard_normal((trials, categories)) + far * np.eye(categories)[labels]
            track = track.scored(block, scores, labels)
        told, shown = track.evidence, (block + 1) * trials
        line = shown if line is None and told.rejects else line
        verdict, _ = decide(rules, told, block + 1, blocks)
        if verdict != "going_on":
            break
    return verdict, line, shown


def power(
    auc: float, sessions: int, categories: int, blocks: int, trials: int, rules: CalibrationRules, seed: int, first: int
) -> Power:
    """Many sessions of one AUC; see `session`."""
    rng = np.random.default_rng([seed, round(1e4 * auc)])
    found = [session(auc, categories, blocks, trials, rules, rng, first) for _ in range(sessions)]
    decodable = [one for one in found if one[0] == "decodable"]
    lines = tuple(line for _, line, _ in decodable if line is not None)
    return Power(auc, dict(Counter(verdict for verdict, _, _ in found)), lines, tuple(end for _, _, end in decodable))


def row(one: Power) -> str:
    """A row in markdown."""
    n = sum(one.verdicts.values())
    low, high = wilson(one.verdicts.get("decodable", 0), n)
    nothing, undecided = (one.verdicts.get(name, 0) / n for name in ("nothing_decodable", "out_of_trials"))
    return (
        f"| {one.auc:.2f} | {one.share:.1%} ({low:.1%} to {high:.1%}) | {nothing:.1%} | {undecided:.1%} | "
        f"{_spread(one.line)} | {_spread(one.ended)} |"
    )


def _spread(trials: tuple[int, ...]) -> str:
    """Median, and what nine of ten stay within."""
    return f"{np.median(trials):g} ({np.percentile(trials, 90):g})" if trials else "–"


def parser() -> argparse.ArgumentParser:
    """Options."""
    made = argparse.ArgumentParser(prog="python -m training.calibration.power", description=__doc__.splitlines()[0])
    made.add_argument("--sessions", type=int, default=500, help="of each AUC")
    made.add_argument("--auc", type=float, nargs="+", default=list(AREAS), help="of single trials")
    made.add_argument("--categories", type=int, default=2)
    made.add_argument("--blocks", type=int, default=12, help="planned (12, as a session has them)")
    made.add_argument("--trials", type=int, default=40, help="of a block (40)")
    made.add_argument("--alpha", type=float, default=0.05)
    made.add_argument("--former", action="store_true", help="the first block is scored, too")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--json", type=Path, help="write every number here")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    given = parser().parse_args(arguments)
    counts = given.sessions >= 1 and given.blocks >= 1 and given.categories >= 2 and given.trials >= given.categories
    if not counts or not 0 < given.alpha < 0.5 or not all(0.5 <= auc < 1 for auc in given.auc):
        sys.stderr.write(
            "sessions and blocks must be 1 or more, categories 2 or more and no more than trials, alpha between 0 and "
            "0.5, and every AUC from 0.5 to below 1\n"
        )
        return 2
    rules, found = CalibrationRules(alpha=given.alpha), []
    head = ("AUC", "decodable (95 % interval)", "nothing", "undecided", "trials to the line", "trials to decodable")
    sys.stdout.write(f"| {' | '.join(head)} |\n|{'---|' * len(head)}\n")
    for auc in given.auc:
        found.append(
            power(auc, given.sessions, given.categories, given.blocks, given.trials, rules, given.seed,
                  0 if given.former else 1)
        )  # fmt: skip
        sys.stdout.write(f"{row(found[-1])}\n")
        sys.stdout.flush()
    if given.json:
        try:
            given.json.write_text(json.dumps([asdict(one) for one in found]) + "\n", "utf-8")
        except OSError as error:
            sys.stderr.write(f"power: '{given.json}' cannot be written: {error.strerror or error}\n")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
