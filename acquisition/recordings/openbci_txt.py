"""Text files of the OpenBCI GUI: ``%`` header, then rows of sample index, EXG channels in µV, others, and a marker.

The sample index wraps (at 255 or 256): missing indices are losses.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.breaks import losses
from acquisition.recordings.recording import ArraySignal, Recording, pick_channels
from acquisition.recordings.text_table import MAX_LINE_BYTES, edge_markers, read_columns, row_markers
from config.errors import RecordingError
from config.settings import RecordingSource

_RATE = re.compile(r"Sample Rate\s*=\s*(\d{1,6}(?:\.\d{0,9})?)(?![\d.])", re.IGNORECASE)
_COUNT = re.compile(r"Number of channels\s*=\s*(\d{1,4})(?!\d)", re.IGNORECASE)
_MAX_HEADER_LINES = 100
_MILLISECONDS = 1e11  # larger stamps are milliseconds since 1970, as version 5 of the GUI writes them


@dataclass(frozen=True)
class _Head:
    """Lines before the rows, and what they say."""

    lines: int
    rate_hz: float
    names: tuple[str, ...]


def recognise(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.startswith((b"%OpenBCI", b"\xef\xbb\xbf%OpenBCI"))


def read(file: Path, settings: RecordingSource) -> Recording:
    """Recording of an OpenBCI GUI file.

    Markers are the non-zero values of its marker channel, or the changes of the column that ``source.stim_channel``
    names, such as ``Digital Channel 0 (D11)``.

    Raises
    ------
    RecordingError
        The file is empty or damaged, or its header does not give rate and channels.
    """
    head = _head(file)
    eeg = [name for name in head.names if name.lower().startswith("exg channel")]
    others = [name for name in head.names if name.lower().startswith("analog channel")]
    channels = pick_channels(file, eeg, others, settings.channels)
    marker = _marker(file, head.names, settings.stim_channel)
    clock = head.names.index("Timestamp") if "Timestamp" in head.names else None
    extra = [column for column in (marker, clock) if column is not None]
    wanted = [0, *(head.names.index(name) for name in channels), *extra]
    table = read_columns(file, ",", head.lines, len(head.names), wanted)
    values = table[1 + len(channels) : 2 + len(channels)] if marker is not None else np.zeros((1, table.shape[1]))
    breaks, resets, notes = losses(table[0], _seconds(table[-1]) if clock is not None else None, head.rate_hz)
    return Recording(
        file,
        "OpenBCI GUI text",
        head.rate_hz,
        channels,
        table.shape[1],
        ArraySignal(table[1 : 1 + len(channels)].astype(np.float32)),
        edge_markers(values[0]) if settings.stim_channel else row_markers(values),
        breaks=breaks,
        resets=resets,
        notes=notes,
    )


def _head(file: Path) -> _Head:
    before, first = _lines(file)
    said = "\n".join(before)
    rate, count = _RATE.search(said), _COUNT.search(said)
    if rate is None or count is None or not float(rate[1]) > 0:
        raise RecordingError(f"the header of '{file}' does not give 'Sample Rate' and 'Number of channels'; mend it")
    if not first:
        raise RecordingError(f"'{file}' is empty: it has a header but no sample; record it again or take another file")
    if before[-1].lower().startswith("sample index"):
        names = tuple(name.strip() for name in before[-1].split(","))
    else:  # before version 5 of the GUI
        names = ("Sample Index", *(f"EXG Channel {k}" for k in range(int(count[1]))))
        names += tuple(f"Column {k}" for k in range(len(names), first.count(",") + 1))
    return _Head(len(before), float(rate[1]), names)


def _lines(file: Path) -> tuple[list[str], str]:
    """Lines before the first row, and the first row (empty where there is none)."""
    before: list[str] = []
    with file.open(encoding="utf-8-sig", errors="replace") as stream:
        for line in islice(iter(partial(stream.readline, MAX_LINE_BYTES), ""), _MAX_HEADER_LINES):
            if not line.startswith("%") and not line.lower().startswith("sample index"):
                return before, line.strip()
            before.append(line.strip())
    return before, ""


def _marker(file: Path, names: tuple[str, ...], stim: str) -> int | None:
    wanted = stim or "Marker Channel"
    if wanted in names:
        return names.index(wanted)
    if stim:
        raise RecordingError(f"'{file}' has no column '{stim}' for source.stim_channel; it has: {', '.join(names)}")
    return None


def _seconds(clock: NDArray[np.float64]) -> NDArray[np.float64]:
    return clock / 1e3 if np.median(clock) > _MILLISECONDS else clock
