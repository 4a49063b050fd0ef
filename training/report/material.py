"""Figures of a report, from the answers at the most repeats: confusion, dissimilarities, maps, reliability, drivers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from config.bundles import EncoderSpec
from inference.gallery import Gallery
from inference.score import temperature
from training.metrics import metrics_probability, rsa
from training.protocols.answers import Answers, Encode, answers
from training.protocols.open_set import confidence
from training.protocols.schema import Confusion, Curve, EmbeddingMap, Rdms, Reliability, Topography
from training.trials import repeats
from training.trials.epochs import Progress, Trials, silent

MOST_CLASSES = 60
FEWEST_POINTS = 12
MOST_ANSWERS = 2000
MOST_OCCLUDED = 400
Index = NDArray[np.int64]


@dataclass(frozen=True)
class Figures:
    """What a report draws beside its rows."""

    confusion: tuple[Confusion, ...]
    rdms: tuple[Rdms, ...]
    embedding_map: EmbeddingMap | None
    maps: tuple[Topography, ...]
    curves: tuple[Curve, ...]
    reliability: tuple[Reliability, ...]


def figures(
    encode: Encode,
    trials: Trials,
    gallery: Gallery,
    spec: EncoderSpec,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Figures:
    """All figures that the data allow."""
    from training.report import drivers, pictures

    shown = np.unique(trials.rows)
    given = answers(encode, trials, 0)
    truth, best = _classes(given, gallery, shown)
    confusion = (
        [pictures.confusion(f"classes, averages over all repeats, {len(shown)} items searched", truth, best)]
        if 2 <= len(set(truth)) <= MOST_CLASSES
        else []
    )
    means = np.stack([given.vectors[given.rows == row].mean(axis=0) for row in shown])
    means /= np.maximum(np.linalg.norm(means, axis=1, keepdims=True), 1e-12)
    labels = [gallery.items[row].id for row in shown]
    rdms = []
    if len(shown) >= rsa.FEWEST:
        progress("dissimilarities", 0, 1)
        rdms.append(
            pictures.dissimilarities("stimuli, averages over all repeats", labels, gallery.vectors[shown], means)
        )
        progress("dissimilarities", 1, 1)
    window = spec.window
    drawn = drivers.drivers(
        encode,
        *_occluded(trials, shown),
        gallery.vectors[shown],
        rate_hz=window.rate_hz,
        start_s=window.start_s,
        seed=seed,
        progress=progress,
    )
    sure, covered = _probabilities(encode, trials, gallery, spec, shown, seed)
    return Figures(
        confusion=tuple(confusion),
        rdms=tuple(rdms),
        embedding_map=_map(given, gallery, shown, truth, seed),
        maps=drivers.topographies(drawn, trials.channels),
        curves=(drivers.time_course(drawn), *covered),
        reliability=sure,
    )


def _classes(given: Answers, gallery: Gallery, shown: Index) -> tuple[list[str], list[str]]:
    """Classes shown, and answered."""
    found = shown[(given.vectors @ gallery.vectors[shown].T).argmax(axis=1)]
    return [gallery.items[row].label for row in given.rows], [gallery.items[row].label for row in found]


def _map(given: Answers, gallery: Gallery, shown: Index, truth: list[str], seed: int) -> EmbeddingMap | None:
    from training.report import pictures

    if len(given) < FEWEST_POINTS:
        return None
    kinds = ["EEG"] * len(given) + ["gallery"] * len(shown)
    names = truth + [gallery.items[row].label for row in shown]
    return pictures.embedding_map(np.concatenate([given.vectors, gallery.vectors[shown]]), names, kinds, seed=seed)


def _occluded(trials: Trials, shown: Index) -> tuple[NDArray[np.float32], Index]:
    """Averages of stimuli, or single trials where there are few stimuli; and the place of each among those shown."""
    mean = repeats.averaged(trials) if len(shown) >= FEWEST_POINTS else trials
    pick = np.random.default_rng(0).permutation(len(mean))[:MOST_OCCLUDED]
    return mean.windows[pick], np.searchsorted(shown, mean.rows[pick])


def _probabilities(
    encode: Encode, trials: Trials, gallery: Gallery, spec: EncoderSpec, shown: Index, seed: int
) -> tuple[tuple[Reliability, ...], list[Curve]]:
    """What probabilities of the best item were worth: single trials and averages, among the items shown."""
    from training.report import pictures

    most = int(np.median([len(group) for group in repeats.groups(trials)]))
    found, curves = [], []
    for count in dict.fromkeys((1, most)):
        heat, fitted = temperature(spec.calibration, count, len(shown))
        given = answers(encode, trials, count, most=MOST_ANSWERS, seed=seed)
        sure = confidence(given.vectors, gallery.vectors[shown], heat)
        right = shown[(given.vectors @ gallery.vectors[shown].T).argmax(axis=1)] == given.rows
        what = "single trials" if count == 1 else f"averages of {count}"
        note = f"{len(shown)} items searched, temperature {heat:.3g}" + ("" if fitted else ", not fitted")
        found.append(pictures.reliability(f"top-1 probability, {what}", sure, right, note))
        curves.append(_coverage(what, sure, right, note))
    return tuple(found), curves


def _coverage(what: str, sure: NDArray[np.float64], right: NDArray[np.bool_], note: str) -> Curve:
    curve = metrics_probability.accuracy_against_coverage(sure, right)
    pick = np.unique(np.linspace(0, len(curve.coverage) - 1, 50).astype(int))
    return Curve(
        name=f"accuracy against coverage, {what}",
        x_label="share of answers given",
        y_label="top1",
        x=tuple(curve.coverage[pick].tolist()),
        y=tuple(curve.accuracy[pick].tolist()),
        chance=(float(curve.chance),) * len(pick),
        note=f"{note}; the surest first; dashed: answers withheld at random",
    )
