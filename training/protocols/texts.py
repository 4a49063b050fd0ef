"""Recordings and the texts about them: long recordings in crops, one text each (EEG-CLIP's clinical form [1]_).

References
----------
.. [1] N'dir, Schirrmeister & Ball (2025), EEG-CLIP: learning EEG representations from natural language descriptions,
   arXiv:2503.16531.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.encoders.base import Vectors, unit_norm
from inference.gallery import Gallery
from training.confidence import scoring
from training.protocols.answers import CHUNK, Encode, retrieve
from training.protocols.conditions import Conditions
from training.protocols.schema import GalleryKind, Row
from training.protocols.statistics import retrieval_metrics
from training.trials.epochs import Progress, Trials, silent

PROTOCOL = "recording and text"
FEWEST = 3
Index = NDArray[np.int64]


def texts(
    encode: Encode,
    trials: Trials,
    gallery: Gallery,
    base: Conditions,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Row]:
    """Texts found by recordings, and recordings by texts; a recording is the mean of its crops' embeddings.

    Parameters
    ----------
    trials
        Crops: all windows of a recording carry the one label of its text, an item of the gallery.
    seed
        Of the resampling, of recordings.

    Raises
    ------
    RecordingError
        A recording has several texts, or there are too few recordings or texts.
    """
    recordings, text = _one_text_each(trials)
    shown = np.unique(text)
    if len(recordings) < FEWEST or len(shown) < 2:
        raise RecordingError(
            f"{len(recordings)} recordings with {len(shown)} texts are too few to be told apart; give {FEWEST} or more"
        )
    crops = _encode(encode, trials, progress)
    means = unit_norm(np.stack([crops[trials.recording == run].mean(axis=0) for run in recordings]))
    subject = np.array([trials.subject[trials.recording == run][0] for run in recordings])
    place = np.searchsorted(shown, text)
    units: scoring.Units = {"subjects": subject, "stimuli": text, "runs": recordings}
    of_crops: scoring.Units = {"subjects": trials.subject, "stimuli": trials.rows, "runs": trials.recording}
    vectors = gallery.vectors[shown]
    rows = []

    def add(found_vectors: Vectors, truth: Index, rivals: Vectors, of: scoring.Units, what: str, repeats: int) -> None:
        found = retrieve(found_vectors, truth, rivals, of)
        kind: GalleryKind = "texts"
        metrics = retrieval_metrics(found, found.size, "runs", seed=seed)
        rows.append(base.row(PROTOCOL, what, n_way=found.size, gallery=kind, repeats=repeats, metrics=metrics))

    add(means, place, vectors, units, "the text of a recording, by the mean of its crops", 0)
    add(crops, np.searchsorted(shown, trials.rows), vectors, of_crops, "the text of a recording, by a single crop", 1)
    if len(shown) == len(recordings):
        texts_ = gallery.vectors[text]
        add(texts_, np.arange(len(text)), means, units, "the recording of a text, by the mean of its crops", 0)
    return rows


def _one_text_each(trials: Trials) -> tuple[Index, Index]:
    """Recordings, and the gallery row of each one's text."""
    recordings = np.unique(trials.recording)
    found = []
    for run in recordings:
        rows = np.unique(trials.rows[trials.recording == run])
        if len(rows) > 1:
            raise RecordingError(
                f"'{trials.origins[int(run)].name}' carries {len(rows)} labels: a recording has one text, on all of "
                "its crops; score pictures with --protocol zero-shot"
            )
        found.append(int(rows[0]))
    return recordings, np.array(found, np.int64)


def _encode(encode: Encode, trials: Trials, progress: Progress) -> Vectors:
    parts = []
    for start in range(0, len(trials), CHUNK):
        progress("encoding crops", start, len(trials))
        parts.append(encode(trials.windows[start : start + CHUNK]))
    progress("encoding crops", len(trials), len(trials))
    return np.concatenate(parts)
