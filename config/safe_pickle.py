"""Pickles without danger: numpy arrays and plain containers, and nothing else. No code of a file ever runs.

`config.pickle_machine` carries out the machine codes of plain values only; a name (``GLOBAL``) becomes a `Word` or is
refused, and a word is never called: `_made` says what the few calls in numpy's pickles come to. So a file can build
lists, tuples, dicts, sets, numbers, texts and arrays of them.

The bytes of large arrays are passed over and come as a `StoredArray`, which is read piece by piece. Frames (protocol 4
on) are a hint for buffering and are ignored, so that every byte string has a place in the file.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import IO, Any

import numpy as np

from config.errors import RecordingError
from config.pickle_machine import Machine
from config.pickle_reader import DamagedError, RefusedError, Span
from config.stored_array import NPY_ERRORS, StoredArray, check_npy_header

MOST_ROWS = 1 << 62
"""Of any axis."""
_DTYPE = re.compile(r"[biufcSUO]\d{1,9}")


class Word(Enum):
    """The names that a pickle may mention."""

    RECONSTRUCT = "_reconstruct"
    ARRAY = "ndarray"
    DTYPE = "dtype"
    SCALAR = "scalar"
    FROM_BUFFER = "_frombuffer"
    ENCODE = "encode"


_CORES = ("numpy.core", "numpy._core")
WORDS: dict[tuple[str, str], Word] = {
    ("numpy", "ndarray"): Word.ARRAY,
    ("numpy", "dtype"): Word.DTYPE,
    ("_codecs", "encode"): Word.ENCODE,
    **{(f"{core}.multiarray", "_reconstruct"): Word.RECONSTRUCT for core in _CORES},
    **{(f"{core}.multiarray", "scalar"): Word.SCALAR for core in _CORES},
    **{(f"{core}.numeric", "_frombuffer"): Word.FROM_BUFFER for core in _CORES},
}


@dataclass
class _Dtype:
    """A dtype that may yet be told its byte order."""

    value: np.dtype[Any]


@dataclass
class _Blank:
    """An array that is yet to be told what it is."""

    value: StoredArray | list[Any] | None = None


def read_npy_object(path: Path) -> Any:
    """What ``np.load(path, allow_pickle=True)`` would give (``.item()`` of a single object), without its dangers.

    Parameters
    ----------
    path
        A ``.npy`` file: a pickled object, or a plain array.

    Returns
    -------
    Plain containers, numbers and texts; arrays are `StoredArray`.

    Raises
    ------
    RecordingError
        It is no ``.npy`` file, is cut off, or would run code or build something else.
    """
    with _opened(path) as stream:
        try:
            check_npy_header(path)
            version = np.lib.format.read_magic(stream)
            header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
            shape, fortran, dtype = header(stream)
        except NPY_ERRORS as error:
            raise RecordingError(f"'{path}' is no .npy file ({_first(error)}); give one that numpy saved") from error
        if dtype.hasobject:
            found = _load(path, stream)
            return found[0] if isinstance(found, list) and len(found) == 1 and shape == () else found
        array = StoredArray(path, tuple(shape), dtype, fortran, stream.tell())
        return _checked(array, path.stat().st_size - array.offset)


def read_pickle(path: Path, offset: int = 0) -> Any:
    """What ``pickle.load`` would give, without its dangers.

    Parameters
    ----------
    path
        The file.
    offset
        Where in it the pickle begins.

    Returns
    -------
    Plain containers, numbers and texts; arrays are `StoredArray`.

    Raises
    ------
    RecordingError
        It is cut off, no pickle, or would run code or build something else.
    """
    with _opened(path) as stream:
        stream.seek(offset)
        return _load(path, stream)


def read_object(path: Path) -> Any:
    """Either of the two, by how the file begins: what datasets name ``.npy`` is sometimes a bare pickle."""
    with _opened(path) as stream:
        magic = stream.read(6)
    return read_npy_object(path) if magic == b"\x93NUMPY" else read_pickle(path)


def _opened(path: Path) -> IO[bytes]:
    try:
        return path.open("rb", buffering=1 << 16)
    except OSError as error:
        raise RecordingError(f"'{path}' cannot be read: {error.strerror}; check the path") from error


def _load(path: Path, stream: IO[bytes]) -> Any:
    try:
        return _NumpyMachine(path, stream).run()
    except RefusedError as error:
        raise RecordingError(
            f"'{path}' {error}, which is refused: only numpy arrays and plain containers are read from pickles"
        ) from error
    except EOFError as error:
        raise RecordingError(f"'{path}' is cut off; copy it again") from error
    except (DamagedError, ValueError, TypeError, LookupError, OverflowError, MemoryError) as error:
        raise RecordingError(f"'{path}' is damaged, or no pickle ({_first(error)}); copy it again") from error


def _first(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


class _NumpyMachine(Machine):
    """Knows what names, calls and states mean in pickles of numpy."""

    def __init__(self, path: Path, stream: IO[bytes]) -> None:
        super().__init__(stream, path.stat().st_size)
        self.path = path

    def name(self, module: str, name: str) -> Word:
        """The word for a name."""
        word = WORDS.get((module, name))
        if word is None:
            raise RefusedError(f"names {module}.{name}"[:200])
        return word

    def call(self, what: object, given: object) -> object:
        """What a call comes to."""
        args = given if isinstance(given, tuple) else ()
        match what, args:
            case Word.RECONSTRUCT, (Word.ARRAY, *_):
                return _Blank()
            case Word.DTYPE, (str(text), *_) if _DTYPE.fullmatch(text):
                return _Dtype(np.dtype("O" if text.startswith("O") else text))
            case Word.SCALAR, (_Dtype(dtype), bytes(data)) if not dtype.hasobject:
                return np.frombuffer(data, dtype, 1)[0]
            case Word.ENCODE, (str(text), "latin1" | "latin-1"):
                return text.encode("latin-1")
            case Word.FROM_BUFFER, (data, _Dtype(dtype), tuple(shape), "C" | "F" as order):
                return _stored(self.path, data, dtype, shape, order == "F")
        # what it is given is not shown: a few bytes can spell a value whose text has no end
        name = what.value if isinstance(what, Word) else f"a {type(what).__name__.strip('_').lower()}"
        raise RefusedError(f"calls {name} with {', '.join(type(one).__name__ for one in args[:8]) or 'nothing'}")

    def state(self, what: object, state: object) -> object:
        """What an array or a dtype is told of itself."""
        match what, state:
            case _Dtype(), (int(), "<" | ">" | "|" | "=" as order, None, None, None, *_):
                what.value = what.value.newbyteorder(order)
                return what
            case _Blank(), (int(), tuple(shape), _Dtype(dtype), bool() | int() as fortran, data):
                what.value = _stored(self.path, data, dtype, shape, bool(fortran))
                return what.value
        raise RefusedError(f"gives a state to {type(what).__name__.strip('_').lower()}")

    def remembered(self, value: object) -> object:
        """What a memo gives: the array itself, once it is known."""
        return value.value if isinstance(value, _Blank) and value.value is not None else value


def _stored(
    path: Path, data: object, dtype: np.dtype[Any], shape: tuple[Any, ...], fortran: bool
) -> StoredArray | list[Any]:
    """An array; of objects, a flat list of them."""
    if not all(type(n) is int and n >= 0 for n in shape):
        raise DamagedError("an array has a shape that is no row of whole numbers")
    if dtype.hasobject:
        if not isinstance(data, list) or len(data) != math.prod(shape):
            raise DamagedError("an array of objects is not whole")
        return data
    if isinstance(data, Span):
        return _checked(StoredArray(path, shape, dtype, fortran, data.offset), data.size)
    if isinstance(data, str):  # Python 2 knew no bytes
        data = data.encode("latin-1")
    if not isinstance(data, bytes):
        raise DamagedError("an array has no bytes")
    return _checked(StoredArray(path, shape, dtype, fortran, -1, data), len(data))


def _checked(array: StoredArray, there: int) -> StoredArray:
    """An array whose bytes are there."""
    if array.dtype.names or _DTYPE.fullmatch(array.dtype.str[1:]) is None:
        raise RecordingError(f"'{array.file}' holds an array of {array.dtype}, which is refused; expected numbers")
    if any(type(n) is not int or n < 0 or n > MOST_ROWS for n in array.shape):
        raise RecordingError(f"'{array.file}' holds an array of an impossible shape; copy it again")
    if array.nbytes > there:
        raise RecordingError(
            f"'{array.file}' is cut off: an array of {array.shape} {array.dtype} needs {array.nbytes} bytes, "
            f"{there} are there; copy it again"
        )
    return array
