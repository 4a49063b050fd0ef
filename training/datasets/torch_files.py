"""Files that ``torch.save`` wrote, without their dangers: arrays of numpy in them are mapped, tensors too."""

from __future__ import annotations

import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from config.errors import RecordingError
from config.safe_pickle import read_pickle

_LOCAL_HEADER = struct.Struct("<26xHH")


def read_torch(path: Path) -> Any:
    """What a file holds; large arrays are not read.

    The pickle inside the file goes through our own unpickler, which maps arrays of numpy; one that holds tensors goes
    through torch's own restricted loader (``weights_only``), which maps those.

    Raises
    ------
    RecordingError
        It is no file of torch, is cut off, or holds something else than tensors, arrays and plain containers.
    """
    try:
        return read_pickle(path, _pickle_at(path))
    except RecordingError as error:
        if "refused" not in str(error):
            raise
    import torch
    from numpy._core import multiarray

    kinds = [type(np.dtype(code)) for code in ("O", "U1", "S1", "f2", "f4", "f8", "i2", "i4", "i8", "b1")]
    safe: list[Any] = [multiarray._reconstruct, multiarray.scalar, np.ndarray, np.dtype, *kinds]
    try:
        with torch.serialization.safe_globals(safe):
            return torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    # torch raises many kinds for what is truncated, foreign or refused
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise RecordingError(f"'{path}' is refused or damaged: torch says '{reason}'; copy it again") from error


def _pickle_at(path: Path) -> int:
    """Where in the file its pickle begins."""
    try:
        with zipfile.ZipFile(path) as archive:
            entry = next((one for one in archive.infolist() if one.filename.endswith("data.pkl")), None)
        if entry is None or entry.compress_type != zipfile.ZIP_STORED:
            raise RecordingError(f"'{path}' holds no data of torch; give a file that torch.save wrote")
        with path.open("rb") as stream:
            stream.seek(entry.header_offset)
            name, extra = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
    except (OSError, zipfile.BadZipFile, struct.error, ValueError, LookupError, RuntimeError, OverflowError) as error:
        raise RecordingError(f"'{path}' is no whole file of torch ({error}); copy it again") from error
    return int(entry.header_offset + _LOCAL_HEADER.size + name + extra)
