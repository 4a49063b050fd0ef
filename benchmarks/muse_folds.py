"""Leave one recording out: the data sets of the proof, the encoders trained without one run, and that run's score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.offline import Epochs
from acquisition.plan import Plan
from benchmarks.live_replay import Replayed
from config.errors import RecordingError
from config.load import load_settings
from config.settings import RecordingSource
from inference import build
from inference.bundle import load_encoder
from inference.gallery import Gallery
from training import metrics
from training.epochs import Origin, cut_recordings, reasons
from training.request import TrainRequest
from training.train import train
from wire.packets import Result

PRESET = "muse-lsl"
CLOSE = 1e-4
"""Largest distance (1 - cosine) between a live and an offline embedding."""


@dataclass(frozen=True)
class DataSet:
    """Recordings of two categories.

    Attributes
    ----------
    labels
        Marker label to what was shown; the score is for the second.
    target
        Mean AUC that is asked for.
    """

    name: str
    labels: dict[str, str]
    target: float


DATA_SETS = (
    DataSet("left-right", {"1": "grating left", "2": "grating right"}, 0.85),
    DataSet("n170", {"1": "house", "2": "face"}, 0.71),
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
    alpha
        Ridge penalty that the inner splits chose.
    """

    data: DataSet
    file: Path
    gallery: Path
    encoder: Path
    epochs: Epochs
    alpha: float


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
    alpha: float
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


def prepare(
    data: DataSet, folder: Path, out: Path, only: Sequence[int] = (), parameters: dict[str, Any] | None = None
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
    """
    files = sorted(folder.glob("*.csv"))
    if len(files) < 3:
        raise RecordingError(f"'{folder}' holds {len(files)} recordings (.csv), at least 3 are needed to leave one out")
    gallery = out / "gallery"
    build.from_labels(data.labels, gallery)
    epochs, origins = cut_recordings([RecordingSource(file=str(file)) for file in files], plan())
    folds = []
    for k in only or range(len(files)):
        bundle = out / f"encoder-{k}"
        alpha = _train_without(k, epochs, origins, Gallery.load(gallery), bundle, parameters or {})
        folds.append(Fold(data, files[k], gallery, bundle, epochs[k], alpha))
    return folds


def _train_without(
    left_out: int,
    epochs: Sequence[Epochs],
    origins: Sequence[Origin],
    gallery: Gallery,
    out: Path,
    parameters: dict[str, Any],
) -> float:
    kept = [k for k in range(len(epochs)) if k != left_out]
    request = TrainRequest(
        epochs=tuple(epochs[k] for k in kept),
        origins=tuple(origins[k] for k in kept),
        gallery=gallery,
        encoder="riemann",
        parameters=parameters,
        out=out,
        plan=plan(),
        validation="recording",
    )
    return float(train(request).parameters["alpha"])


def score(fold: Fold, live: Replayed | None) -> Run:
    """Score a left-out recording offline and, where it was replayed, live; and compare the two."""
    loaded, gallery = load_encoder(fold.encoder, "cpu"), Gallery.load(fold.gallery)
    vectors = loaded.encode(fold.epochs.data[:, 0])
    second = np.array([label == gallery.items[1].id for label in fold.epochs.labels])
    offline = metrics.auc(metrics.contrast(gallery.cosines(vectors)), second)
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
        alpha=fold.alpha,
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
    return metrics.auc(np.array(scores), np.array([result.stimulus == second for result in results]))
