"""Whether an XDF file is whole: its chunks fit in it, and their samples in them.

pyxdf logs what it cannot read and goes on; we refuse it. It also allocates what a chunk claims; we look first.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path
from typing import BinaryIO, cast
from xml.etree import ElementTree

from config.errors import RecordingError

_SIZES = {"double64": 8, "float32": 4, "int64": 8, "int32": 4, "int16": 2, "int8": 1, "string": 1}
_MAX_CHUNK, _MAX_HEADER = 1 << 30, 16 << 20
_MOST_PACKED = 100
"""Times that a packed file may grow: EEG becomes 1.5 times as large, zeros a thousand times."""
_STREAM_HEADER, _SAMPLES = 2, 3


def open_xdf(file: Path) -> BinaryIO:
    """The file, unpacked where it is gzipped."""
    return cast(BinaryIO, gzip.open(file)) if _is_packed(file) else file.open("rb")


def _is_packed(file: Path) -> bool:
    return file.name.lower().endswith((".xdfz", ".xdf.gz"))


def check_whole(file: Path) -> None:
    """Walk through the chunks.

    Raises
    ------
    RecordingError
        The file is cut off, or a chunk claims more than it holds.
    """
    smallest: dict[int, int] = {}
    try:
        most = file.stat().st_size * _MOST_PACKED + _MAX_HEADER if _is_packed(file) else math.inf
        with open_xdf(file) as stream:
            stream.read(4)
            while (length := _varint(stream)) is not None:
                at = stream.tell()
                if at + length > most:
                    raise ValueError(f"it would unpack to more than {most:.0f} bytes")
                _check_chunk(stream, length, smallest)
                stream.seek(at + length - 1)
                if length and not stream.read(1):
                    raise EOFError
    except (EOFError, struct.error, zlib.error, gzip.BadGzipFile) as error:
        raise RecordingError(f"'{file}' is cut off in the middle of a chunk; copy it again") from error
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise RecordingError(f"'{file}' is damaged ({error}); copy it again") from error


def _check_chunk(stream: BinaryIO, length: int, smallest: dict[int, int]) -> None:
    if not 2 <= length <= _MAX_CHUNK:
        raise ValueError(f"a chunk claims {length} bytes")
    (tag,) = struct.unpack("<H", _exactly(stream, 2))
    if tag not in (_STREAM_HEADER, _SAMPLES):
        return
    if length < 6:
        raise ValueError(f"a chunk of type {tag} claims {length} bytes")
    (number,) = struct.unpack("<I", _exactly(stream, 4))
    if tag == _STREAM_HEADER:
        if length > _MAX_HEADER:
            raise ValueError(f"the header of a stream claims {length} bytes")
        smallest[number] = _sample_bytes(_exactly(stream, length - 6))
        return
    samples = _varint(stream)
    if samples is None or samples * smallest[number] > length - 6:
        raise ValueError(f"a chunk of {length} bytes claims {samples} samples")


def _sample_bytes(xml: bytes) -> int:
    """Fewest bytes that a sample of a stream takes: a flag, then its channels."""
    info = ElementTree.fromstring(xml.decode("utf-8", "replace"))  # noqa: S314 (expat bounds entities itself)
    count = int(info.findtext("channel_count", ""))
    if count < 0:
        raise ValueError(f"a stream claims {count} channels")
    return 1 + count * _SIZES[info.findtext("channel_format", "")]


def _varint(stream: BinaryIO) -> int | None:
    """A length as XDF writes it; None at the end of the file."""
    size = stream.read(1)
    if not size:
        return None
    if size[0] not in (1, 4, 8):
        raise ValueError(f"a length of {size[0]} bytes")
    return int.from_bytes(_exactly(stream, size[0]), "little")


def _exactly(stream: BinaryIO, count: int) -> bytes:
    read = stream.read(count)
    if len(read) < count:
        raise EOFError
    return read
