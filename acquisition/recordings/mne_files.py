"""Files that MNE reads, piece by piece, their annotations as markers.

A marker's label is the annotation's description as MNE gives it, stripped: ``Stimulus/s10`` for BrainVision. ``BAD``
and ``BAD_...`` are no markers; ``boundary`` and ``New Segment/`` are breaks. Two datasets say it otherwise: THINGS-EEG1
in an event list beside the file (`things1_events`), Alljoined-1.6M in annotations of its own form (`alljoined_edf`).
"""

from __future__ import annotations

import configparser
import re
import struct
import warnings
import zipfile
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings import alljoined_edf, things1_events
from acquisition.recordings.breaks import describe
from acquisition.recordings.fif_check import check_fif
from acquisition.recordings.mat_check import check_mat
from acquisition.recordings.recording import Break, Marker, Recording, pick_channels
from acquisition.recordings.text_table import edge_markers
from config.errors import RecordingError
from config.settings import RecordingSource

EXTENSIONS = (
    ".vhdr", ".ahdr", ".edf", ".bdf", ".gdf", ".fif", ".fif.gz", ".set", ".cnt", ".mff", ".nxe", ".eeg", ".cdt", ".dat",
    ".dap", ".rs3", ".data", ".lay", ".nedf", ".ns3", ".mefd", ".ds", ".sqd", ".con", ".mat",
)  # fmt: skip
_BESIDE_VHDR = (".eeg", ".dat", ".vmrk", ".seg")
_BOUNDARIES = ("boundary", "new segment", "edge boundary")
_BAD = re.compile(r"BAD([_ ].*)?", re.DOTALL)
_CUT_OFF = re.compile(r"Invalid tag with only")  # MNE only warns of a torn .fif
_BLOCK_BYTES = 8 << 20
_HEAD_BYTES = 256
SIMULATED = b"eegseek-simulated"
"""Stands in the header of files that our generators wrote."""
_LIBRARY_ERRORS = (
    ImportError, OSError, ValueError, RuntimeError, LookupError, TypeError, AttributeError, AssertionError,
    ArithmeticError, EOFError, MemoryError, SyntaxError, struct.error, zlib.error, zipfile.BadZipFile,
    configparser.Error,
)  # fmt: skip


class MneSignal:
    """EEG of a file, read in blocks that fit in little memory.

    Parameters
    ----------
    raw
        An ``mne.io.BaseRaw``, not preloaded.
    picks
        Its channels, in order.
    """

    def __init__(self, raw: Any, picks: NDArray[np.int64]) -> None:
        self._raw = raw
        self._picks = picks
        # whole blocks only: readers that resample channels give other values for other pieces
        self._rows = max(256, _BLOCK_BYTES // (8 * len(picks)))
        self._held: tuple[int, NDArray[np.float32]] = (-1, np.empty((len(picks), 0), dtype=np.float32))

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop``: (channels, stop - start) float32, µV."""
        parts = []
        for block in range(start // self._rows, max(start, stop - 1) // self._rows + 1):
            at = block * self._rows
            parts.append(self._block(block)[:, max(0, start - at) : max(0, stop - at)])
        return np.ascontiguousarray(np.concatenate(parts, axis=1))

    def _block(self, block: int) -> NDArray[np.float32]:
        if self._held[0] != block:
            begin = block * self._rows
            end = min(begin + self._rows, self._raw.n_times)
            try:
                volts = self._raw.get_data(self._picks, begin, end, verbose="ERROR")
            except Exception as error:  # as in _open
                raise RecordingError(_unreadable(Path(self._raw.filenames[0] or ""), error)) from error
            self._held = (block, (volts * 1e6).astype(np.float32))
        return self._held[1]


def recognise(file: Path) -> bool:
    """Whether MNE reads files named so."""
    return file.name.lower().endswith((*EXTENSIONS, *_BESIDE_VHDR))


def read(file: Path, settings: RecordingSource) -> Recording:
    """Recording of a file that MNE reads.

    Raises
    ------
    RecordingError
        MNE cannot read it, it is cut off, or it has no EEG.
    """
    try:
        return _read(file, settings)
    except _LIBRARY_ERRORS as error:
        raise RecordingError(_unreadable(file, error)) from error


def _read(file: Path, settings: RecordingSource) -> Recording:
    beside = file.with_suffix(".vhdr")
    if file.suffix.lower() in _BESIDE_VHDR and beside.exists():
        raise RecordingError(f"'{file}' is a part of a BrainVision recording; give its header '{beside}'")
    if file.suffix.lower() in (".set", ".mat"):
        check_mat(file)
    if file.suffix.lower() == ".fif":
        check_fif(file)
    raw, notes = _open(file)
    _check_whole(file, raw)
    rate_hz = float(raw.info["sfreq"])
    eeg, others = _channels(raw)
    alljoined = any(alljoined_edf.is_note(str(note)) for note in raw.annotations.description[:100])
    if alljoined:
        eeg = alljoined_edf.electrodes(eeg)
    channels = pick_channels(file, eeg, others, settings.channels)
    picks = np.array([raw.ch_names.index(name) for name in channels], dtype=np.int64)
    markers, breaks, left_out = _annotations(raw, rate_hz)
    if alljoined:
        markers = tuple(replace(m, label=name) for m in markers if (name := alljoined_edf.label(m.label)))
    if settings.stim_channel:
        markers = edge_markers(_stim(file, raw, settings.stim_channel))
    elif events := things1_events.beside(file):
        markers, more = things1_events.read_events(events, int(raw.n_times))
        notes.extend(more)
    if left_out:
        notes.append(f"{left_out} annotations marked BAD are no markers")
    line = raw.info.get("line_freq")
    return Recording(
        file,
        f"{file.suffix.lower().lstrip('.')} by MNE",
        rate_hz,
        channels,
        int(raw.n_times),
        MneSignal(raw, picks),
        markers,
        breaks=breaks,
        notes=(*notes, *describe(breaks, rate_hz)),
        line_hz=float(line) if line else None,
        simulated=_says_simulated(file),
    )


def _says_simulated(file: Path) -> bool:
    """Whether the first part of the file, its header, carries the mark of our generators."""
    if not file.is_file():
        return False
    with file.open("rb") as stream:
        return SIMULATED in stream.read(_HEAD_BYTES)


def _open(file: Path) -> tuple[Any, list[str]]:
    import mne

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            raw = mne.io.read_raw(file, preload=False, verbose="WARNING")
        # of damaged files MNE and what it calls raise whatever comes, bare Exception too
        except Exception as error:
            raise RecordingError(_unreadable(file, error)) from error
    notes = [str(w.message).splitlines()[0] for w in caught if issubclass(w.category, RuntimeWarning)]
    if any(_CUT_OFF.search(note) for note in notes):
        raise RecordingError(f"'{file}' is cut off ({next(filter(_CUT_OFF.search, notes))}); copy it again")
    if raw.n_times < 1:
        raise RecordingError(f"'{file}' is empty: it holds no sample; record it again or choose another file")
    return raw, list(dict.fromkeys(notes))


def _unreadable(file: Path, error: BaseException) -> str:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300].rstrip(".")
    return f"'{file}' cannot be read, it is damaged, cut off or of another format ({reason}); copy or export it again"


def _check_whole(file: Path, raw: Any) -> None:
    """Compare what the header promises with what is there, where MNE takes what it finds."""
    promised = None
    if file.suffix.lower() == ".vhdr":
        found = re.search(rb"^\s*DataPoints\s*=\s*(\d+)", file.read_bytes(), re.MULTILINE)
        promised = int(found[1]) if found else None
    elif file.suffix.lower() in (".edf", ".bdf"):
        promised = _edf_rows(file, raw)
    if promised is not None and raw.n_times < promised:
        raise RecordingError(
            f"'{file}' is cut off: it holds {raw.n_times} of the {promised} samples its header promises; copy it again"
        )


def _edf_rows(file: Path, raw: Any) -> int | None:
    """Rows that the header of an EDF or BDF file promises; None where it leaves that open (-1)."""
    with file.open("rb") as stream:
        head = stream.read(256)
    records, seconds = int(head[236:244]), float(head[244:252])
    return round(records * seconds * raw.info["sfreq"]) if records >= 0 else None


def _channels(raw: Any) -> tuple[list[str], list[str]]:
    """EEG channels, and others in volts."""
    from mne.io.constants import FIFF

    names, kinds = raw.ch_names, raw.get_channel_types()
    volts = [int(channel["unit"]) == int(FIFF.FIFF_UNIT_V) for channel in raw.info["chs"]]
    eeg = [name for name, kind in zip(names, kinds, strict=True) if kind == "eeg"]
    others = [n for n, kind, is_v in zip(names, kinds, volts, strict=True) if is_v and kind not in ("eeg", "stim")]
    return eeg, others


def _stim(file: Path, raw: Any, name: str) -> NDArray[np.float64]:
    """A stimulus channel (rows,); one that the file calls EEG is taken in µV."""
    if name not in raw.ch_names:
        raise RecordingError(
            f"'{file}' has no channel '{name}' for source.stim_channel; it has: {', '.join(raw.ch_names)}"
        )
    pick = raw.ch_names.index(name)
    kind = raw.get_channel_types()[pick]
    values = np.concatenate(
        [raw.get_data([pick], at, min(at + (1 << 20), raw.n_times))[0] for at in range(0, raw.n_times, 1 << 20)]
    )
    return values if kind == "stim" else np.round(values * 1e6, 6)


def _annotations(raw: Any, rate_hz: float) -> tuple[tuple[Marker, ...], tuple[Break, ...], int]:
    """Markers, breaks, and how many were left out."""
    markers, breaks, left_out = [], [], 0
    for note in raw.annotations:
        label = str(note["description"]).strip()
        row = _on_row((float(note["onset"]) - raw.first_time) * rate_hz, rate_hz)
        if label.lower().rstrip("/") in _BOUNDARIES:
            if 0 < round(row) < raw.n_times:
                breaks.append(Break(round(row), max(1, round(float(note["duration"]) * rate_hz))))
        elif _BAD.fullmatch(label):
            left_out += 1
        elif label:
            markers.append(Marker(row, label))
    return tuple(sorted(markers, key=lambda marker: marker.row)), tuple(breaks), left_out


def _on_row(row: float, rate_hz: float) -> float:
    """MNE rounds onsets to microseconds: one that stood on a row is put back on it."""
    whole = round(row)
    return float(whole) if abs(row - whole) <= 1e-6 * rate_hz + 1e-9 else row
