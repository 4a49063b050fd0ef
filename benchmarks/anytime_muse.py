"""Real headset recordings: each left out in turn, a decoder for each window end trained on the others.

The chain, window and rejection are those of the preset ``muse-lsl`` (causal) but for the low-pass, which is chosen
between those of `benchmarks.muse_folds` by inner splits of the other recordings: a lower one takes more noise away, but
also comes later, which counts at an early end. Its score there is the mean over all ends of that of ``riemann``, the
fastest to fit. The decoder is ``ensemble`` in stages (`training.closed.staged_fit`): members' options and weights are
chosen at each end by the same splits. The score is the mean over recordings of the AUC of single trials; all ends see
the same trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.anytime_options import ENDS_S
from benchmarks.muse_folds import DATA_SETS, LOWPASS_HZ, DataSet, plan
from config.errors import RecordingError
from config.settings import RecordingSource
from inference import build
from inference.encoders.base import unit_norm
from inference.gallery import Gallery
from training.closed.closed_form import recipe
from training.closed.staged_fit import StagedRecipe
from training.metrics import bootstrap, retrieval
from training.trials import split
from training.trials.ends import until, with_parts
from training.trials.epochs import Progress, Trials, cut_recordings, gather, silent

ENCODER, JUDGE = "ensemble", "riemann"


def measure(name: str, data: Path, inner: int, seed: int, progress: Progress = silent) -> dict[str, Any]:
    """AUC of each left-out recording at each end.

    Parameters
    ----------
    name
        Of a data set of `benchmarks.muse_folds`.
    data
        Holds ``muse``.
    inner
        Inner splits, at most.
    seed
        Of these.
    progress
        Told after each recording.

    Returns
    -------
    dict
        ``ends_s`` (the last is the whole window), ``auc`` (mean over recordings) and its 95 % ``interval`` at each end,
        ``short_of_whole`` with its interval, ``recordings``, and the ``lowpass_hz`` chosen without each of them.

    Raises
    ------
    RecordingError
        There are too few recordings.
    """
    one = next(d for d in DATA_SETS if d.name == name)
    cuts, gallery = _cuts(one, data / "muse" / name, progress)
    window = with_parts(plan(), ENDS_S).window
    times, ends = (*window.part_times, window.n_times), (*window.parts_s, window.end_s)
    origins = cuts[LOWPASS_HZ[0]].origins
    count, areas, chosen = len(origins), [], []
    for k in range(count):
        progress(f"{name}: a recording left out", k, count)
        chosen.append(_lowpass(cuts, k, gallery, times, inner, seed))
        areas.append(_left_out(cuts[chosen[-1]], k, gallery, times, inner, seed))
    progress(f"{name}: a recording left out", count, count)
    table = np.array(areas)
    short = table[:, -1:] - table
    return {
        "ends_s": list(ends),
        "auc": table.mean(axis=0).tolist(),
        "interval": _intervals(table),
        "short_of_whole": short.mean(axis=0).tolist(),
        "short_interval": _intervals(short),
        "recordings": {o.name: row for o, row in zip(origins, table.tolist(), strict=True)},
        "lowpass_hz": chosen,
        "trials": int(sum((cuts[hz].recording == k).sum() for k, hz in enumerate(chosen))),
    }


def _cuts(one: DataSet, folder: Path, progress: Progress) -> tuple[dict[float, Trials], Gallery]:
    """Trials of all recordings at each low-pass, each with its own rejected windows."""
    files = sorted(folder.glob("*.csv"))
    if len(files) < 3:
        raise RecordingError(f"'{folder}' holds {len(files)} recordings (.csv), at least 3 are needed to leave one out")
    with TemporaryDirectory(prefix="eegseek-anytime-") as scratch:
        build.from_labels(one.labels, Path(scratch) / "gallery")
        gallery = Gallery.load(Path(scratch) / "gallery")
    sources, base, found = [RecordingSource(file=str(file)) for file in files], plan(), {}
    for done, hz in enumerate(LOWPASS_HZ):
        progress(f"{one.name}: cutting epochs at each low-pass", done, len(LOWPASS_HZ))
        how = replace(base, chain=base.chain.model_copy(update={"lowpass_hz": hz}))
        found[hz] = gather(*cut_recordings(sources, how), gallery, {})
    progress(f"{one.name}: cutting epochs at each low-pass", len(LOWPASS_HZ), len(LOWPASS_HZ))
    return found, gallery


def _lowpass(cuts: dict[float, Trials], k: int, gallery: Gallery, times: Sequence[int], inner: int, seed: int) -> float:
    """The low-pass that serves all ends best, by inner splits of the other recordings."""
    scores = {}
    for hz, trials in cuts.items():
        known = trials.take(np.flatnonzero(trials.recording != k))
        splits = split.folds(known, "recording", inner, seed)
        found = [
            recipe(JUDGE).choose(until(known, t), gallery.vectors, {}, splits, seed, silent).tried.values()
            for t in times
        ]
        scores[hz] = float(np.mean([max(tried) for tried in found]))
    return max(scores, key=lambda hz: scores[hz])


def _left_out(trials: Trials, k: int, gallery: Gallery, times: Sequence[int], inner: int, seed: int) -> list[float]:
    """AUC of a recording at each end, by a decoder that learned from the others."""
    known, asked = (trials.take(np.flatnonzero(side)) for side in (trials.recording != k, trials.recording == k))
    splits = split.folds(known, "recording", inner, seed)
    method = StagedRecipe(ENCODER, tuple(times))
    chosen = method.choose(known, gallery.vectors, {}, splits, seed, silent)
    fitted = method.fit(known, gallery.vectors, chosen.parameters, seed)
    second = asked.rows == 1
    return [
        retrieval.auc(retrieval.contrast(unit_norm(fitted.embed(until(asked, t).windows)) @ gallery.vectors.T), second)
        for t in times
    ]


def _intervals(table: NDArray[np.float64]) -> list[list[float]]:
    """95 % of the mean of each column, recordings resampled."""
    units = np.arange(len(table))

    def bounds(column: NDArray[np.float64]) -> list[float]:
        found = bootstrap.interval(lambda index: float(column[index].mean()), units)
        return list(found) if found else [float("nan"), float("nan")]

    return [bounds(column) for column in table.T]
