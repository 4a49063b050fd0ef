"""Leave one recording out: the data sets of the proof, the encoders trained without one run, and that run's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.offline import Epochs
from acquisition.plan import Plan
from benchmarks.live_replay import Replayed
from config.bundles import EncoderSpec
from config.errors import RecordingError
from config.load import load_settings
from config.settings import RecordingSource
from inference import build
from inference.bundle import load_encoder
from inference.gallery import Gallery
from training.metrics import retrieval
from training.request import TrainRequest
from training.train import train
from training.trials.epochs import Progress, cut_recordings, reasons, silent
from wire.packets import Result

PRESET = "muse-lsl"
LOWPASS_HZ = 15.0, 20.0, 30.0
ENDS_S = 0.6, 0.8
"""Low-pass and window end that a nested proof chooses between, by inner splits."""
CLOSE = 1e-4
"""Largest distance (1 - cosine) between a live and an offline embedding."""


@dataclass(frozen=True)
class DataSet:
    """Recordings of two categories.

    Attributes
    ----------
    labels
        Marker label to what was shown; the score is for the second.
    targets
        Mean AUC that is asked of each encoder.
    """

    name: str
    labels: dict[str, str]
    targets: dict[str, float]


DATA_SETS = (
    DataSet("left-right", {"1": "grating left", "2": "grating right"}, {"riemann": 0.85, "ensemble": 0.865}),
    DataSet("n170", {"1": "house", "2": "face"}, {"riemann": 0.71, "ensemble": 0.73}),
)


@dataclass(frozen=True)
class Fold:
    """One recording left out.

    Attributes
    ----------
    file
        The recording.
    encoder
        Folder of the bundle trained on the others.
    epochs
        Of the recording, cut offline.
    chosen
        What the inner splits chose.
    """

    data: DataSet
    file: Path
    gallery: Path
    encoder: Path
    epochs: Epochs
    chosen: dict[str, Any]


@dataclass(frozen=True)
class Run:
    """What became of one left-out recording."""

    file: str
    auc_offline: float
    auc_live: float | None
    scored: int
    left_out: int
    """Stimuli without an answer: rejected or missed."""
    rejected: dict[str, int]
    """By reason; a window may have two."""
    chosen: dict[str, Any]
    """By inner splits of the other recordings."""
    same_windows: bool | None
    furthest: float | None
    """Largest 1 - cosine between the live and the offline embedding of a window."""
    windows: dict[str, int] | None
    """Acquisition's final counters."""


def plan() -> Plan:
    """Chain, window and rejection of the preset."""
    settings = load_settings(preset=PRESET)
    if settings.chain is None or settings.window is None or settings.rejection is None:
        raise RecordingError(f"preset '{PRESET}' lacks a chain, a window or a rejection; install eegseek again")
    return Plan(settings.chain, settings.window, settings.rejection, settings.markers)


def plans(nested: bool) -> list[Plan]:
    """The preset's plan alone, or with the other low-passes and window ends."""
    base = plan()
    if not nested:
        return [base]
    return [
        replace(
            base,
            chain=base.chain.model_copy(update={"lowpass_hz": hz}),
            window=base.window.model_copy(update={"end_s": end}),
        )
        for hz in LOWPASS_HZ
        for end in ENDS_S
    ]


def prepare(
    data: DataSet,
    folder: Path,
    out: Path,
    only: Sequence[int] = (),
    parameters: dict[str, Any] | None = None,
    *,
    encoder: str = "riemann",
    nested: bool = False,
    progress: Progress = silent,
) -> list[Fold]:
    """Train on all recordings but one, for each of them (or those of the given indices).

    Parameters
    ----------
    data
        The data set.
    folder
        Holds its recordings as ``.csv``.
    out
        For the bundles.
    only
        Indices of the recordings to leave out; empty: each.
    parameters
        Of the encoder; what is given is not chosen by inner splits.
    encoder
        ``riemann`` or ``ensemble``.
    nested
        Choose the low-pass and the window's end too, by the inner splits' score. Each has its own rejected windows.
    progress
        Told after each training.
    """
    files = sorted(folder.glob("*.csv"))
    if len(files) < 3:
        raise RecordingError(f"'{folder}' holds {len(files)} recordings (.csv), at least 3 are needed to leave one out")
    gallery = out / "gallery"
    build.from_labels(data.labels, gallery)
    sources = [RecordingSource(file=str(file)) for file in files]
    cuts = [(one, *cut_recordings(sources, one)) for one in plans(nested)]
    folds = []
    indices = only or range(len(files))
    for done, k in enumerate(indices):
        progress(f"training without a recording of {data.name}", done, len(indices))
        tried: list[Fold] = []
        for number, (how, epochs, origins) in enumerate(cuts):
            bundle = out / f"encoder-{k}" if len(cuts) == 1 else out / f"encoder-{k}-{number}"
            request = TrainRequest(
                epochs=tuple(e for j, e in enumerate(epochs) if j != k),
                origins=tuple(o for j, o in enumerate(origins) if j != k),
                gallery=Gallery.load(gallery),
                encoder=encoder,
                parameters=parameters or {},
                out=bundle,
                plan=how,
                validation="recording",
            )
            tried.append(Fold(data, files[k], gallery, bundle, epochs[k], chosen_of(train(request))))
        folds.append(max(tried, key=lambda fold: float(fold.chosen["score"])))
    progress(f"training without a recording of {data.name}", len(indices), len(indices))
    return folds


def chosen_of(spec: EncoderSpec) -> dict[str, Any]:
    """What the inner splits chose, and their score of it: of the whole ensemble, or of the best penalty."""
    scores = {one["choice"]: float(one["score"]) for one in spec.training["tried"]}
    return {
        "lowpass_hz": spec.chain.lowpass_hz,
        "end_s": spec.window.end_s,
        "score": scores.get("ensemble", max(scores.values())),
        "parameters": spec.parameters,
    }


def score(fold: Fold, live: Replayed | None) -> Run:
    """Score a left-out recording offline and, where it was replayed, live; and compare the two."""
    loaded, gallery = load_encoder(fold.encoder, "cpu"), Gallery.load(fold.gallery)
    vectors = loaded.encode(fold.epochs.data[:, 0])
    second = np.array([label == gallery.items[1].id for label in fold.epochs.labels])
    offline = retrieval.auc(retrieval.contrast(gallery.cosines(vectors)), second)
    same = furthest = area = counters = None
    if live is not None and live.last is not None:
        by_sequence = {result.sequence: result for result in live.results}
        offline_by = dict(zip((int(s) for s in fold.epochs.sequences), vectors, strict=True))
        same = by_sequence.keys() == offline_by.keys()
        shared = sorted(by_sequence.keys() & offline_by.keys())
        furthest = max((1 - float(by_sequence[s].data[0] @ offline_by[s]) for s in shared), default=None)
        area = live_auc(live.results, gallery)
        counters = dict(live.last.counters)
    return Run(
        file=fold.file.name,
        auc_offline=offline,
        auc_live=area,
        scored=len(vectors) if live is None else len(live.results),
        left_out=len(fold.epochs.refused) + len(fold.epochs.missed),
        rejected=dict(reasons([fold.epochs])),
        chosen=fold.chosen,
        same_windows=same,
        furthest=furthest,
        windows=counters,
    )


def live_auc(results: Sequence[Result], gallery: Gallery) -> float:
    """AUC of published single-trial answers: the cosine of the second item minus that of the first."""
    first, second = (item.id for item in gallery.items)
    scores = []
    for result in results:
        cosine = {hit.id: hit.cosine for hit in result.answers[0].hits}
        scores.append(cosine[second] - cosine[first])
    return retrieval.auc(np.array(scores), np.array([result.stimulus == second for result in results]))
