"""THINGS-EEG2 [1]_, raw: ``sub-XX/ses-YY/raw_eeg_{training,test}.npy``, pickled, in volts, the last row ``stim``.

References
----------
.. [1] Gifford, Dwivedi, Roig and Cichy (2022), A large and rich EEG dataset for modeling human visual object
   recognition, NeuroImage 264.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.recordings import Marker, Recording
from config.errors import RecordingError
from config.safe_pickle import read_npy_object
from config.stored_array import StoredArray
from training.datasets.metadata import find_metadata, read_metadata, texts
from training.datasets.pieces import Piece, Stimuli

NAME = "things-eeg2"
CATCH = 99999
"""Code of the target of the participant's task: dropped."""
MOST_VOLTS = 0.1
CHANNELS_63 = tuple(
    re.findall(
        r"\w+",
        "Fp1 Fp2 AF7 AF3 AFz AF4 AF8 F7 F5 F3 F1 F2 F4 F6 F8 FT9 FT7 FC5 FC3 FC1 FCz FC2 FC4 FC6 FT8 FT10 T7 C5 C3 C1 "
        "Cz C2 C4 C6 T8 TP9 TP7 CP5 CP3 CP1 CPz CP2 CP4 CP6 TP8 TP10 P7 P5 P3 P1 Pz P2 P4 P6 P8 PO7 PO3 POz PO4 PO8 "
        "O1 Oz O2",
    )
)
_FILE = re.compile(r"raw_eeg_(training|test)\.npy")


@dataclass(frozen=True)
class RawFile:
    """A raw file, its EEG not read.

    Attributes
    ----------
    path
        Of the file.
    eeg
        (rows, samples) volts, ``stim`` among the rows.
    channels, rows
        EEG channels by name, in the file's order, and their rows.
    stim_row
        Row of ``stim``.
    rate_hz
        Sampling rate.
    simulated
        The file says that it is not from a living head.
    """

    path: Path
    eeg: StoredArray
    channels: tuple[str, ...]
    rows: NDArray[np.int64]
    stim_row: int
    rate_hz: float
    simulated: bool

    @property
    def n_rows(self) -> int:
        """Samples."""
        return self.eeg.shape[1]

    def onsets(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Samples at which ``stim`` is set anew, and the codes: (n,) each.

        Raises
        ------
        RecordingError
            A code is no whole number.
        """
        stim = np.array(self.eeg.map()[self.stim_row], np.float64)
        at = np.flatnonzero((stim != 0) & (np.diff(stim, prepend=0.0) != 0))
        codes = stim[at]
        if not np.array_equal(codes, np.round(codes)):
            raise RecordingError(f"'{self.path}' has events in 'stim' that are no whole numbers; copy it again")
        return at, codes.astype(np.int64)


class RawSignal:
    """EEG of a raw file in µV, read piece by piece."""

    def __init__(self, raw: RawFile) -> None:
        self._raw = raw

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Samples ``start`` to ``stop``: (channels, stop - start) float32, µV."""
        volts = self._raw.eeg.columns(start, stop)[self._raw.rows]
        return np.ascontiguousarray(volts * 1e6, dtype=np.float32)


def find(root: Path) -> tuple[Piece, ...]:
    """Raw files under a folder."""
    found = {
        path
        for pattern in ("sub-*/ses-*", "*/sub-*/ses-*", "sub-*/sub-*/ses-*", "ses-*", "")
        for path in (root.glob(f"{pattern}/raw_eeg_*.npy") if pattern else root.glob("raw_eeg_*.npy"))
    }
    return tuple(sorted(_piece(path) for path in found if _FILE.fullmatch(path.name)))


def open_raw(path: Path) -> RawFile:
    """A raw file, its EEG not read.

    Raises
    ------
    RecordingError
        It is missing, refused, cut off, or not what it should be.
    """
    content = read_npy_object(path)
    if not isinstance(content, dict):
        raise RecordingError(
            f"'{path}' holds a {type(content).__name__}, expected the dict of a raw file; copy it again"
        )
    eeg, names = content.get("raw_eeg_data"), texts(content.get("ch_names"))
    rate = content.get("sfreq")
    if not isinstance(eeg, StoredArray) or names is None or not isinstance(rate, int | float | np.number):
        has = ", ".join(map(str, content)) or "nothing"
        raise RecordingError(
            f"'{path}' has no raw_eeg_data, ch_names and sfreq (it has {has}); give a raw file of THINGS-EEG2"
        )
    if len(eeg.shape) != 2 or eeg.shape[0] != len(names) or eeg.dtype.kind != "f" or not eeg.shape[1]:
        raise RecordingError(
            f"'{path}' has raw_eeg_data of shape {eeg.shape} {eeg.dtype} for {len(names)} channel names; expected "
            "(channels, samples) of floats; copy it again"
        )
    stim = _stim(path, names, texts(content.get("ch_types")))
    channels = tuple(name for row, name in enumerate(names) if row != stim)
    if len(set(channels)) != len(channels) or not channels:
        raise RecordingError(f"'{path}' names a channel twice, or none ({', '.join(names)}); copy it again")
    rows = np.array([row for row in range(len(names)) if row != stim], np.int64)
    return RawFile(path, eeg, channels, rows, stim, float(rate), bool(content.get("simulated", False)))


def recording(piece: Piece, root: Path, metadata: Path | None = None) -> Recording:
    """A raw file as a recording: its markers are the ids of pictures, catch trials dropped.

    Parameters
    ----------
    piece
        From `find`.
    root
        Folder of the dataset, where ``image_metadata.npy`` is looked for.
    metadata
        That file, where it is elsewhere.

    Raises
    ------
    RecordingError
        The file is not what it should be, or has conditions that the image set does not know.
    """
    raw = open_raw(piece.path)
    images = read_metadata(metadata or find_metadata(root))
    labels = images.labels(piece.part)
    at, codes = raw.onsets()
    catch = codes == CATCH
    _check_codes(piece, codes[~catch], len(labels))
    _check_volts(raw)
    notes = [f"{int(catch.sum())} catch trials are no markers"] if catch.any() else []
    return Recording(
        piece.path,
        "THINGS-EEG2 raw",
        raw.rate_hz,
        raw.channels,
        raw.n_rows,
        RawSignal(raw),
        tuple(Marker(float(row), labels[code - 1]) for row, code in zip(at[~catch], codes[~catch], strict=True)),
        notes=tuple(notes),
        simulated=raw.simulated,
    )


def inner(piece: Piece) -> dict[str, Stimuli]:
    """Parts within a recording: none, each part has files of its own."""
    return {}


def beside(piece: Piece, root: Path, metadata: Path | None = None) -> Path | None:
    """``image_metadata.npy``, where it can be found."""
    try:
        return metadata or find_metadata(root)
    except RecordingError:
        return None


def _piece(path: Path) -> Piece:
    where = path.resolve().as_posix()
    subject = re.findall(r"/sub-([A-Za-z0-9]+)", where)
    session = re.findall(r"/ses-([A-Za-z0-9]+)", where)
    part = path.stem.removeprefix("raw_eeg_")
    return Piece(NAME, subject[-1] if subject else "00", session[-1] if session else "", part, path)


def _stim(path: Path, names: Sequence[str], kinds: Sequence[str] | None) -> int:
    if "stim" in names:
        return names.index("stim")
    if kinds is not None and len(kinds) == len(names) and list(kinds).count("stim") == 1:
        return list(kinds).index("stim")
    raise RecordingError(f"'{path}' has no channel 'stim' (it has {', '.join(names)}); give a raw file of THINGS-EEG2")


def _check_codes(piece: Piece, codes: NDArray[np.int64], known: int) -> None:
    strange = sorted(set(codes[(codes < 1) | (codes > known)].tolist()))
    if strange:
        shown = ", ".join(map(str, strange[:5])) + (", …" if len(strange) > 5 else "")
        raise RecordingError(
            f"'{piece.path}' has the conditions {shown} in 'stim', but image_metadata.npy knows 1 to {known} for "
            f"{piece.part} (and {CATCH} for catch trials); use the metadata that came with the recording"
        )
    if not len(codes):
        raise RecordingError(f"'{piece.path}' has no stimulus in 'stim'; copy it again")


def _check_volts(raw: RawFile) -> None:
    first: NDArray[Any] = raw.eeg.columns(0, min(raw.n_rows, round(raw.rate_hz)))[raw.rows]
    spread = float(np.median(first.std(axis=1)))
    if not spread < MOST_VOLTS:
        raise RecordingError(
            f"'{raw.path}' spreads over {spread:.3g} in its first second, which cannot be volts; expected raw_eeg_data "
            "in volts"
        )
