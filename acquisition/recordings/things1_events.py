"""The event list beside a recording of THINGS-EEG1: ``onset`` counts samples, paths are written as on Windows."""

from __future__ import annotations

import csv
from pathlib import Path, PureWindowsPath

from acquisition.recordings.recording import Marker
from config.errors import RecordingError

NEEDED = ("onset", "stim", "istarget")
_NO = ("0", "0.0", "n/a", "False", "false")
OURS = ("eventnumber", "objectnumber", "stimname")
"""Columns by which the list is known: those of other datasets give seconds."""


def beside(file: Path) -> Path | None:
    """The event list of a BIDS recording ``…_eeg.vhdr``, if there is one of this form."""
    if not file.stem.endswith("_eeg"):
        return None
    path = file.with_name(file.stem.removesuffix("_eeg") + "_events.tsv")
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            columns = stream.readline().rstrip("\r\n").split("\t")
    except (OSError, UnicodeDecodeError):
        return None
    return path if {*NEEDED, *OURS} <= set(columns) else None


def validation_labels(path: Path) -> frozenset[str]:
    """Labels of the validation pictures (``isteststim``), where the list tells them apart; sub-01 has none.

    Raises
    ------
    RecordingError
        The list is damaged.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            rows = csv.DictReader(stream, delimiter="\t")
            return frozenset(
                PureWindowsPath(row["stim"]).stem for row in rows if (row.get("isteststim") or "0") not in _NO
            )
    except (OSError, ValueError, TypeError, KeyError, csv.Error) as error:
        raise RecordingError(f"'{path}' is damaged ({error}); copy it again") from error


def read_events(path: Path, n_rows: int) -> tuple[tuple[Marker, ...], tuple[str, ...]]:
    """Markers of an event list, and notes on it.

    Parameters
    ----------
    path
        From `beside`.
    n_rows
        Samples of the recording.

    Returns
    -------
    markers
        By row; the label is the stem of the picture's file, such as ``carousel_11s``. Targets of the task are dropped.
    notes
        What was dropped.

    Raises
    ------
    RecordingError
        The list is damaged, or lies beyond the recording's end.
    """
    markers, targets = [], 0
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream, delimiter="\t"):
                if row["istarget"].strip() not in _NO:
                    targets += 1
                    continue
                markers.append(Marker(float(row["onset"]), PureWindowsPath(row["stim"]).stem))
    except (OSError, ValueError, AttributeError, KeyError, TypeError, csv.Error) as error:
        raise RecordingError(
            f"'{path}' is damaged after {len(markers) + targets} events ({error}); copy it again"
        ) from error
    markers.sort(key=lambda marker: marker.row)
    odd = next((marker for marker in markers if not 0 <= marker.row < n_rows), None)
    if odd is not None:
        raise RecordingError(
            f"'{path}' has an event at sample {odd.row:g}, but its recording has {n_rows} samples; they do not "
            "belong together, or the recording is cut off"
        )
    notes = [f"events from {path.name}, whose onset is in samples"]
    if targets:
        notes.append(f"{targets} targets of the task are no markers")
    return tuple(markers), tuple(notes)
