"""Tables of numbers in MATLAB files of version 5 to 7.2 [1]_, and nothing else that such files can hold.

SciPy's reader decodes cells, structs and objects too, and a damaged file can end the process inside it. Here every
length is checked against what is left before it is followed, and only real tables of doubles or singles are decoded.

References
----------
.. [1] The MathWorks (2023), MAT-file format, level 5.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
"""How numbers are stored: MATLAB keeps whole numbers of a double array in the smallest type that holds them."""
KINDS = {1: "a cell array", 2: "a struct", 3: "an object", 4: "text", 5: "a sparse table", 6: "double", 7: "single"}
NUMBERS = ("double", "single")
COMPLEX, LOGICAL = 0x0800, 0x0200
PEEK_BYTES = 4096
MAX_VALUES = 1 << 28
MAX_BYTES = 8 << 30


class _Damaged(Exception):
    """What is wrong with the file."""


@dataclass(frozen=True)
class _Table:
    name: str
    kind: str
    shape: tuple[int, ...]
    start: int
    """Of the numbers' tag in the matrix."""


def read_numbers(path: Path, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Named tables of a ``.mat`` file, as single precision.

    Parameters
    ----------
    path
        The file.
    names
        Variables wanted; others are not decoded.

    Returns
    -------
    Each a table (rows, columns) float32, in the order of ``names``.

    Raises
    ------
    RecordingError
        The file is missing, damaged or of another version, lacks a variable, or one is no table of numbers.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise RecordingError(f"'{path}' is larger than {MAX_BYTES >> 30} GB, which no such file is")
        data = path.read_bytes()
        order = _order(data)
        found: dict[str, NDArray[np.float32]] = {}
        held = []
        for kind, body in _elements(data, HEADER_BYTES, order):
            peek = _inflated(body, PEEK_BYTES, order) if kind == COMPRESSED else body
            if kind not in (MATRIX, COMPRESSED) or not peek:
                continue
            table = _table(peek, order)
            held.append(table.name)
            if table.name in names:
                _check(path, table)
                whole = _inflated(body, _room(table), order) if kind == COMPRESSED else body
                found[table.name] = _numbers(whole, table, order)
    except OSError as error:
        raise RecordingError(f"'{path}' is no .mat file that can be read: {error.strerror}") from error
    except _Damaged as error:
        raise RecordingError(f"'{path}' is no .mat file that can be read: {error}") from error
    missing = next((name for name in names if name not in found), None)
    if missing is not None:
        raise RecordingError(f"'{path}' has no variable '{missing}'; it has {', '.join(held) or 'none'}")
    return {name: found[name] for name in names}


def _order(data: bytes) -> str:
    """Byte order, ``<`` or ``>``."""
    if data.startswith(b"MATLAB 7.3"):
        raise _Damaged("it is of version 7.3; save it with -v7")
    marks = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
    if len(data) < HEADER_BYTES or data[124:128] not in marks:
        raise _Damaged("it does not begin as MATLAB's files of version 5 to 7.2 do")
    return marks[data[124:128]]


def _elements(data: bytes, start: int, order: str) -> Iterator[tuple[int, bytes]]:
    """(type, content) of the elements that follow one another."""
    while start < len(data):
        kind, content, start = _element(data, start, order)
        yield kind, content


def _element(data: bytes, start: int, order: str) -> tuple[int, bytes, int]:
    """Type and content of the element at ``start``, and where the next begins."""
    if start + 8 > len(data):
        raise _Damaged("it ends within a tag")
    first, size = (int(v) for v in np.frombuffer(data, f"{order}u4", 2, start))
    if first >> 16:  # up to four bytes stand in the tag itself
        if first >> 16 > 4:
            raise _Damaged("a short element is longer than four bytes")
        return first & 0xFFFF, data[start + 4 : start + 4 + (first >> 16)], start + 8
    end = start + 8 + size
    if end > len(data):
        raise _Damaged("it ends before an element does")
    return first, data[start + 8 : end], end if first == COMPRESSED else start + 8 + -(-size // 8) * 8


def _inflated(packed: bytes, most: int, order: str) -> bytes:
    """Content of the matrix in a compressed element, at most so many bytes of it; nothing where it is no matrix."""
    try:
        data = zlib.decompressobj().decompress(packed, most)
    except zlib.error as error:
        raise _Damaged("compressed data are damaged") from error
    if len(data) < 8:
        raise _Damaged("compressed data end early")
    return data[8:] if int(np.frombuffer(data, f"{order}u4", 1)[0]) == MATRIX else b""


def _table(matrix: bytes, order: str) -> _Table:
    """What a matrix says of itself."""
    kind, flags, start = _element(matrix, 0, order)
    if kind != 6 or len(flags) != 8:
        raise _Damaged("a variable has no flags")
    word = int(np.frombuffer(flags, f"{order}u4", 1)[0])
    kind, dims, start = _element(matrix, start, order)
    if kind != 5 or not 8 <= len(dims) <= 128 or len(dims) % 4:
        raise _Damaged("a variable has no size")
    _, name, start = _element(matrix, start, order)
    shape = tuple(int(v) for v in np.frombuffer(dims, f"{order}i4"))
    plain = KINDS.get(word & 0xFF, "of whole numbers")
    special = "complex" if word & COMPLEX else "logical" if word & LOGICAL else ""
    return _Table(name.decode("latin-1"), special or plain, shape, start)


def _check(path: Path, table: _Table) -> None:
    """A real table of doubles or singles, of a size that can be believed."""
    if table.kind not in NUMBERS or len(table.shape) != 2 or min(table.shape) < 1:
        raise RecordingError(f"'{table.name}' of '{path}' is {table.kind} {table.shape}; expected a table of numbers")
    if math.prod(table.shape) > MAX_VALUES:
        raise RecordingError(f"'{table.name}' of '{path}' is {table.shape}, larger than any table of responses")


def _room(table: _Table) -> int:
    """Bytes that the matrix can take."""
    return table.start + 16 + 8 * math.prod(table.shape) + 8


def _numbers(matrix: bytes, table: _Table, order: str) -> NDArray[np.float32]:
    kind, content, _ = _element(matrix, table.start, order)
    rows, columns = table.shape
    if kind not in TYPES or len(content) != rows * columns * np.dtype(TYPES[kind]).itemsize:
        raise _Damaged(f"'{table.name}' does not hold as many numbers as it says")
    values = np.frombuffer(content, order + TYPES[kind]).reshape((rows, columns), order="F")
    with np.errstate(over="ignore"):  # becomes infinite, which is for the caller to refuse
        return np.ascontiguousarray(values, np.float32)
