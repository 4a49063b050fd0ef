"""THINGS-EEG1 [1]_: BIDS, ``sub-XX/eeg/sub-XX_task-rsvp_eeg.vhdr`` with its event list beside it.

References
----------
.. [1] Grootswagers, Zhou, Robinson, Hebart and Carlson (2022), Human EEG recordings for 1,854 concepts presented in
   rapid serial visual presentation streams, Scientific Data 9.
"""

from __future__ import annotations

import re
from pathlib import Path

from acquisition.recordings import Recording, read_recording, things1_events
from config.errors import RecordingError
from config.settings import RecordingSource
from training.datasets.pieces import Piece, Stimuli

NAME = "things-eeg1"


def find(root: Path) -> tuple[Piece, ...]:
    """Recordings under a folder."""
    files = {
        path for pattern in ("sub-*/eeg", "*/sub-*/eeg", "eeg", ".") for path in root.glob(f"{pattern}/*_eeg.vhdr")
    }
    return tuple(sorted(Piece(NAME, _subject(path), "", "", path) for path in files))


def recording(piece: Piece, root: Path, metadata: Path | None = None) -> Recording:
    """A recording, read piece by piece, its markers from the event list.

    Raises
    ------
    RecordingError
        The event list is missing, or a file is damaged.
    """
    if things1_events.beside(piece.path) is None:
        wanted = piece.path.name.replace("_eeg.vhdr", "_events.tsv")
        raise RecordingError(f"'{piece.path}' has no event list '{wanted}' of THINGS-EEG1 beside it; copy it there")
    return read_recording(RecordingSource(file=str(piece.path)))


def inner(piece: Piece) -> dict[str, Stimuli]:
    """Parts within a recording: the 200 validation pictures are the test part, where the event list has them."""
    events = things1_events.beside(piece.path)
    validation = things1_events.validation_labels(events) if events else frozenset()
    if not validation:
        return {}
    return {"training": lambda label: label not in validation, "test": lambda label: label in validation}


def beside(piece: Piece, root: Path, metadata: Path | None = None) -> Path | None:
    """The event list, where it is there."""
    return things1_events.beside(piece.path)


def _subject(path: Path) -> str:
    found = re.match(r"sub-([A-Za-z0-9]+)", path.name)
    return found.group(1) if found else "00"
