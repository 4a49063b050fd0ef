"""Windows to be classified: cut from recordings, taken from epochs folders, or embedded earlier."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from acquisition.offline import Epochs
from config.bundles import EncoderSpec
from config.errors import BundleError, RecordingError
from config.settings import MarkerSettings, RecordingSource
from inference.encoders.base import unit_norm
from inference.inputs import read_npy, read_text
from inference.loaded import LoadedEncoder
from training.classification.classify import Embedded
from training.trials.epoch_files import is_epochs, read_epochs
from training.trials.epochs import Origin, Progress, cut_recordings, plan_of, silent


@dataclass(frozen=True)
class Stored:
    """Embeddings made earlier.

    Attributes
    ----------
    vectors
        ``.npy`` (n, dim) of floats.
    labels
        File with the marker of each, one a line; None: unknown.
    """

    vectors: Path
    labels: Path | None = None


def epochs_of(
    paths: Sequence[Path],
    spec: EncoderSpec,
    base: RecordingSource,
    markers: MarkerSettings,
    progress: Progress = silent,
) -> tuple[list[Epochs], list[Origin]]:
    """Epochs of recordings, cut by an encoder's own plan, and of epochs folders, in the order given.

    Raises
    ------
    RecordingError
        Nothing is given, or a recording cannot be read.
    BundleError
        Windows are of other channels or of another length than the encoder's.
    """
    if not paths:
        raise RecordingError("no recording is given; name a file or an epochs folder, or more")
    files = [path for path in paths if not is_epochs(path)]
    sources = [base.model_copy(update={"file": str(path), "speed": 0.0}) for path in files]
    cut = cut_recordings(sources, plan_of(spec, markers), progress) if files else ((), ())
    of_file = dict(zip(files, zip(*cut, strict=True), strict=True))
    pairs = []
    for path in paths:
        stored = read_epochs(path) if is_epochs(path) else None
        pairs.append((stored.epochs(), stored.origin) if stored else of_file[path])
    for epochs, origin in pairs:
        _check(epochs, origin, spec)
    return [epochs for epochs, _ in pairs], [origin for _, origin in pairs]


def embed(
    encoder: LoadedEncoder, epochs: Sequence[Epochs], origins: Sequence[Origin], progress: Progress = silent
) -> Embedded:
    """Single trials of recordings, embedded.

    Raises
    ------
    RecordingError
        No window is left.
    """
    parts = []
    for done, one in enumerate(epochs):
        progress("embedding windows", done, len(epochs))
        parts.append(encoder.encode(one.data[:, 0]))
    progress("embedding windows", len(epochs), len(epochs))
    vectors = np.concatenate(parts)
    if not len(vectors):
        raise RecordingError("the recordings give no window; loosen [rejection], or check their markers")
    counts = [len(part) for part in parts]
    people = list(dict.fromkeys(origin.subject for origin in origins))
    numbers = np.repeat(np.arange(len(epochs)), counts)
    return Embedded(
        vectors=vectors,
        labels=tuple(str(label) for one in epochs for label in one.labels),
        recording=numbers,
        subject=np.array([people.index(origins[int(k)].subject) for k in numbers], np.int64),
        origins=tuple(origin.name for origin in origins),
        onsets_s=np.concatenate([one.onsets_s for one in epochs]),
    )


def stored_windows(stored: Stored, spec: EncoderSpec) -> Embedded:
    """Embeddings of a file; each counts as of one recording and one person.

    Raises
    ------
    BundleError
        They are of another dimension than the encoder's, one is zero or not finite, or there are not as many labels.
    """
    vectors = read_npy(stored.vectors)
    n = len(vectors)
    if vectors.shape[1] != spec.dim:
        raise BundleError(f"'{stored.vectors}' holds vectors of {vectors.shape[1]}, the encoder gives {spec.dim}")
    bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1) | ~vectors.any(axis=1))
    if len(bad) or not n:
        what = f"row {bad[0]} is zero or not finite" if n else "it holds none"
        raise BundleError(f"'{stored.vectors}' has no embedding to classify: {what}; make it again")
    labels = tuple(line.strip() for line in read_text(stored.labels).splitlines()) if stored.labels else ("",) * n
    if len(labels) != n:
        raise BundleError(f"'{stored.labels}' holds {len(labels)} labels for {n} embeddings; expected one a line")
    zeros = np.zeros(n, np.int64)
    return Embedded(unit_norm(vectors), labels, zeros, zeros, (stored.vectors.name,), np.zeros(n))


def notes_on(spec: EncoderSpec, epochs: Sequence[Epochs], origins: Sequence[Origin]) -> list[str]:
    """What should be said of scores on these recordings."""
    trained = {record.get("sha256") for record in spec.training.get("recordings", []) if isinstance(record, dict)}
    seen = [origin.name for origin in origins if origin.sha256 and origin.sha256 in trained]
    notes = []
    if seen:
        notes.append(f"the encoder was trained on {', '.join(seen)}: these scores say nothing about new recordings")
    if spec.simulated or any(one.info.simulated for one in epochs):
        notes.append("simulated participant, not a person")
    return notes


def _check(epochs: Epochs, origin: Origin, spec: EncoderSpec) -> None:
    if tuple(epochs.channels) != spec.channels:
        raise BundleError(
            f"'{origin.name}' holds channels {', '.join(epochs.channels)}, the encoder takes {', '.join(spec.channels)}"
            "; cut it by the encoder's own chain"
        )
