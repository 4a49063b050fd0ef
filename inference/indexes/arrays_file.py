"""Arrays of a safetensors file as views of the mapped file: nothing is read before it is used."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import BundleError

TYPES = {"F32": np.float32, "F16": np.float16, "U8": np.uint8, "I8": np.int8, "I32": np.int32, "I64": np.int64}
MAX_HEADER = 1 << 20
"""Bytes; what is mapped has few arrays."""


def map_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Arrays of a safetensors file, read-only, mapped.

    Raises
    ------
    BundleError
        It is no safetensors file of plain arrays that lie within it.
    """
    wrong = f"'{path}' is not a safetensors file of an index or of vectors; build it again"
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if not 2 <= length <= min(MAX_HEADER, size - 8):
                raise BundleError(wrong)
            header = json.loads(file.read(length))
        if not isinstance(header, dict):
            raise BundleError(wrong)
        header.pop("__metadata__", None)
        return {name: _mapped(path, entry, 8 + length, size) for name, entry in header.items()}
    except OSError as error:
        raise BundleError(f"'{path}' cannot be read ({error.strerror}); build it again") from error
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
        raise BundleError(wrong) from error


def _mapped(path: Path, entry: dict[str, Any], start: int, size: int) -> NDArray[Any]:
    dtype, shape = np.dtype(TYPES[entry["dtype"]]), tuple(entry["shape"])
    first, last = entry["data_offsets"]
    whole = all(type(value) is int and value >= 0 for value in (*shape, first, last))
    if not whole or last - first != math.prod(shape) * dtype.itemsize or start + last > size:
        raise ValueError("an array does not lie within the file")
    if not math.prod(shape):
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", offset=start + first, shape=shape)
