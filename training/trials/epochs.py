"""Epochs of recordings, gathered into trials whose labels stand for rows of a gallery."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.offline import Epochs, cut
from acquisition.plan import Plan
from acquisition.recordings.converted import recording_sha256
from acquisition.sources.factory import make_source
from config.bundles import EncoderSpec
from config.chain import WindowSettings
from config.errors import BundleError, RecordingError
from config.settings import MarkerSettings, RecordingSource
from inference.gallery import Gallery

CHUNK = 4096
"""Windows copied at once."""

Progress = Callable[[str, int, int], None]
"""Told (what is being done, steps done, steps in all)."""


def silent(what: str, done: int, total: int) -> None:
    """The `Progress` that says nothing."""


@dataclass(frozen=True)
class Origin:
    """Where epochs come from.

    Attributes
    ----------
    name
        Of the recording, as shown to people; each its own.
    sha256
        Of the recorded file; empty: of the windows themselves.
    subject
        Who was recorded; repeats of a stimulus are averaged within a subject only.
    causal
        False where a filter without causality was used.
    """

    name: str
    sha256: str = ""
    subject: str = ""
    causal: bool = True


@dataclass(frozen=True)
class Trials:
    """Single trials of some recordings.

    Attributes
    ----------
    windows
        (n, channels, times) float32, µV.
    rows
        (n,) int64, row of the gallery that was shown.
    recording
        (n,) int64, index into ``origins``.
    subject
        (n,) int64, running number of the subject.
    origins
        The recordings, each with its hash.
    channels
        Names, in the order of the windows.
    unmapped
        Trials left out because their label stands for no item: label to count.
    refused
        Windows that were rejected, by reason; a window counts once for each of its reasons.
    lost
        Stimuli rejected or missed.
    simulated
        Some of it comes from a simulated participant.
    onsets_s
        (n,) float64, onset within the recording; equal numbers where a file does not say, empty where nothing does.
    """

    windows: NDArray[np.float32]
    rows: NDArray[np.int64]
    recording: NDArray[np.int64]
    subject: NDArray[np.int64]
    origins: tuple[Origin, ...]
    channels: tuple[str, ...]
    unmapped: dict[str, int] = field(default_factory=dict)
    refused: dict[str, int] = field(default_factory=dict)
    lost: int = 0
    simulated: bool = False
    onsets_s: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def causal(self) -> bool:
        """Whether no recording was filtered without causality."""
        return all(origin.causal for origin in self.origins)

    def take(self, index: NDArray[np.int64]) -> Trials:
        """Some of the trials; counts of what was left out stay those of the whole."""
        return replace(
            self,
            windows=self.windows[index],
            rows=self.rows[index],
            recording=self.recording[index],
            subject=self.subject[index],
            onsets_s=self.onsets_s[index] if len(self.onsets_s) else self.onsets_s,
        )


def plan_of(spec: EncoderSpec, markers: MarkerSettings | None = None) -> Plan:
    """The plan by which a bundle's whole windows are cut."""
    return Plan(spec.chain, whole(spec.window), spec.rejection, markers or MarkerSettings())


def whole(window: WindowSettings) -> WindowSettings:
    """A window without its earlier ends: what is known at these are the first samples of the whole one."""
    return window.model_copy(update={"parts_s": ()})


def cut_recordings(
    sources: Sequence[RecordingSource], plan: Plan, progress: Progress = silent
) -> tuple[tuple[Epochs, ...], tuple[Origin, ...]]:
    """Epochs of recordings and journals, cut by the live pipeline at full speed.

    Parameters
    ----------
    sources
        A recording each; a file ending in ``.esj`` is the journal of a session.
    plan
        Chain, window, rejection and markers.
    progress
        Told after each recording.

    Raises
    ------
    RecordingError
        A recording cannot be read, or none is given.
    """
    if not sources:
        raise RecordingError("no recording is given; name one file or more")
    epochs = []
    for done, settings in enumerate(sources):
        progress("cutting epochs", done, len(sources))
        epochs.append(_cut(settings, plan))
    progress("cutting epochs", len(sources), len(sources))
    names = _names([Path(settings.file) for settings in sources])
    origins = [
        Origin(name, recording_sha256(Path(settings.file)), _subject(settings.file))
        for name, settings in zip(names, sources, strict=True)
    ]
    return tuple(epochs), tuple(origins)


def _cut(settings: RecordingSource, plan: Plan) -> Epochs:
    return cut(make_source(settings.model_copy(update={"speed": 0.0})), replace(plan, window=whole(plan.window)))


def gather(
    epochs: Sequence[Epochs], origins: Sequence[Origin], gallery: Gallery, truth: Mapping[str, str] | None = None
) -> Trials:
    """Trials of several recordings, their labels mapped to gallery rows.

    Parameters
    ----------
    epochs
        Of each recording.
    origins
        One each; empty: numbered.
    gallery
        Whose rows are meant.
    truth
        Marker label to item id; empty or None: the label is the id.

    Raises
    ------
    RecordingError
        Nothing is left to learn from, the recordings differ in channels, or two hold the same data.
    BundleError
        The session file names items that the gallery does not hold.
    """
    if not epochs:
        raise RecordingError("no recording is given; name one file or more")
    origins = list(origins) or [Origin(f"recording {k + 1}") for k in range(len(epochs))]
    if len(origins) != len(epochs):
        raise RecordingError(f"{len(epochs)} recordings came with {len(origins)} names; give one each")
    _check_shapes(epochs, origins)
    row_of = rows_of_labels(gallery, truth)
    known = [np.array([label in row_of for label in e.labels], dtype=bool) for e in epochs]
    _check_known(epochs, origins, known, bool(truth))
    labels = [label for e, keep in zip(epochs, known, strict=True) for label in np.array(e.labels, object)[keep]]
    recording = np.concatenate([np.full(int(keep.sum()), k) for k, keep in enumerate(known)]).astype(np.int64)
    subjects = {name: k for k, name in enumerate(dict.fromkeys(o.subject for o in origins))}
    hashed = tuple(_hashed(o, e) for o, e in zip(origins, epochs, strict=True))
    _check_twins(hashed)
    return Trials(
        windows=_singles(epochs, known),
        rows=np.array([row_of[label] for label in labels], np.int64),
        recording=recording,
        subject=np.array([subjects[origins[k].subject] for k in recording], np.int64),
        origins=hashed,
        channels=_channels(epochs[0]),
        unmapped=dict(Counter(str(label) for e in epochs for label in e.labels if label not in row_of)),
        refused=dict(reasons(epochs)),
        lost=sum(len(e.refused) + len(e.missed) for e in epochs),
        simulated=any(e.info.simulated for e in epochs),
        onsets_s=np.concatenate([e.onsets_s[keep] for e, keep in zip(epochs, known, strict=True)]),
    )


def _singles(epochs: Sequence[Epochs], known: Sequence[NDArray[np.bool_]]) -> NDArray[np.float32]:
    """Single trials (n, channels, times) that are known, piece by piece, so that memory holds the data once."""
    shape = (sum(int(keep.sum()) for keep in known), *epochs[0].data.shape[2:])
    windows = np.empty(shape, epochs[0].data.dtype)
    first = 0
    for e, keep in zip(epochs, known, strict=True):
        index = np.flatnonzero(keep)
        for k in range(0, len(index), CHUNK):
            part = index[k : k + CHUNK]
            windows[first : first + len(part)] = e.data[part, 0]
            first += len(part)
    return windows


def reasons(epochs: Sequence[Epochs]) -> Counter[str]:
    """How often each reason (its stable word, without the details) refused a window."""
    return Counter(reason.partition(":")[0] for e in epochs for refused in e.refused for reason in refused.reasons)


def rows_of_labels(gallery: Gallery, truth: Mapping[str, str] | None) -> dict[str, int]:
    """Gallery row of each marker label.

    Raises
    ------
    BundleError
        The session file names an item that the gallery does not hold.
    """
    if not truth:
        return dict(gallery.row_of)
    for label, item in truth.items():
        if item not in gallery.row_of:
            raise BundleError(
                f"the session file maps marker '{label}' to item '{item}', which the gallery does not hold; "
                f"its items are {_some(gallery.row_of)}"
            )
    return {label: gallery.row_of[item] for label, item in truth.items()}


def _channels(epochs: Epochs) -> tuple[str, ...]:
    return tuple(epochs.channels)


def _check_shapes(epochs: Sequence[Epochs], origins: Sequence[Origin]) -> None:
    first = epochs[0]
    for other, origin in zip(epochs, origins, strict=True):
        if _channels(other) != _channels(first):
            raise RecordingError(
                f"'{origin.name}' has channels {', '.join(_channels(other))}, but '{origins[0].name}' has "
                f"{', '.join(_channels(first))}; name those to use with --set chain.channels=[…]"
            )
        if other.data.shape[2:] != first.data.shape[2:]:
            raise RecordingError(
                f"windows of '{origin.name}' are {other.data.shape[2:]} (channels, times), those of "
                f"'{origins[0].name}' {first.data.shape[2:]}; cut all recordings by one plan"
            )


def _check_known(
    epochs: Sequence[Epochs], origins: Sequence[Origin], known: Sequence[NDArray[np.bool_]], mapped: bool
) -> None:
    """Each recording must bring at least one trial whose item is known."""
    where = "the session file" if mapped else "the gallery"
    for e, origin, keep in zip(epochs, origins, known, strict=True):
        if keep.any():
            continue
        if len(e.labels):
            raise RecordingError(
                f"'{origin.name}' has markers {_some(dict.fromkeys(e.labels))}, none of which {where} knows; give a "
                "gallery that holds these items, or a session file (--truth) that maps these labels to gallery ids"
            )
        why = f"all {len(e.refused)} stimuli rejected ({_counts(reasons([e]))})" if e.refused else "it has no stimulus"
        raise RecordingError(f"'{origin.name}' gives no window, {why}; loosen [rejection], or leave the recording out")


def _check_twins(origins: Sequence[Origin]) -> None:
    """One recording under two names could stand on both sides of a split."""
    seen: dict[str, str] = {}
    for origin in origins:
        if origin.sha256 in seen:
            raise RecordingError(
                f"'{seen[origin.sha256]}' and '{origin.name}' hold the same data; leave one of them out"
            )
        seen[origin.sha256] = origin.name


def _hashed(origin: Origin, epochs: Epochs) -> Origin:
    if origin.sha256:
        return origin
    return replace(origin, sha256=hashlib.sha256(epochs.data.tobytes()).hexdigest())


def _names(paths: Sequence[Path]) -> list[str]:
    """File names where they are distinct, else whole paths."""
    short = [path.name for path in paths]
    return short if len(set(short)) == len(short) else [str(path) for path in paths]


def _subject(file: str) -> str:
    """The ``sub-…`` of a BIDS path, empty where there is none."""
    found = re.search(r"sub-([A-Za-z0-9]+)", file)
    return found.group(1) if found else ""


def _some(names: Mapping[str, object], most: int = 5) -> str:
    shown = ", ".join(f"'{name}'" for name in list(names)[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{reason} {count}" for reason, count in found.most_common(3))
