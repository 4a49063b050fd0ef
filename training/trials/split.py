"""Splits into training and held-out trials: by recording or by stimulus, never by repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError
from training.trials.epochs import Trials

Kind = Literal["recording", "stimulus"]
Index = NDArray[np.int64]
FEW_ITEMS = 10
"""With fewer items than this, and two recordings or more, recordings are held out rather than items."""
FEWEST_TRIALS = 8
"""On either side of a split."""


@dataclass(frozen=True)
class Split:
    """Indices of trials on the two sides.

    Attributes
    ----------
    kind
        What is never on both sides: a recording, or a stimulus.
    train, held
        Indices of trials.
    """

    kind: Kind
    train: Index
    held: Index


def choose(trials: Trials, wanted: Literal["auto", "recording", "stimulus"]) -> Kind:
    """Kind of split that the data allow.

    Raises
    ------
    RecordingError
        The wanted kind is not possible.
    """
    items, recordings = len(np.unique(trials.rows)), len(np.unique(trials.recording))
    if wanted == "auto":
        wanted = "recording" if recordings > 1 and items < FEW_ITEMS else "stimulus"
    if wanted == "recording" and recordings < 2:
        raise RecordingError("one recording cannot be split by recording; record a second run, or validate by stimulus")
    if wanted == "stimulus" and items < FEW_ITEMS:
        raise RecordingError(
            f"{items} items in {recordings} recording(s) cannot be split by stimulus (at least {FEW_ITEMS} are "
            "needed); record a second run and validate by recording, or train without validation"
        )
    return wanted


def hold_out(trials: Trials, kind: Kind, share: float, seed: int) -> Split:
    """One split with about ``share`` of the recordings or stimuli held out, drawn at random.

    Raises
    ------
    RecordingError
        Too little is left on one of the sides.
    """
    units = _units(trials, kind)
    names = np.unique(units)
    count = min(max(1, round(share * len(names))), len(names) - 1)
    held = np.random.default_rng(seed).choice(names, count, replace=False)
    return _split(trials, kind, np.isin(units, held))


def folds(trials: Trials, kind: Kind, most: int, seed: int) -> list[Split]:
    """Splits that hold each recording or stimulus out once, in at most ``most`` parts."""
    units = _units(trials, kind)
    names = np.random.default_rng(seed).permutation(np.unique(units))
    parts = np.array_split(names, min(most, len(names)))
    return [_split(trials, kind, np.isin(units, part)) for part in parts]


def check(split: Split, trials: Trials) -> None:
    """Refuse a split that leaks.

    Raises
    ------
    RecordingError
        A trial, or what must be held out whole, stands on both sides, or a side has too few trials.
    """
    shared = np.intersect1d(split.train, split.held)
    units = _units(trials, split.kind)
    both = np.intersect1d(units[split.train], units[split.held])
    if len(shared) or len(both):
        raise RecordingError(
            f"{len(shared)} trials and {len(both)} of the {split.kind} units stand in training and in validation; "
            "hold out whole ones"
        )
    fewest = min(len(split.train), len(split.held))
    if fewest < FEWEST_TRIALS:
        raise RecordingError(
            f"a split by {split.kind} leaves {len(split.train)} trials for training and {len(split.held)} for "
            f"validation, at least {FEWEST_TRIALS} are needed; record more"
        )


def _units(trials: Trials, kind: Kind) -> Index:
    return trials.recording if kind == "recording" else trials.rows


def _split(trials: Trials, kind: Kind, held: NDArray[np.bool_]) -> Split:
    split = Split(kind, np.flatnonzero(~held), np.flatnonzero(held))
    check(split, trials)
    return split
