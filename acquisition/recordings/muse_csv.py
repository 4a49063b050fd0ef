"""CSV files of muse-lsl: ``timestamps,TP9,AF7,AF8,TP10,Right AUX,Marker0``, in µV, markers on rows.

The stamps step backwards dozens of times a file and lose nothing, so rows stand at k / 256 Hz and only a lasting step
is a loss.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.breaks import MOST_S, describe, find_breaks
from acquisition.recordings.recording import ArraySignal, Recording, pick_channels
from acquisition.recordings.text_table import edge_markers, first_line, read_columns, row_markers
from config.errors import RecordingError
from config.settings import RecordingSource

RATE_HZ = 256.0
_MARKER = re.compile(r"marker\d*", re.IGNORECASE)
_AUX = re.compile(r".*aux.*", re.IGNORECASE)
_NOT_EEG = re.compile(r"timestamps|marker\d*|[xyz]|ppg\d*|", re.IGNORECASE)


def recognise(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return "timestamps" in [name.lower() for name in _names(head)]


def _names(head: bytes) -> list[str]:
    first = head.decode("utf-8-sig", errors="replace").partition("\n")[0]
    return [name.strip().strip('"') for name in first.split(",")]


def read(file: Path, settings: RecordingSource) -> Recording:
    """Recording of a muse-lsl file.

    ``source.stim_channel`` may name another column; an AUX electrode is used only where ``source.channels`` names it.

    Raises
    ------
    RecordingError
        The file is empty or damaged, has no EEG, or was not recorded at 256 Hz.
    """
    names = _names(first_line(file))
    markers = _marker_columns(file, names, settings.stim_channel)
    signals = [name for name in names if name != settings.stim_channel and not _NOT_EEG.fullmatch(name)]
    aux = [name for name in signals if _AUX.fullmatch(name)]
    channels = pick_channels(file, [name for name in signals if name not in aux], aux, settings.channels)
    wanted = [_stamp_column(names), *(names.index(name) for name in channels), *markers]
    table = read_columns(file, ",", 1, len(names), wanted)
    stamps, values = table[0], table[1 + len(channels) :]
    _check_rate(file, stamps)
    breaks, resets = find_breaks(stamps, RATE_HZ)
    return Recording(
        file,
        "muse-lsl CSV",
        RATE_HZ,
        channels,
        table.shape[1],
        ArraySignal(table[1 : 1 + len(channels)].astype(np.float32)),
        edge_markers(values[0]) if settings.stim_channel else row_markers(values),
        breaks=breaks,
        resets=resets,
        notes=(*_notes(stamps), *describe(breaks, RATE_HZ)),
    )


def _stamp_column(names: list[str]) -> int:
    return [name.lower() for name in names].index("timestamps")


def _marker_columns(file: Path, names: list[str], stim: str) -> list[int]:
    if not stim:
        return [k for k, name in enumerate(names) if _MARKER.fullmatch(name)]
    if stim not in names:
        raise RecordingError(f"'{file}' has no column '{stim}' for source.stim_channel; it has: {', '.join(names)}")
    return [names.index(stim)]


def _check_rate(file: Path, stamps: NDArray[np.float64]) -> None:
    bad = np.count_nonzero(~(np.abs(stamps) < MOST_S))
    if bad:
        raise RecordingError(f"'{file}' has {bad} rows without a time stamp; mend the file or remove those rows")
    block = round(RATE_HZ)
    if len(stamps) < 2 * block:
        return
    took = float(np.median(stamps[block:] - stamps[:-block]))
    rate = block / took if took else 0.0
    if not 0.95 < rate / RATE_HZ < 1.05:
        raise RecordingError(
            f"'{file}' was sampled at about {rate:.1f} Hz by its time stamps, expected {RATE_HZ:g} Hz of muse-lsl EEG; "
            "choose the EEG file, not that of another sensor"
        )


def _notes(stamps: NDArray[np.float64]) -> tuple[str, ...]:
    back = np.count_nonzero(np.diff(stamps) < 0)
    return (f"{back} stamps step backwards: jitter, rows are taken as evenly spaced",) if back else ()
