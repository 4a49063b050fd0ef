"""What windows of earlier sessions are worth: AUC after so many trials of a new one, with and without them.

``python -m training.calibration.gain --recordings FOLDER``: each recording is the new session once, the others are the
earlier ones. Without a folder a simulated participant wears a Muse that is put on anew before every session:
electrodes moved towards a neighbour, gains changed; with ``--shift`` and ``--gain`` recordings are put through other
electrodes, too. What is scored is always the same: all trials of the new session but its first 80, by decoders of
none, 10, 20, 40 or all 80 of these.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from acquisition.plan import Plan
from config.calibration import CalibrationRules
from config.errors import EegseekError, RecordingError
from inference.build import from_labels
from inference.gallery import Gallery
from training.calibration.blocks import Block
from training.calibration.calibration import Calibration
from training.calibration.gain_cases import Case, mover, of_participants, of_recordings, part_of
from training.calibration.noise import PRESET, plan_of_preset
from training.calibration.scores import area
from training.calibration.task import Task

AFTER = (0, 10, 20, 40, 80)
"""Trials of the new session that are learned from."""
STEP, BLOCK = 20, 40
"""Trials of a block: of the curve, and of the calibration until it is decided (as `eegseek session` shows them)."""
WAYS = {
    "this session alone": None,
    "pooled as they are": CalibrationRules(align="none", weigh=False),
    "aligned": CalibrationRules(weigh=False),
    "aligned, share chosen": CalibrationRules(),
    "aligned (euclidean)": CalibrationRules(align="euclidean", weigh=False),
}
"""Rules for earlier windows; None: there are none."""
USUAL = tuple(WAYS)[:4]


@dataclass(frozen=True)
class Gained:
    """One way on one case.

    Attributes
    ----------
    auc
        By number of trials learned from; NaN where no decoder is possible.
    line, decided
        Trials shown until the evidence passed its line, and until the verdict was ``decodable``; None: not within it.
    """

    way: str
    case: str
    auc: dict[int, float]
    line: int | None
    decided: int | None


def measured(case: Case, way: str, plan: Plan, task: Task, gallery: Gallery) -> Gained:
    """One way on one case."""
    rules = WAYS[way]
    former = case.former if rules is not None else ()
    test = part_of(case.new, AFTER[-1], len(case.new), 0)
    labels = np.array([list(task.categories).index(label) for label in test.labels])
    calibration, auc = Calibration(plan, replace(task, blocks=99), gallery, rules, former=former), {}
    at = 0
    for n in AFTER:
        while at < n:
            end = min(n, at + STEP)
            calibration.take(part_of(case.new, at, end, calibration.closed))
            at = end
        decoder = calibration.decoder()
        found = area(decoder.scores(test.windows), labels) if decoder else None
        auc[n] = found.value if found else float("nan")
    line, decided = _until(case.new, Calibration(plan, _whole(task, case.new), gallery, rules, former=former))
    return Gained(way, case.name, auc, line, decided)


def _until(new: Block, calibration: Calibration) -> tuple[int | None, int | None]:
    """Trials until the line was passed, and until decodable."""
    line = None
    for k in range(calibration.task.blocks):
        calibration.take(part_of(new, k * BLOCK, (k + 1) * BLOCK, k))
        shown = min(len(new), (k + 1) * BLOCK)
        line = shown if line is None and calibration.progress.whole.rejects else line
        if calibration.progress.verdict != "going_on":
            return line, shown if calibration.progress.verdict == "decodable" else None
    return line, None


def _whole(task: Task, new: Block) -> Task:
    return replace(task, blocks=max(1, len(new) // BLOCK))


def table(found: Sequence[Gained]) -> list[str]:
    """Rows in markdown: mean and standard deviation over cases, median of trials needed."""
    head = " | ".join(f"{n} trials" for n in AFTER)
    rows = [f"| | {head} | trials to the line | trials to decodable |", f"|{'---|' * (len(AFTER) + 3)}"]
    for way in dict.fromkeys(one.way for one in found):
        mine = [one for one in found if one.way == way]
        cells = []
        for n in AFTER:
            values = np.array([one.auc[n] for one in mine])
            known = values[np.isfinite(values)]
            cells.append(f"{known.mean():.3f} ± {known.std():.3f}" if len(known) else "–")
        needed = [_needed([one.line for one in mine]), _needed([one.decided for one in mine])]
        rows.append(f"| {way} | {' | '.join([*cells, *needed])} |")
    return rows


def _moves(given: argparse.Namespace) -> tuple[float, float]:
    """Shift and gain, where they are not given as is usual."""
    shift, gain = (0.0, 0.0) if given.recordings else (0.6, 0.3)
    return shift if given.shift is None else given.shift, gain if given.gain is None else given.gain


def _needed(trials: Sequence[int | None]) -> str:
    """Median, and how many cases got there."""
    there = sum(one is not None for one in trials)
    middle = float(np.median([np.inf if one is None else one for one in trials]))
    said = f"{middle:g}" if np.isfinite(middle) else "more"
    return f"{said} ({there} of {len(trials)})"


def parser() -> argparse.ArgumentParser:
    """Options."""
    made = argparse.ArgumentParser(prog="python -m training.calibration.gain", description=__doc__.splitlines()[0])
    made.add_argument("--recordings", type=Path, help="folder of .csv recordings; else simulated participants")
    made.add_argument("--earlier", type=int, default=0, help="earlier sessions (all others; of participants 2)")
    made.add_argument("--participants", type=int, default=20)
    made.add_argument("--shift", type=float, help="how far electrodes move at most, as a share of the way to a "
                      "neighbour (0.6); of recordings, how much their channels see of one another (0)")  # fmt: skip
    made.add_argument("--gain", type=float, help="standard deviation of the logarithm of gains (0.3; of recordings 0)")
    made.add_argument("--snr-db", type=float, default=-22.0, help="of participants, dB")
    made.add_argument(
        "--way", choices=list(WAYS), action="append", help="only this one; may be repeated (all but euclidean)"
    )
    made.add_argument("--shuffled", action="store_true", help="shuffle the labels of earlier recordings")
    made.add_argument("--seed", type=int, default=0)
    made.add_argument("--json", type=Path, help="write every number here")
    return made


def run(given: argparse.Namespace, said: Callable[[str], object]) -> list[Gained]:
    """All cases in all ways, and their table."""
    plan, found = plan_of_preset(PRESET), []
    shift, gain = _moves(given)
    moved = mover(shift, gain, given.seed, shuffled=given.shuffled)
    real = of_recordings(given.recordings, plan, given.earlier, moved) if given.recordings else []
    names = sorted({label for case in real for label in case.new.labels}) or ["left", "right"]
    seeds = range(given.seed, given.seed + given.participants)
    cases = real or of_participants(plan, names, seeds, given.earlier or 2, shift, gain, given.snr_db)
    task = Task({name: name for name in names})
    with tempfile.TemporaryDirectory() as folder:
        from_labels(names, Path(folder) / "gallery")
        gallery = Gallery.load(Path(folder) / "gallery")
        for case in cases:
            if len(case.new) < AFTER[-1] + STEP:
                raise RecordingError(f"{case.name} has {len(case.new)} windows, {AFTER[-1] + STEP} are needed")
            mine = [measured(case, way, plan, task, gallery) for way in given.way or USUAL]
            found += mine
            sys.stderr.write(f"{case.name}: {'; '.join(f'{one.way} {one.auc[AFTER[-1]]:.3f}' for one in mine)}\n")
    for row in table(found):
        said(row)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure and print; the exit code."""
    given = parser().parse_args(arguments)
    shift, gain = _moves(given)
    if given.participants < 1 or given.earlier < 0 or not 0 <= shift < 1 or gain < 0:
        sys.stderr.write("participants must be 1 or more, earlier and gain 0 or more, shift from 0 to below 1\n")
        return 2
    try:
        found = run(given, lambda words: sys.stdout.write(f"{words}\n"))
        if given.json:
            rows = [{"way": one.way, "case": one.case, "auc": one.auc, "line": one.line, "decodable": one.decided}
                    for one in found]  # fmt: skip
            given.json.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")
    except (EegseekError, OSError) as error:
        sys.stderr.write(f"gain: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
