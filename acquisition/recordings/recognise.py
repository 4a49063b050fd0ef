"""Which reader a file needs: one table, by content first, then by extension."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from acquisition.recordings import brainflow_csv, converted, mne_files, muse_csv, openbci_txt, xdf
from acquisition.recordings.recording import Recording
from acquisition.recordings.usable import signal_notes
from config.errors import RecordingError
from config.settings import RecordingSource

_HEAD_BYTES = 4096
MOST_HZ, MOST_ROWS = 1e6, 1e15


@dataclass(frozen=True)
class Format:
    """A format, how its content shows, and its reader."""

    name: str
    recognise: Callable[[bytes], bool]
    read: Callable[[Path, RecordingSource], Recording]


FORMATS = (
    Format("OpenBCI GUI text", openbci_txt.recognise, openbci_txt.read),
    Format("muse-lsl CSV", muse_csv.recognise, muse_csv.read),
    Format("BrainFlow CSV", brainflow_csv.recognise, brainflow_csv.read),
    Format("XDF", xdf.recognise, xdf.read),
)


def read_recording(settings: RecordingSource) -> Recording:
    """Read a recording of any format we know.

    Parameters
    ----------
    settings
        ``file``, and what to use of it.

    Raises
    ------
    RecordingError
        The file is not there, empty, damaged, of no known format, or has nothing of what is asked for.
    StreamNotFound, AmbiguousStream
        An XDF file has no such stream, or several.
    """
    file = Path(settings.file).expanduser()
    try:
        recording = _reader(file)(file, settings)
    except OSError as error:
        raise RecordingError(f"'{file}' cannot be read: {error.strerror or error}; check the path") from error
    _check_numbers(recording)
    return replace(recording, notes=(*recording.notes, *signal_notes(recording)))


def _check_numbers(recording: Recording) -> None:
    """Whether rate, markers and losses are numbers that time can be counted with."""
    rows = [marker.row for marker in recording.events] + [gap.missing for gap in recording.breaks]
    if not (0 < recording.rate_hz < MOST_HZ and all(abs(row) < MOST_ROWS for row in rows)):
        raise RecordingError(
            f"'{recording.file}' is damaged: its sampling rate ({recording.rate_hz:g} Hz) or the place of a marker or "
            "a loss is no number that can be; copy it again"
        )


def _reader(file: Path) -> Callable[[Path, RecordingSource], Recording]:
    if converted.is_converted(file):
        return converted.read
    if file.is_dir():
        head = b""
    elif not file.exists():
        raise RecordingError(f"recording '{file}' is not there; check the path")
    else:
        head = _head(file)
        if not head:
            raise RecordingError(f"recording '{file}' is empty (0 bytes); record it again or choose another file")
    for known in FORMATS:
        if known.recognise(head):
            return known.read
    if mne_files.recognise(file):
        return mne_files.read
    if head.startswith(b"\x93NUMPY"):
        raise RecordingError(
            f"'{file}' is a file of numpy; a raw file of a dataset is played by its dataset's name, such as "
            "things-eeg2 --root FOLDER, which converts it once"
        )
    names = ", ".join(known.name for known in FORMATS)
    raise RecordingError(
        f"'{file}' is of no known format; known are {names}, converted datasets, and by extension "
        + ", ".join(mne_files.EXTENSIONS)
    )


def _head(file: Path) -> bytes:
    with file.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    if file.suffix.lower() == ".xdfz" or file.name.lower().endswith(".xdf.gz"):
        try:
            with gzip.open(file) as unpacked:
                return unpacked.read(_HEAD_BYTES)
        except (gzip.BadGzipFile, EOFError, zlib.error):
            return head
    return head
