"""Leave one subject out: each subject is scored by a decoder that has met the others only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from config.errors import RecordingError
from inference.gallery import Gallery
from training.protocols import leaks, zero_shot
from training.protocols.answers import Answers, Encode, answers
from training.protocols.conditions import Conditions
from training.protocols.data import Data, TrainFn
from training.protocols.extras import per_minute
from training.protocols.schema import Curve, Row
from training.protocols.zero_shot import Options, Part
from training.trials.epochs import Progress, Trials, silent

PROTOCOL = "leave one subject out"
FEWEST = 2


def leave_one_out(
    train: TrainFn,
    learned: Data | None,
    scored: Data,
    gallery: Gallery,
    base: Conditions,
    options: Options,
    *,
    allow_seen: bool = False,
    progress: Progress = silent,
) -> tuple[list[Row], list[Curve]]:
    """Scores over subjects, one decoder each, trained on all the others.

    Parameters
    ----------
    train
        Trains a decoder.
    learned
        Recordings to learn from, of the same subjects; None: the scored ones (of the other subjects, who then have seen
        the same pictures: nothing is zero-shot, and every row says so).
    scored
        Recordings to score.
    allow_seen
        Let the others have seen the pictures that are scored.

    Raises
    ------
    RecordingError
        There are too few subjects, recordings do not say whose they are, or stimuli are shared without leave.
    """
    names = scored.subjects
    if len(names) < FEWEST or "" in names:
        raise RecordingError(
            f"subjects {', '.join(repr(n) for n in names)}: leaving one out needs {FEWEST} or more, each named (a "
            "sub-… in the path, or in the epochs folder)"
        )
    source = learned or scored
    pool = scored.without_signal(gallery)
    shown = np.unique(pool.rows)
    counts = zero_shot.counts(pool, options.repeats)
    parts: dict[int, list[Part]] = {count: [] for count in counts}
    seen = False
    for number, name in enumerate(names):
        progress("subjects", number, len(names))
        others = source.of_subject(name, others=True)
        if not others.epochs:
            raise RecordingError(f"there is no recording to learn from of anybody but '{name}'; give more subjects")
        trials = scored.of_subject(name).trials(gallery)
        seen = _check(others, trials, gallery, allow_seen) or seen
        trained = train(others, f"without-{name}")
        for count, found in parts.items():
            found.append(Part(_answers(trained.encode, trials, count, options, number), trained.gallery))
    progress("subjects", len(names), len(names))
    base = replace(base, seen=base.seen or seen, subjects=names)
    pace = per_minute(pool)
    rows = [
        row
        for count, found in parts.items()
        for row in zero_shot.rows_of(found, shown, base, options, PROTOCOL, pace, alone=count == counts[-1])
    ]
    return rows, zero_shot.curves_of(rows)


def _check(others: Data, trials: Trials, gallery: Gallery, allow_seen: bool) -> bool:
    """Refuse what leaks; whether the others have seen the pictures that are scored."""
    known = others.without_signal(gallery)
    leaks.check_sides(known, trials, zero_shot=not allow_seen)
    return bool(len(np.intersect1d(known.rows, trials.rows)))


def _answers(encode: Encode, trials: Trials, count: int, options: Options, subject: int) -> Answers:
    given = answers(encode, trials, count, rounds=options.rounds, seed=options.seed)
    return replace(given, units={**given.units, "subjects": np.full(len(given), subject)})
