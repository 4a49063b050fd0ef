"""What makes a score worthless, and is refused: repeats, files or stimuli on both sides."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.bundles import EncoderSpec
from config.errors import RecordingError
from inference.gallery import Gallery
from training.trials.epochs import Trials

Index = NDArray[np.int64]


def check_split(trials: Trials, train: Index, held: Index) -> None:
    """Refuse a split in which a trial, repeats of a stimulus of one subject, or a file stand on both sides.

    Files may be shared where the stimuli are not: pictures of one recording can be held out.

    Raises
    ------
    RecordingError
        Names what is shared.
    """
    if len(np.intersect1d(train, held)):
        raise RecordingError("trials stand on both sides of the split; hold out other ones than are learned from")
    keys = np.stack([trials.subject, trials.rows], axis=1)
    both = _common(keys[train], keys[held])
    if both:
        shared = np.intersect1d(trials.recording[train], trials.recording[held])
        where = f", {len(shared)} recordings too" if len(shared) else ""
        raise RecordingError(
            f"repeats of {both} stimuli stand on both sides of the split{where}: a decoder would know them "
            "again rather than tell them apart; hold out whole stimuli"
        )


def check_files(trials: Trials, train: Index, held: Index) -> None:
    """Refuse a split in which one file stands on both sides.

    Raises
    ------
    RecordingError
        Names the file.
    """
    shared = np.intersect1d(trials.recording[train], trials.recording[held])
    if len(shared):
        raise RecordingError(
            f"'{trials.origins[int(shared[0])].name}' stands on both sides of the split: what drifts within a "
            "recording would be taken for skill; hold out whole recordings"
        )


def check_sides(learned: Trials, scored: Trials, *, zero_shot: bool) -> None:
    """Refuse recordings, or for zero-shot claims stimuli, that stand among what is learned from and what is scored.

    Both must be gathered against one gallery.

    Raises
    ------
    RecordingError
        Names them.
    """
    known = {origin.sha256 for origin in learned.origins}
    twice = [origin.name for origin in scored.origins if origin.sha256 in known]
    if twice:
        raise RecordingError(f"{_some(twice)} would be learned from and scored; name other recordings for one of them")
    both = np.intersect1d(learned.rows, scored.rows)
    if zero_shot and len(both):
        raise RecordingError(
            f"{len(both)} of the stimuli that are scored are learned from too, so nothing is zero-shot; score others, "
            "or say --allow-seen, which marks every row"
        )


def seen_recordings(spec: EncoderSpec, trials: Trials) -> list[str]:
    """Names of the scored recordings that a bundle was trained on, by their hash."""
    records = spec.training.get("recordings")
    known = {r.get("sha256") for r in records if isinstance(r, dict)} if isinstance(records, list) else set()
    return [origin.name for origin in trials.origins if origin.sha256 in known]


def seen_stimuli(spec: EncoderSpec, trials: Trials, gallery: Gallery) -> list[str] | None:
    """Ids of the scored stimuli that a bundle was trained on; None where its record does not name its stimuli."""
    known = spec.training.get("items")
    if not isinstance(known, list):
        return _all_of_them(spec, trials, gallery)
    names = set(map(str, known))
    return [gallery.items[row].id for row in np.unique(trials.rows) if gallery.items[row].id in names]


def check_classes(spec: EncoderSpec, trials: Trials, gallery: Gallery, *, allow_seen: bool = False) -> bool:
    """Refuse classes of which the encoder learned from some item, where its record names its items.

    Returns
    -------
    Whether it has seen such items (only where that is allowed).

    Raises
    ------
    RecordingError
        Names the classes.
    """
    known = spec.training.get("items")
    if not isinstance(known, list):
        return False
    learned = {gallery.items[gallery.row_of[name]].label for name in map(str, known) if name in gallery.row_of}
    both = sorted(learned & {gallery.items[row].label for row in np.unique(trials.rows)})
    if both and not allow_seen:
        raise RecordingError(
            f"the encoder was trained on pictures of {_some(both)}: few-shot classes must be new to it; score others, "
            "or say --allow-seen, which marks every row"
        )
    return bool(both)


def _all_of_them(spec: EncoderSpec, trials: Trials, gallery: Gallery) -> list[str] | None:
    """Where a record does not name stimuli, it may still say that every item of this gallery was shown."""
    trained = spec.training.get("gallery")
    same = isinstance(trained, dict) and trained.get("fingerprint") == gallery.fingerprint
    if same and spec.training.get("items_shown") == len(gallery):
        return [gallery.items[row].id for row in np.unique(trials.rows)]
    return None


def check_bundle(
    spec: EncoderSpec, trials: Trials, gallery: Gallery, *, zero_shot: bool, allow_seen: bool = False
) -> tuple[bool, tuple[str, ...]]:
    """Refuse a bundle that was trained on these very recordings, or on these stimuli where zero-shot is claimed.

    Returns
    -------
    Whether it has seen the stimuli (only where that is allowed), and notes.

    Raises
    ------
    RecordingError
        Names recordings or stimuli.
    """
    recordings = seen_recordings(spec, trials)
    if recordings:
        raise RecordingError(
            f"the encoder was trained on {_some(recordings)}: scores on them say nothing about new recordings; name "
            "recordings that it has not seen"
        )
    stimuli = seen_stimuli(spec, trials, gallery)
    if not zero_shot:
        return bool(stimuli), ()
    if stimuli is None:
        return False, (
            "the encoder does not say which stimuli it learned from: that these are new to it is not checked",
        )
    if stimuli and not allow_seen:
        raise RecordingError(
            f"the encoder was trained on {_some(stimuli)}, which these recordings show: that is not zero-shot; score "
            "other stimuli, or say --allow-seen, which marks every row"
        )
    return bool(stimuli), ()


def _common(first: Index, second: Index) -> int:
    """How many rows (…, 2) stand in both."""
    return len(set(map(tuple, np.unique(first, axis=0))) & set(map(tuple, np.unique(second, axis=0))))


def _some(names: Sequence[str], most: int = 4) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
