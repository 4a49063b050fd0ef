"""What a report says beyond its scores: probabilities, the representation, low-level features, filter and novelty."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError
from inference import relevance, score
from inference.gallery import Gallery
from inference.loaded import LoadedEncoder
from inference.novelty import Novelty
from training.confidence import novelty as strange
from training.metrics import lowlevel
from training.protocols.schema import Curve, Reliability, Report, Row
from training.report import controls, pictures
from training.report.controls import Means
from training.report.probabilities import Given, probability_row
from training.trials import repeats
from training.trials.epochs import Progress, Trials, silent

MOST_ANSWERS = 4000
MOST_COSINES = 4_000_000
DONE = "describing the representation"


def complete(
    report: Report,
    encoder: LoadedEncoder,
    trials: Trials,
    gallery: Gallery,
    *,
    folder: Path | None = None,
    novelty: Novelty | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Report:
    """A report with rows on probabilities and representation, and how reliable the bundle's filter and novelty are.

    Parameters
    ----------
    report
        Its first row that was scored gives the conditions of the new ones.
    encoder, trials, gallery
        As they were scored; the gallery in the encoder's space.
    folder
        Of the gallery bundle, whose pictures the low-level control reads; None, or pictures that are not there: no
        such row, and a note that says so.
    novelty
        Of the encoder bundle (`inference.novelty.load`).
    seed
        Of subsets and resampling.
    progress
        Told what is being done.
    """
    progress(DONE, 0, 3)
    averaged = repeats.averaged(trials)
    means = Means(encoder.encode(averaged.windows), averaged.rows, averaged.subject)
    rows, notes = _rows(report, means, gallery, folder, seed)
    progress(DONE, 1, 3)
    given = _given(encoder, trials, gallery, seed)
    rows = [*_probable(report, given, trials, gallery, seed), *rows]
    filtered = _filtered(encoder, given)
    progress(DONE, 2, 3)
    curves = [_spread(novelty, encoder, trials, seed)] if novelty else []
    progress(DONE, 3, 3)
    return report.model_copy(
        update={
            "rows": (*report.rows, *rows),
            "reliability": (*report.reliability, *filtered),
            "curves": (*report.curves, *curves),
            "notes": (*report.notes, *notes),
        }
    )


def _rows(
    report: Report, means: Means, gallery: Gallery, folder: Path | None, seed: int
) -> tuple[list[Row], list[str]]:
    base = next((row for row in report.rows if not row.error), None)
    if base is None:
        return [], []
    labels = [item.label for item in gallery.items]
    found = controls.representation(base, means, gallery.vectors, labels, seed=seed)
    rows, shown = [found] if found else [], means.common(seed)
    if len(shown) < 2 * len(lowlevel.NAMES) + 2:
        few = f"{len(shown)} stimuli are too few for the control of low-level features"
        return rows, [f"{few}, which needs {2 * len(lowlevel.NAMES) + 2}"]
    files = _pictures(gallery, shown, folder)
    if not files:
        return rows, ["the gallery holds no pictures of the stimuli, so there is no control of low-level features"]
    try:
        low = lowlevel.features(files)
    except BundleError as error:
        return rows, [f"no control of low-level features: {error}"]
    return [*rows, controls.low_level(base, means, gallery.vectors, low, seed=seed)], []


def _pictures(gallery: Gallery, shown: NDArray[np.int64], folder: Path | None) -> list[Path]:
    """Picture of each stimulus; empty where one has none."""
    names = [gallery.items[row].picture for row in shown]
    return [folder / name for name in names] if folder and all(names) else []


def _given(encoder: LoadedEncoder, trials: Trials, gallery: Gallery, seed: int) -> list[Given]:
    """Answers among the items shown: to single trials, and to averages of the most repeats."""
    shown, members = np.unique(trials.rows), repeats.groups(trials)
    counts, rng, found = repeats.counts(trials), np.random.default_rng(seed), []
    for count in sorted({1, counts[-1] if counts else 1}):
        subsets = repeats.draw(members, count, repeats.rounds(len(members), 4), rng)
        most = min(MOST_ANSWERS, MOST_COSINES // len(shown))
        subsets = repeats.Subsets(rng.permutation(subsets.members)[:most])
        cosines = subsets.encode(trials, encoder.encode) @ gallery.vectors[shown].T
        truth = np.searchsorted(shown, trials.rows[subsets.members[:, 0]])
        heat, _ = score.temperature(encoder.spec.calibration, count, len(shown))
        found.append(Given(cosines, truth, count, heat, apart(subsets.members)))
    return found


def apart(members: NDArray[np.int64]) -> NDArray[np.int64]:
    """Of sets of trials (n, repeats), the first that share none with one before them: indices (m,)."""
    used: set[int] = set()
    kept = []
    for k, trials in enumerate(members.tolist()):
        if used.isdisjoint(trials):
            kept.append(k)
            used.update(trials)
    return np.array(kept, np.int64)


def _probable(report: Report, given: Sequence[Given], trials: Trials, gallery: Gallery, seed: int) -> list[Row]:
    base = next((row for row in report.rows if not row.error), None)
    shown = np.unique(trials.rows)
    if base is None or len(shown) < 2:
        return []
    labels = [gallery.items[row].label for row in shown]
    return [probability_row(base, one, gallery.vectors[shown], labels, seed=seed) for one in given]


def _filtered(encoder: LoadedEncoder, given: Sequence[Given]) -> list[Reliability]:
    """Reliability of the relevance filter."""
    found = []
    for one in given:
        chosen = relevance.choose(encoder.spec.relevance, one.repeats)
        if chosen is None:
            continue
        right = one.cosines.argmax(axis=1) == one.truth
        best = -np.sort(-one.cosines, axis=1)[:, : score.DEPTH]
        of = "single trials" if one.repeats == 1 else f"averages of {one.repeats}"
        note = f"fitted for {chosen.repeats} repeats on {chosen.n_answers} held-out answers"
        confidence = relevance.probability(chosen, best, one.cosines.shape[1])
        found.append(pictures.reliability(f"relevance filter, {of}", confidence, right, note))
    return found


def _spread(novelty: Novelty, encoder: LoadedEncoder, trials: Trials, seed: int) -> Curve:
    """How often single trials lie below each percentile of held-out training windows."""
    pick = np.random.default_rng(seed).permutation(len(trials))[:MOST_ANSWERS]
    windows = trials.windows[pick]
    plot = strange.uniformity(novelty.percentiles(windows, encoder.encode(windows)).joint)
    return Curve(
        name="novelty of the windows",
        x_label="percentile among held-out training windows (0 to 1)",
        y_label="share of windows at or below it",
        x=tuple(plot.nominal.tolist()),
        y=tuple(plot.observed.tolist()),
        chance=tuple(plot.nominal.tolist()),
        note=f"{plot.n} single trials; near the dashed line they are like the training data, below it they are "
        f"stranger (largest distance {plot.distance:.2f})",
    )
