"""Answers before the window ends: scores at each end of one encoder, and what the stop rule makes of them.

The windows are those of the live chain, cut at each end; the thresholds are the bundle's, set on calibration data that
none of the scored trials was in (see `training.confidence.anytime`). An answer that no earlier end commits counts at
the whole window, so that everything is scored, and how much was committed where is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.errors import SettingsError
from inference.gallery import Gallery
from inference.loaded import LoadedEncoder
from inference.score import DEPTH, commit_above, probabilities, temperature
from training.protocols import zero_shot
from training.protocols.answers import Answers, answers
from training.protocols.conditions import Conditions
from training.protocols.schema import Curve, Metric, Row
from training.protocols.statistics import mean_metric
from training.protocols.zero_shot import Options, Part
from training.trials.ends import check_causal, until
from training.trials.epochs import Progress, Trials, silent

PROTOCOL = "anytime"
WHAT = "before the window ends"
Bools = NDArray[np.bool_]


def check(encoder: LoadedEncoder, trials: Trials) -> None:
    """Refuse a bundle that answers at the window's end only, and trials whose early samples know of late ones.

    Raises
    ------
    SettingsError
        The bundle has no earlier ends.
    RecordingError
        Trials were filtered without causality.
    """
    if not encoder.spec.window.parts_s:
        raise SettingsError(
            "the encoder answers at the end of its window only; train it with --parts, such as --parts 200,300,400"
        )
    check_causal(trials.origins, f"answers {WHAT}")


def anytime(
    encoder: LoadedEncoder,
    trials: Trials,
    gallery: Gallery,
    base: Conditions,
    options: Options,
    progress: Progress = silent,
) -> tuple[list[Row], list[Curve]]:
    """Rows for each end and for the stop rule, at the fewest and the most repeats, and the score against time.

    Parameters
    ----------
    encoder
        With earlier ends.
    trials
        That it has not seen, whole windows.
    gallery
        In the encoder's space; what was shown is searched.
    base, options
        Conditions of the rows; repeats, unit and seed.
    """
    window = encoder.spec.window
    ends = list(zip((*window.parts_s, window.end_s), (*window.part_times, window.n_times), strict=True))
    wanted = zero_shot.counts(trials, options.repeats)
    counts = wanted if options.repeats else tuple(dict.fromkeys((wanted[0], wanted[-1])))
    shown = np.unique(trials.rows)
    rows: list[Row] = []
    curves: list[Curve] = []
    given: dict[int, list[Answers]] = {count: [] for count in counts}
    for done, (_, times) in enumerate(ends):
        progress("window ends", done, len(ends))
        known = until(trials, times)
        for count in counts:
            found = answers(encoder.encode, known, count, rounds=options.rounds, seed=options.seed)
            given[count].append(found)
    progress("window ends", len(ends), len(ends))
    for count in counts:
        mine = [
            _row(Part(found, gallery), shown, base, options, f"window until {round(1000 * end_s)} ms")
            for (end_s, _), found in zip(ends, given[count], strict=True)
        ]
        rows += mine
        rows.append(_stopped(encoder, gallery, shown, given[count], base, options))
        metric = "auc" if "auc" in mine[0].metrics else "top1"
        name = f"{metric} of {mine[0].n_way} against the end of the window, {count} repeat{'s' * (count > 1)}"
        curves.append(zero_shot.curve_of(name, "window end (ms)", mine, [1000 * end_s for end_s, _ in ends], metric))
    return rows, curves


def _row(part: Part, shown: NDArray[np.int64], base: Conditions, options: Options, what: str) -> Row:
    """Scores at one end among what was shown."""
    plain = Options(n_way=options.n_way[:1], everything=False, unit=options.unit, seed=options.seed)
    (row,) = zero_shot.rows_of([part], shown, base, plain, PROTOCOL, None, alone=False)
    return row.model_copy(update={"what": what})


@dataclass(frozen=True)
class Judged:
    """Answers at one end: how sure each is (n,), and whether it is right (n,)."""

    sure: NDArray[np.float64]
    right: Bools


def stopped(judged: Sequence[Judged], thresholds: Sequence[float | None]) -> NDArray[np.int64]:
    """Which end each answer (n,) is given at: the first that commits it, else the last, the whole window's.

    Parameters
    ----------
    judged
        The same answers at each end, rising.
    thresholds
        Of every end but the last; None never commits.
    """
    at = np.full(len(judged[-1].right), len(judged) - 1, np.int64)
    for k in reversed(range(len(judged) - 1)):
        threshold = thresholds[k]
        if threshold is not None:
            at[judged[k].sure >= threshold] = k
    return at


def _stopped(
    encoder: LoadedEncoder,
    gallery: Gallery,
    shown: NDArray[np.int64],
    given: Sequence[Answers],
    base: Conditions,
    options: Options,
) -> Row:
    """What the stop rule comes to."""
    spec, count, size = encoder.spec, given[0].repeats, len(shown)
    ends = (*spec.window.parts_s, spec.window.end_s)
    judged = []
    for k, found in enumerate(given):
        cosines = found.vectors @ gallery.vectors[shown].T
        end_s = None if k + 1 == len(given) else ends[k]
        heat, _ = temperature(spec.calibration, count, size, end_s)
        sure = probabilities(-np.sort(-cosines, axis=1)[:, :DEPTH], size, heat)[:, 0]
        judged.append(Judged(sure, shown[cosines.argmax(axis=1)] == found.rows))
    at = stopped(judged, [commit_above(spec.calibration, count, size, end_s) for end_s in ends[:-1]])
    right = np.stack([one.right for one in judged])
    units = given[0].units
    unit = zero_shot.unit_of(units, count, options.unit)

    def mean(values: NDArray[np.float64], chance: float | None = None, only: Bools | None = None) -> Metric:
        kept = np.ones(len(at), np.bool_) if only is None else only
        mine = {name: one[kept] for name, one in units.items()}
        if not kept.any():
            return Metric(value=None)
        return mean_metric(values[kept], mine, unit, chance, seed=options.seed)

    outcome = np.asarray(right[at, np.arange(len(at))], np.float64)
    whole, early = np.asarray(right[-1], np.float64), at < len(ends) - 1
    metrics = {
        "top1": mean(outcome, 1 / size),
        "top1_of_whole_windows": mean(whole, 1 / size),
        "mean_time_to_answer_s": mean(np.array(ends)[at]),
        "committed_early": mean(np.asarray(early, np.float64)),
        "top1_of_committed": mean(outcome, 1 / size, early),
        "top1_of_the_same_whole_windows": mean(whole, 1 / size, early),
        "committed_less_whole": mean(outcome - whole, None, early),
    }
    shares = {f"committed_at_{round(1000 * e)}_ms": mean(np.asarray(at == k, float)) for k, e in enumerate(ends[:-1])}
    what = "stop rule: committed where sure enough, else at the end"
    scores = {**metrics, **shares}
    return base.row(PROTOCOL, what, n_way=size, gallery="shown images", repeats=count, metrics=scores)
