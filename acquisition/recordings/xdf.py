"""XDF files through pyxdf: one EEG stream, one marker stream, each with its own stamps.

Stamps are corrected by the file's clock offsets and not dejittered: that is the pipeline's work, as with a live stream.
"""

from __future__ import annotations

import logging
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings.recording import ArraySignal, Marker, Recording, pick_channels
from acquisition.recordings.text_table import edge_markers
from acquisition.recordings.xdf_check import check_whole, open_xdf
from acquisition.recordings.xdf_streams import EEG, MARKERS, Stream, choose
from acquisition.sources.labels import numeric_label, text_label
from acquisition.sources.layout import Channels, Layout
from acquisition.sources.layout import choose as choose_layout
from config.errors import RecordingError, SourceError
from config.settings import RecordingSource

_LIBRARY_ERRORS = (
    ValueError, LookupError, TypeError, AttributeError, RuntimeError, ArithmeticError, SyntaxError, EOFError,
    MemoryError, OSError, struct.error, zlib.error,
)  # fmt: skip


def recognise(head: bytes) -> bool:
    """Whether a file that begins so is one."""
    return head.startswith(b"XDF:")


def read(file: Path, settings: RecordingSource) -> Recording:
    """Recording of an XDF file.

    ``source.stream`` and ``source.marker_stream`` choose by name, or by ``name#number`` where several have one name.

    Raises
    ------
    RecordingError
        The file is cut off or damaged, or its EEG stream is of no use.
    StreamNotFound, AmbiguousStream
        No such stream, or several.
    """
    check_whole(file)
    try:
        return _read(file, settings)
    except _LIBRARY_ERRORS as error:
        raise RecordingError(_damaged(file, error)) from error


def _read(file: Path, settings: RecordingSource) -> Recording:
    streams = _load(file)
    eeg = choose(file, streams, settings.stream, EEG)
    if eeg is None or not eeg.count:
        raise RecordingError(f"stream '{eeg}' of '{file}' is empty: it holds no sample; choose another stream or file")
    _check_stamps(file, eeg)
    layout = _layout(file, eeg)
    channels = pick_channels(file, layout.names, (), settings.channels)
    rows = [layout.names.index(name) for name in channels]
    markers = None if settings.stim_channel else choose(file, streams, settings.marker_stream, MARKERS)
    notes = [f"EEG of stream '{eeg}'", f"markers of stream '{markers}'" if markers else "", *layout.notes]
    return Recording(
        file,
        "XDF",
        eeg.rate_hz,
        channels,
        eeg.count,
        ArraySignal(layout.eeg(np.asarray(eeg.values))[rows]),
        _on_rows(_markers(markers) if markers else _stim(file, eeg, settings.stim_channel), eeg),
        stamps=eeg.stamps,
        resets=_resets(eeg, markers),
        notes=tuple(note for note in notes if note),
    )


def _load(file: Path) -> list[Stream]:
    import pyxdf

    log = logging.getLogger("pyxdf")
    level = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with open_xdf(file) as stream:
            loaded, _ = pyxdf.load_xdf(stream, dejitter_timestamps=False, handle_clock_resets=True)
        return [Stream.of(found) for found in loaded]
    finally:
        log.setLevel(level)


def _damaged(file: Path, error: BaseException) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
    return f"'{file}' is damaged ({reason}); copy it again"


def _check_stamps(file: Path, eeg: Stream) -> None:
    if not eeg.rate_hz > 0:
        raise RecordingError(
            f"stream '{eeg}' of '{file}' has no regular rate; choose the EEG stream with source.stream"
        )
    if not eeg.numeric:
        raise RecordingError(f"stream '{eeg}' of '{file}' carries text, no EEG; choose another with source.stream")
    bad = np.count_nonzero(~np.isfinite(eeg.stamps))
    if bad:
        raise RecordingError(f"stream '{eeg}' of '{file}' has {bad} stamps that are not finite; copy the file again")


def _layout(file: Path, eeg: Stream) -> Layout:
    described = eeg.channels
    found = Channels(
        eeg.n_channels,
        tuple(channel.get("label") for channel in described),
        tuple(channel.get("type") for channel in described),
        tuple(channel.get("unit") for channel in described),
    )
    try:
        return choose_layout(str(eeg), found, given=(), unit="auto", stim=None)
    except SourceError as error:
        raise RecordingError(f"'{file}': {error}") from error


def _markers(stream: Stream) -> tuple[Marker, ...]:
    """Markers with their stamps; a regular numeric stream carries levels, of which changes count."""
    if stream.numeric and stream.rate_hz > 0 and stream.n_channels == 1:
        found = edge_markers(np.asarray(stream.values, dtype=np.float64)[:, 0])
        return tuple(Marker(m.row, m.label, float(stream.stamps[int(m.row)])) for m in found)
    names = [channel.get("label") for channel in stream.channels]
    labels = [_label(value, stream.numeric, names) for value in stream.values]
    return tuple(
        Marker(0.0, label, float(stamp))
        for label, stamp in zip(labels, stream.stamps, strict=True)
        if label and np.isfinite(stamp)
    )


def _label(value: Any, numeric: bool, names: list[str | None]) -> str:
    return numeric_label(np.asarray(value), names) if numeric else text_label([text.encode() for text in value])


def _stim(file: Path, eeg: Stream, name: str) -> tuple[Marker, ...]:
    """Markers of a channel of the EEG stream; none where no channel is named."""
    if not name:
        return ()
    labels = [channel.get("label") for channel in eeg.channels]
    if name not in labels:
        there = ", ".join(label for label in labels if label) or "none with a name"
        raise RecordingError(
            f"stream '{eeg}' of '{file}' has no channel '{name}' for source.stim_channel; it has: {there}"
        )
    found = edge_markers(np.asarray(eeg.values, dtype=np.float64)[:, labels.index(name)])
    return tuple(Marker(m.row, m.label, float(eeg.stamps[int(m.row)])) for m in found)


def _on_rows(markers: tuple[Marker, ...], eeg: Stream) -> tuple[Marker, ...]:
    """The same markers, by row: where their stamps lie among the EEG's, beyond its ends at the nominal rate."""
    at = np.array([marker.stamp for marker in markers], dtype=np.float64)
    rising = np.maximum.accumulate(eeg.stamps)
    rows = np.interp(at, rising, np.arange(eeg.count))
    rows += np.minimum(0.0, at - rising[0]) * eeg.rate_hz + np.maximum(0.0, at - rising[-1]) * eeg.rate_hz
    placed = [Marker(float(row), m.label, m.stamp) for row, m in zip(rows, markers, strict=True)]
    return tuple(sorted(placed, key=lambda marker: marker.row))


def _resets(eeg: Stream, markers: Stream | None) -> tuple[int, ...]:
    """Rows of the EEG at which the clock of either stream was set anew."""
    rows = list(eeg.resets)
    if markers is not None and not rows:
        at: NDArray[np.float64] = markers.stamps[list(markers.resets)]
        rows = np.searchsorted(np.maximum.accumulate(eeg.stamps), at).tolist()
    return tuple(rows)
