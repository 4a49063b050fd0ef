"""Epochs that protocols learn from and score, in parts: some recordings, items, channels, or a shorter window."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from acquisition.offline import Epochs
from acquisition.plan import Plan
from config.errors import SettingsError
from inference.gallery import Gallery
from training.protocols.answers import Encode
from training.trials.epochs import Origin, Trials, gather

BACK_TO_FRONT = ("O", "PO", "P", "TP", "CP", "T", "C", "FT", "FC", "F", "AF", "FP")
"""Rows of the 10-10 system, from the back of the head: visual responses are strongest there. Fixed before any score."""


@dataclass(frozen=True)
class Data:
    """Epochs of recordings, the plan that cut them, and what their labels mean.

    Attributes
    ----------
    epochs, origins
        One each a recording.
    plan
        That cut them.
    truth
        Marker label to item id; empty: the label is the id.
    """

    epochs: tuple[Epochs, ...]
    origins: tuple[Origin, ...]
    plan: Plan
    truth: Mapping[str, str] = field(default_factory=dict)

    def trials(self, gallery: Gallery) -> Trials:
        """As `training.trials.epochs.gather` gives them."""
        return gather(self.epochs, self.origins, gallery, self.truth)

    def without_signal(self, gallery: Gallery) -> Trials:
        """The same trials with windows of no samples: enough to look for leaks, and large data are not read."""
        if not all(origin.sha256 for origin in self.origins):
            return self.trials(gallery)  # the windows themselves say which recording it is
        return replace(self, epochs=tuple(replace(e, data=e.data[..., :0]) for e in self.epochs)).trials(gallery)

    @property
    def subjects(self) -> tuple[str, ...]:
        """Names, in order of appearance."""
        return tuple(dict.fromkeys(origin.subject for origin in self.origins))

    def of_subject(self, name: str, others: bool = False) -> Data:
        """The recordings of a subject, or of all others."""
        return self.recordings(lambda origin: (origin.subject == name) != others)

    def recordings(self, keep: Callable[[Origin], bool]) -> Data:
        """Some of the recordings."""
        pairs = [(e, o) for e, o in zip(self.epochs, self.origins, strict=True) if keep(o)]
        return replace(self, epochs=tuple(e for e, _ in pairs), origins=tuple(o for _, o in pairs))

    def items(self, keep: Callable[[str], bool]) -> Data:
        """The windows that show some items; recordings without any are left out."""
        pairs = []
        for e, o in zip(self.epochs, self.origins, strict=True):
            index = np.flatnonzero([keep(self.truth.get(label, label)) for label in e.labels])
            if len(index):
                pairs.append((_take(e, index), o))
        return replace(self, epochs=tuple(e for e, _ in pairs), origins=tuple(o for _, o in pairs))

    def until(self, end_s: float) -> Data:
        """The same windows, cut to end earlier: as they would have been cut, for the filters are causal.

        Raises
        ------
        SettingsError
            The windows do not reach so far, or nothing would be left.
        """
        window = self.plan.window
        if not window.start_s < end_s <= window.end_s + 1e-9:
            raise SettingsError(
                f"windows from {window.start_s:g} to {window.end_s:g} s cannot end at {end_s:g} s; "
                "choose a time between"
            )
        shorter = window.model_copy(update={"end_s": end_s})
        epochs = tuple(replace(e, data=e.data[..., : shorter.n_times]) for e in self.epochs)
        return replace(self, epochs=epochs, plan=replace(self.plan, window=shorter))

    def channels(self, names: Sequence[str]) -> Data:
        """Some of the channels, re-referenced to their own average where the chain does that.

        Raises
        ------
        SettingsError
            A channel is not there.
        """
        have = self.epochs[0].channels
        missing = [name for name in names if name not in have]
        if missing:
            raise SettingsError(f"channel '{missing[0]}' is not among {', '.join(have)}")
        index = [have.index(name) for name in names]
        average = self.plan.chain.reference == "average"
        epochs = tuple(replace(e, data=_pick(e.data, index, average), channels=tuple(names)) for e in self.epochs)
        chain = self.plan.chain.model_copy(update={"channels": tuple(names)})
        return replace(self, epochs=epochs, plan=replace(self.plan, chain=chain))


@dataclass(frozen=True)
class Trained:
    """A decoder, and the gallery in its space (after its adapter, where it has one)."""

    encode: Encode
    gallery: Gallery


TrainFn = Callable[[Data, str], Trained]
"""Trains on data, under a name of its own."""


def from_the_back(channels: Sequence[str]) -> list[str]:
    """Channels from the back of the head to the front, from the middle outwards; unknown names last."""

    def key(name: str) -> tuple[int, int, str]:
        found = re.fullmatch(r"([A-Za-z]+?)(z|\d+)", name)
        prefix = found.group(1).upper() if found else ""
        row = BACK_TO_FRONT.index(prefix) if prefix in BACK_TO_FRONT else len(BACK_TO_FRONT)
        side = 0 if not found or found.group(2) == "z" else int(found.group(2))
        return row, side, name

    return sorted(channels, key=key)


def _take(epochs: Epochs, index: NDArray[np.int64]) -> Epochs:
    return replace(
        epochs,
        data=epochs.data[index],
        labels=tuple(epochs.labels[k] for k in index),
        onsets_s=epochs.onsets_s[index],
        repeats=epochs.repeats[index],
        sequences=epochs.sequences[index],
    )


def _pick(data: NDArray[np.float32], index: Sequence[int], average: bool) -> NDArray[np.float32]:
    picked = data[:, :, list(index)]
    if average and len(index) > 1:
        picked = picked - picked.mean(axis=2, keepdims=True)
    return np.asarray(picked, np.float32)
