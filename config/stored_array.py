"""Arrays that lie in a file and are read piece by piece, or not at all."""

from __future__ import annotations

import math
import tokenize
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import RecordingError

NPY_ERRORS = (
    OSError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, SyntaxError, EOFError, MemoryError,
    RuntimeError, tokenize.TokenError, zipfile.BadZipFile,
)  # fmt: skip
"""What numpy raises for a damaged ``.npy``, whose header it reads with Python's own parser."""
NPY_MAGIC, NPY_VERSIONS = b"\x93NUMPY", {b"\x01\x00": 2, b"\x02\x00": 4, b"\x03\x00": 4}
MAX_NPY_HEADER = 1 << 16


def check_npy_header(path: Path) -> None:
    """Whether the header of a ``.npy`` is as long as it may be: numpy takes memory for what it claims before it reads.

    Parameters
    ----------
    path
        The file; one that is no ``.npy`` is left to whoever opens it.

    Raises
    ------
    ValueError
        It is longer, or of an unknown version.
    OSError
        The file cannot be read.
    """
    with path.open("rb") as stream:
        magic, version = stream.read(6), stream.read(2)
        if magic != NPY_MAGIC:
            return
        if version not in NPY_VERSIONS:
            raise ValueError(f"its format's version is {'.'.join(map(str, version))}, known are 1.0, 2.0 and 3.0")
        length = int.from_bytes(stream.read(NPY_VERSIONS[version]), "little")
    if length > MAX_NPY_HEADER:
        raise ValueError(f"its header claims {length} bytes, at most {MAX_NPY_HEADER} are read")


@dataclass(frozen=True)
class StoredArray:
    """An array in a file, or small and in memory.

    Attributes
    ----------
    file
        Where it lies.
    shape, dtype
        Of the array.
    fortran
        Stored with the first axis running fastest.
    offset
        Of its first byte in the file; -1 where ``held`` has the bytes.
    held
        Its bytes, where they were small enough to be read with the rest.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    fortran: bool = False
    offset: int = -1
    held: bytes = b""

    @property
    def nbytes(self) -> int:
        """Bytes of the whole."""
        return math.prod(self.shape) * self.dtype.itemsize

    def map(self) -> NDArray[Any]:
        """The whole, mapped read-only: what is touched is read.

        Raises
        ------
        RecordingError
            The file is gone or has become shorter.
        """
        order = "F" if self.fortran else "C"
        try:
            if self.offset < 0 or not self.nbytes:
                flat = np.frombuffer(self.held, self.dtype, math.prod(self.shape))
                return flat.reshape(self.shape, order=order)  # type: ignore[call-overload, no-any-return]
            return np.memmap(self.file, self.dtype, "r", self.offset, self.shape, order=order)  # type: ignore[call-overload, no-any-return]
        except (OSError, ValueError, TypeError, OverflowError) as error:
            raise RecordingError(f"'{self.file}' cannot be mapped: {error}; copy it again") from error

    def read(self) -> NDArray[Any]:
        """The whole, in memory, in C order."""
        return np.array(self.map(), order="C")

    def rows(self, start: int, stop: int) -> NDArray[Any]:
        """Elements ``start`` to ``stop`` of the first axis, read without mapping.

        Returns
        -------
        (stop - start, ...), as stored.

        Raises
        ------
        RecordingError
            The file cannot be read.
        """
        start, stop = max(0, start), max(start, min(stop, self.shape[0]))
        if self.offset < 0 or self.fortran:
            return np.array(self.map()[start:stop])
        size = math.prod(self.shape[1:]) * self.dtype.itemsize
        try:
            found = np.empty((stop - start, *self.shape[1:]), self.dtype)
            with self.file.open("rb", buffering=0) as stream:
                _fill(stream, self.offset + start * size, found.reshape(-1))
        except (OSError, ValueError) as error:
            raise RecordingError(f"'{self.file}' cannot be read: {error}; copy it again") from error
        return found

    def columns(self, start: int, stop: int) -> NDArray[Any]:
        """Elements ``start`` to ``stop`` of the last axis, read without mapping, so that no more memory is taken.

        Returns
        -------
        (..., stop - start), as stored.

        Raises
        ------
        RecordingError
            The file cannot be read.
        """
        last, lead = self.shape[-1], self.shape[:-1]
        start, stop, size = max(0, start), min(stop, last), self.dtype.itemsize
        if self.offset < 0:
            return self.map()[..., start:stop]
        rows = math.prod(lead)
        try:
            with self.file.open("rb", buffering=0) as stream:
                if self.fortran:
                    flat = np.empty((stop - start) * rows, self.dtype)
                    _fill(stream, self.offset + start * rows * size, flat)
                    return flat.reshape((*lead, stop - start), order="F")
                found = np.empty((rows, stop - start), self.dtype)
                for row in range(rows):
                    _fill(stream, self.offset + (row * last + start) * size, found[row])
        except OSError as error:
            raise RecordingError(f"'{self.file}' cannot be read: {error}; copy it again") from error
        return found.reshape(*lead, stop - start)


def _fill(stream: Any, at: int, out: NDArray[Any]) -> None:
    stream.seek(at)
    view = out.view(np.uint8).data
    done = 0
    while done < len(view):
        got = stream.readinto(view[done:])
        if not got:
            raise OSError(f"it ends at byte {at + done}, before its array does")
        done += got
