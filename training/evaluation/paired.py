"""One decoder on two preparations of the same recordings: each recording's score, and the difference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from inference.encoders import registry
from inference.encoders.base import Vectors, unit_norm
from training.closed import linear_adapter
from training.closed.closed_form import recipe
from training.metrics import bootstrap, retrieval
from training.protocols.schema import Metric, Row
from training.trials import split
from training.trials.epochs import Progress, Trials, silent

INNER_FOLDS = 6
FEWEST = 3
"""Recordings; with fewer there is none to choose by once one is left out."""


@dataclass(frozen=True)
class Scores:
    """Scores of left-out recordings.

    Attributes
    ----------
    name
        Of the preparation, such as ``causal``.
    criterion
        ``auc`` between two items, ``mrr`` among more.
    values
        (recordings,), NaN where a recording has no score.
    n
        (recordings,), trials scored in each.
    items
        Items told apart.
    chance
        Mean over recordings, where not all show all items; None: that of ``items``.
    """

    name: str
    criterion: str
    values: NDArray[np.float64]
    n: NDArray[np.int64]
    items: int
    chance: float | None = None

    @property
    def metric(self) -> Metric:
        """Mean over recordings, its interval from resampling them."""
        low, high = _interval(self.values)
        return Metric(
            value=_finite(np.nanmean(self.values)),
            chance=retrieval.chance(self.items)[self.criterion] if self.chance is None else self.chance,
            chance_by="analytic",
            low=low,
            high=high,
            n=int(self.n.sum()),
            unit="runs" if low is not None else "",
        )


@dataclass(frozen=True)
class Paired:
    """Two preparations, scored on the same recordings by decoders of the same kind."""

    encoder: str
    first: Scores
    second: Scores

    @property
    def difference(self) -> Metric:
        """Second minus first, paired by recording; its interval from resampling recordings."""
        gains = self.second.values - self.first.values
        low, high = _interval(gains)
        unit = "runs" if low is not None else ""
        return Metric(value=_finite(np.nanmean(gains)), chance=0.0, low=low, high=high, n=len(gains), unit=unit)

    def row(self, protocol: str, what: str, *, causal: bool = True, notes: tuple[str, ...] = ()) -> Row:
        """For a report: both scores and their difference."""
        names = (self.first, self.second)
        found = {f"{one.criterion}, {one.name}": one.metric for one in names}
        return Row(
            protocol=protocol,
            what=what,
            encoder=self.encoder,
            trained_by="closed form, one recording left out",
            n_way=self.first.items,
            gallery="shown images",
            selection="validation-picked by inner splits",
            causal=causal,
            metrics={**found, f"{self.second.name} - {self.first.name}": self.difference},
            notes=notes,
        )


def leave_one_recording_out(
    name: str,
    learned: Trials,
    asked: Trials,
    vectors: Vectors,
    encoder: str = "riemann",
    *,
    parameters: dict[str, Any] | None = None,
    seed: int = 0,
    progress: Progress = silent,
) -> Scores:
    """Score each recording by a decoder fitted to the others, its options chosen by inner splits of those.

    Parameters
    ----------
    name
        Of the preparation.
    learned, asked
        Trials to fit to and to score, of the same recordings; they may be the same.
    vectors
        (items, dim) of the gallery, unit norm.
    encoder
        One that is fitted in closed form.
    parameters
        Of it, not to be chosen.
    seed
        Of the splits.
    progress
        Told after each recording.

    Raises
    ------
    RecordingError
        There are fewer than three recordings, or the encoder is a network.
    """
    recordings = np.unique(asked.recording)
    if len(recordings) < FEWEST:
        raise RecordingError(f"{len(recordings)} recordings cannot be left out one by one; give {FEWEST} or more")
    if registry.is_network(encoder):
        raise RecordingError(f"'{encoder}' is a network, fitted too slowly to leave each recording out; use 'riemann'")
    method = recipe(encoder)
    values, counts, chances, criterion = [], [], [], ""
    for done, recording in enumerate(recordings):
        progress(f"leaving a recording out ({name})", done, len(recordings))
        known = learned.take(np.flatnonzero(learned.recording != recording))
        unseen = asked.take(np.flatnonzero(asked.recording == recording))
        inner = split.folds(known, "recording", INNER_FOLDS, seed)
        chosen = method.choose(known, vectors, parameters or {}, inner, seed, silent)
        model = method.fit(known, vectors, chosen.parameters, seed)
        shown, truth = np.unique(unseen.rows, return_inverse=True)
        items = linear_adapter.projected(model, vectors[shown])
        criterion, value = retrieval.headline(unit_norm(model.embed(unseen.windows)) @ items.T, truth)
        values.append(value)
        chances.append(retrieval.chance(len(shown))[criterion])
        counts.append(len(unseen))
    progress(f"leaving a recording out ({name})", len(recordings), len(recordings))
    told_apart = len(np.unique(asked.rows))
    return Scores(name, criterion, np.array(values), np.array(counts, np.int64), told_apart, float(np.mean(chances)))


def pair(encoder: str, first: Scores, second: Scores) -> Paired:
    """Two preparations, refused where they are not scored alike.

    Raises
    ------
    RecordingError
        A recording lost all its windows in one of them.
    """
    if len(first.values) != len(second.values) or first.criterion != second.criterion:
        raise RecordingError(
            f"'{first.name}' and '{second.name}' are not scored alike ({len(first.values)} and {len(second.values)} "
            f"recordings, {first.criterion} and {second.criterion}); a recording lost its windows in one of them"
        )
    return Paired(encoder, first, second)


def _interval(values: NDArray[np.float64]) -> tuple[float | None, float | None]:
    found = bootstrap.interval(lambda index: float(np.nanmean(values[index])), np.arange(len(values)))
    return (None, None) if found is None else found


def _finite(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None
