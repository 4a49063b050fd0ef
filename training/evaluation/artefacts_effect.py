"""What a treatment of artefacts does to a decoder's score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from acquisition.plan import Plan
from config.settings import RecordingSource
from inference.gallery import Gallery
from training.evaluation.paired import Paired, leave_one_recording_out, pair
from training.trials.artefacts import with_asr, without_outliers
from training.trials.epochs import Progress, cut_recordings, gather, silent

Method = Literal["faster", "faster-training", "asr"]


@dataclass(frozen=True)
class Effect:
    """What a treatment of artefacts does to a score.

    Attributes
    ----------
    scores
        Without it, and with it.
    said
        Counts of what it took out.
    """

    scores: Paired
    said: str


def effect(
    method: Method,
    sources: Sequence[RecordingSource],
    plan: Plan,
    gallery: Gallery,
    *,
    truth: Mapping[str, str] | None = None,
    encoder: str = "riemann",
    parameters: dict[str, Any] | None = None,
    cutoff: float = 20.0,
    threshold: float = 3.0,
    seed: int = 0,
    progress: Progress = silent,
) -> Effect:
    """Score of a decoder without and with a treatment, one recording left out; ``scores.row`` reports it.

    Parameters
    ----------
    method
        ``faster``: outlying windows leave training and test alike, so fewer are scored; ``faster-training``: they
        leave the training only, and the same windows are scored; ``asr``: the chain takes artefacts out. ASR is
        calibrated on the first of the recordings, which is then only trained on.
    sources
        Three recordings or more; four for ``asr``.
    plan
        Chain, window, rejection and markers.
    gallery, truth
        What was shown.
    encoder, parameters
        Fitted in closed form, with options that are not to be chosen.
    cutoff, threshold
        Of ASR and of FASTER.
    seed
        Of the splits.
    progress
        Told what is done.
    """
    epochs, origins = cut_recordings(sources, plan, progress)
    options: dict[str, Any] = {"parameters": parameters, "seed": seed, "progress": progress}
    plain = gather(epochs, origins, gallery, truth)
    rate = plan.window.rate_hz
    asked = plain
    if method == "asr":
        treated, _ = cut_recordings(sources, with_asr(sources[:1], plan, cutoff=cutoff, progress=progress), progress)
        after = gather(treated, origins, gallery, truth)
        asked, scored = (t.take(np.flatnonzero(t.recording > 0)) for t in (plain, after))
        lost = [sum(len(e.refused) for e in part) for part in (epochs, treated)]
        said = f"{lost[0]} windows rejected without, {lost[1]} with"
        learned = after
    else:
        cleaned = [without_outliers(e, rate, threshold=threshold) for e in epochs]
        learned = gather([kept for kept, _ in cleaned], origins, gallery, truth)
        scored = learned if method == "faster" else plain
        counts: Counter[str] = Counter()
        for _, found in cleaned:
            counts.update(found.by_metric)
        total = sum(int(found.windows.sum()) for _, found in cleaned)
        said = f"{total} of {len(plain)} windows are outliers: " + ", ".join(f"{k} {n}" for k, n in counts.items())
    without = leave_one_recording_out("as they are", plain, asked, gallery.vectors, encoder, **options)
    name = f"ASR at {cutoff:g} SD" if method == "asr" else "without outliers"
    treatment = leave_one_recording_out(name, learned, scored, gallery.vectors, encoder, **options)
    return Effect(pair(encoder, without, treatment), said)
