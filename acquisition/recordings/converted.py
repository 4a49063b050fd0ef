"""Recordings of our own: a folder with ``recording.json`` and ``eeg.npy``, any time range of which is read at once.

Datasets whose files cannot be read in pieces are converted to this form once (`training.datasets`).
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError

from acquisition.recordings.recording import Marker, Recording, pick_channels
from config.bounded import TooLargeError, read_bounded
from config.chain import Frozen
from config.errors import RecordingError
from config.safe_pickle import read_npy_object
from config.settings import RecordingSource
from config.stored_array import StoredArray

RECORDING_JSON, EEG_NPY = "recording.json", "eeg.npy"
_HASH_BLOCK = 1 << 22
MAX_SPEC_BYTES = 64 << 20


class OriginalFile(Frozen):
    """The file that was converted: a copy is good as long as these hold."""

    name: str
    bytes: NonNegativeInt
    mtime_ns: int
    head_sha256: str
    """Of its first 64 KiB."""
    beside_sha256: str = ""
    """Of the file beside it that says what its events mean, where there is one."""


class RecordingSpec(Frozen):
    """``recording.json``."""

    format: Literal["eegseek-recording"] = "eegseek-recording"
    version: Literal[1] = 1
    name: str
    """As shown to people, such as ``sub-08 ses-01 test``."""
    dataset: str
    subject: str = ""
    session: str = ""
    part: str = ""
    rate_hz: PositiveFloat
    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    n_rows: PositiveInt
    rows: tuple[float, ...]
    """Sample that each marker stands on."""
    labels: tuple[str, ...]
    eeg_sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    original: OriginalFile
    simulated: bool = False
    line_hz: PositiveFloat | None = None
    notes: tuple[str, ...] = ()


class StoredSignal:
    """EEG laid out times first, (n_rows, channels) float32 µV: any time range is one read, and no memory is held."""

    def __init__(self, eeg: StoredArray, picks: NDArray[np.int64]) -> None:
        self._eeg = eeg
        self._picks = None if np.array_equal(picks, np.arange(eeg.shape[1])) else picks

    def read(self, start: int, stop: int) -> NDArray[np.float32]:
        """Rows ``start`` to ``stop``: (channels, stop - start)."""
        block = self._eeg.rows(start, stop)
        return np.ascontiguousarray((block if self._picks is None else block[:, self._picks]).T)


def is_converted(path: Path) -> bool:
    """Whether a path is such a folder."""
    return (path / RECORDING_JSON).is_file()


def read_spec(folder: Path) -> RecordingSpec:
    """``recording.json`` of a folder.

    Raises
    ------
    RecordingError
        It is missing or foreign.
    """
    path = folder / RECORDING_JSON
    try:
        return RecordingSpec.model_validate_json(read_bounded(path, MAX_SPEC_BYTES))
    except TooLargeError as error:
        raise RecordingError(f"'{path}' is {error}, which no description of a recording is") from error
    except OSError as error:
        raise RecordingError(f"'{path}' cannot be read: {error.strerror}; convert the recording again") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "top level"
        raise RecordingError(
            f"'{path}' describes no converted recording: {where}: {first['msg']}; convert it again"
        ) from error


def read(folder: Path, settings: RecordingSource) -> Recording:
    """Recording of a converted folder, its EEG read as it is asked for.

    Raises
    ------
    RecordingError
        A part is missing or does not fit the other.
    """
    spec = read_spec(folder)
    path = folder / EEG_NPY
    eeg = read_npy_object(path)
    wanted = (spec.n_rows, len(spec.channels))
    if not isinstance(eeg, StoredArray) or eeg.fortran or eeg.shape != wanted or eeg.dtype != np.float32:
        raise RecordingError(
            f"'{path}' holds something else than {wanted} float32, as recording.json says; convert again"
        )
    if len(spec.rows) != len(spec.labels):
        raise RecordingError(f"'{folder}' has {len(spec.labels)} labels for {len(spec.rows)} markers; convert it again")
    if spec.rows and not (min(spec.rows) >= 0 and max(spec.rows) < spec.n_rows):
        raise RecordingError(f"'{folder}' has a marker outside its {spec.n_rows} samples; convert it again")
    channels = pick_channels(folder, spec.channels, (), settings.channels)
    picks = np.array([spec.channels.index(name) for name in channels], np.int64)
    return Recording(
        folder,
        f"converted {spec.dataset}",
        spec.rate_hz,
        channels,
        spec.n_rows,
        StoredSignal(eeg, picks),
        tuple(Marker(row, label) for row, label in zip(spec.rows, spec.labels, strict=True)),
        notes=spec.notes,
        line_hz=spec.line_hz,
        simulated=spec.simulated,
    )


def write_spec(folder: Path, spec: RecordingSpec) -> None:
    """Write ``recording.json``."""
    text = json.dumps(spec.model_dump(mode="json"), ensure_ascii=False)
    (folder / RECORDING_JSON).write_text(text + "\n", "utf-8")


def recording_sha256(path: Path) -> str:
    """SHA-256 of a recording's data, whether it is a file or a folder: the same data under two names have the same.

    Of a converted folder it is that of its EEG, taken from ``recording.json``; of another folder that of its files.
    """
    if is_converted(path):
        return read_spec(path).eeg_sha256
    digest = hashlib.sha256()
    for file in sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else [path]:
        try:
            with file.open("rb") as stream:
                while block := stream.read(_HASH_BLOCK):
                    digest.update(block)
        except OSError as error:
            raise RecordingError(f"'{file}' cannot be read: {error.strerror}; check the path") from error
    return digest.hexdigest()
