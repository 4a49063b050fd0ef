"""Whether a MATLAB file of version 5 to 7.2 [1]_ is what its lengths say, before SciPy decodes it.

SciPy's reader follows lengths without a look at what is left: a damaged ``.set`` of EEGLAB ends the process inside it.

References
----------
.. [1] The MathWorks (2023), MAT-file format, level 5.
"""

from __future__ import annotations

import math
import struct
import zlib
from pathlib import Path

from config.errors import RecordingError

HEADER_BYTES = 128
MATRIX, COMPRESSED = 14, 15
WIDTHS = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4}
"""Bytes of a value by its stored type; 16 is UTF-8, of which a letter may take more."""
CELL, STRUCT, OBJECT, CHAR, SPARSE, FIRST_NUMBER, LAST_NUMBER = 1, 2, 3, 4, 5, 6, 15
COMPLEX = 0x0800
MAX_DEPTH, MAX_PARTS, MAX_NAME = 32, 2_000_000, 256
MAX_UNPACKED, MOST_PACKED, SPARE = 4 << 30, 200, 16 << 20
"""Bytes of a packed variable: at most, times what it is packed, and for the smallest."""


class _Damaged(Exception):
    """What is wrong with the file."""


def check_mat(file: Path) -> None:
    """Walk through all variables; files of another kind, such as version 7.3, are left to their readers.

    Raises
    ------
    RecordingError
        A length does not fit, or a type is unknown.
    """
    data = file.read_bytes()
    marks = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}
    if data.startswith((b"MATLAB 7.3", b"\x89HDF")):
        return
    try:
        if data[124:128] not in marks:
            raise _Damaged("it does not begin as MATLAB's files do")
        walk = _Walk(marks[data[124:128]])
        at = HEADER_BYTES
        while at < len(data):
            kind, body, at = walk.element(memoryview(data), at)
            walk.variable(kind, body)
    except (_Damaged, struct.error, zlib.error) as error:
        raise RecordingError(f"'{file}' is damaged or cut off ({error}); copy or export it again") from error


class _Walk:
    """The elements of a file, each within the one that holds it."""

    def __init__(self, order: str) -> None:
        self._order = order
        self._parts = 0

    def element(self, data: memoryview, at: int) -> tuple[int, memoryview, int]:
        """Type and content of the element at a place, and where the next begins."""
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise _Damaged(f"it holds more than {MAX_PARTS} parts")
        first, size = struct.unpack_from(f"{self._order}II", data, at)
        if first >> 16:  # up to four bytes stand in the tag itself
            if first >> 16 > 4:
                raise _Damaged("a short element is longer than four bytes")
            return first & 0xFFFF, data[at + 4 : at + 4 + (first >> 16)], at + 8
        if at + 8 + size > len(data):
            raise _Damaged("an element ends after what holds it")
        following = at + 8 + size if first == COMPRESSED else at + 8 + -(-size // 8) * 8
        return first, data[at + 8 : at + 8 + size], following

    def variable(self, kind: int, body: memoryview) -> None:
        """An element of the file itself."""
        if kind == COMPRESSED:
            most = min(MAX_UNPACKED, MOST_PACKED * len(body) + SPARE)
            unpacked = zlib.decompressobj().decompress(body, most)
            kind, body, _ = self.element(memoryview(unpacked), 0)
        if kind != MATRIX:
            raise _Damaged(f"a variable is of type {kind}")
        self._matrix(body, 0)

    def _matrix(self, body: memoryview, depth: int) -> None:
        if not len(body):
            return
        if depth > MAX_DEPTH:
            raise _Damaged(f"it is nested more than {MAX_DEPTH} times")
        kind, flags, at = self.element(body, 0)
        if kind != 6 or len(flags) != 8:
            raise _Damaged("a variable has no flags")
        (word, _) = struct.unpack(f"{self._order}II", flags)
        what = word & 0xFF
        if what > LAST_NUMBER or not what:
            raise _Damaged(f"it holds something of MATLAB's class {what}, which is no data")
        kind, dims, at = self.element(body, at)
        if kind not in (5, 6) or not 8 <= len(dims) <= 128 or len(dims) % 4:
            raise _Damaged("a variable has no size")
        shape = struct.unpack(f"{self._order}{len(dims) // 4}i", dims)
        if min(shape) < 0:
            raise _Damaged("a variable has a negative size")
        _, _, at = self.element(body, at)
        self._content(what, bool(word & COMPLEX), math.prod(shape), body, at, depth)

    def _content(self, what: int, two: bool, count: int, body: memoryview, at: int, depth: int) -> None:
        if what in (STRUCT, OBJECT):
            if what == OBJECT:
                _, _, at = self.element(body, at)
            count, at = self._fields(count, body, at)
        if what in (CELL, STRUCT, OBJECT):
            for _ in range(count):
                kind, inner, at = self.element(body, at)
                if kind != MATRIX:
                    raise _Damaged(f"a part of a variable is of type {kind}")
                self._matrix(inner, depth + 1)
            return
        if what == SPARSE:
            raise _Damaged("it holds a sparse table, which no recording has")
        for _ in range(2 if two else 1):
            kind, values, at = self.element(body, at)
            width = WIDTHS.get(kind, 0)
            fits = len(values) >= count if kind == 16 else len(values) == count * width
            if not width or not (fits or (what == CHAR and not len(values))):
                raise _Damaged("a variable does not hold as many values as it says")

    def _fields(self, count: int, body: memoryview, at: int) -> tuple[int, int]:
        kind, size, at = self.element(body, at)
        if kind != 5 or len(size) != 4:
            raise _Damaged("a struct has no length of names")
        (length,) = struct.unpack(f"{self._order}i", size)
        _, names, at = self.element(body, at)
        if not 0 < length <= MAX_NAME or len(names) % length:
            raise _Damaged("the names of a struct do not fit")
        return count * (len(names) // length), at
