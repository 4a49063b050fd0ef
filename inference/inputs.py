"""Reads what a gallery is made from: arrays, tables, pictures. Sizes are checked first; nothing is unpickled."""

from __future__ import annotations

import csv
import io
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from config.bounded import TooLargeError, read_bounded
from config.bundles import Item
from config.errors import BundleError
from config.stored_array import NPY_ERRORS, check_npy_header

if TYPE_CHECKING:
    from PIL.Image import Image

Told = Callable[[str, int, int], None]
"""Told (what is being done, how much is done, of how much)."""
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
MAX_PICTURE_BYTES, MAX_PIXELS = 64 << 20, 50_000_000
MAX_TABLE_BYTES = 256 << 20
_PICTURE_ERRORS = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RuntimeError, EOFError,
    MemoryError, struct.error, zlib.error,
)  # fmt: skip
"""What Pillow raises for damaged pictures."""
COLUMNS = ("id", "label", "modality", "picture")


def silent(what: str, done: int, total: int) -> None:
    """The `Told` that says nothing."""


def read_npy(path: Path) -> NDArray[Any]:
    """Array (n, dim) of a ``.npy`` file, never unpickled.

    Raises
    ------
    BundleError
        It is missing, truncated, pickled, or of another shape.
    """
    try:
        # mapped: the header's promise is checked against the file before memory is taken
        check_npy_header(path)
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except NPY_ERRORS as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise BundleError(f"'{path}' is not a plain .npy of numbers: {why}") from error
    if not isinstance(array, np.ndarray):
        array.close()
        raise BundleError(f"'{path}' holds several arrays; give a .npy with one of shape (n, dim)")
    if array.ndim == 3 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 2 or array.dtype.kind != "f":
        raise BundleError(f"'{path}' holds {array.dtype} of shape {array.shape}; expected floats (n, dim)")
    return np.asarray(array)


def read_table(path: Path) -> list[Item]:
    """Items of a ``.csv`` or ``.tsv`` table.

    Its first line names the columns: id and label (one stands for both) and, where they are there, modality and
    picture (a path relative to the table); other columns become attributes.

    Raises
    ------
    BundleError
        It cannot be read, or lacks the columns.
    """
    text = read_text(path)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    try:
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        names, rows = list(reader.fieldnames or ()), list(reader)
    except csv.Error as error:
        raise BundleError(f"'{path}' is not a table: {error}") from error
    if not {"id", "label"} & set(names):
        raise BundleError(f"'{path}' has the columns {', '.join(names) or 'none'}; expected id and label")
    return [_item(path, number, row) for number, row in enumerate(rows, start=2)]


def _item(path: Path, number: int, row: dict[str, Any]) -> Item:
    if None in row or None in row.values():
        raise BundleError(f"line {number} of '{path}' has not as many cells as the first line; mend the table")
    identity, label = row.get("id") or row.get("label"), row.get("label") or row.get("id")
    if not identity or not label:
        raise BundleError(f"line {number} of '{path}' has neither id nor label; mend the table")
    picture = row.get("picture") or ""
    return Item(
        id=identity,
        label=label,
        modality=row.get("modality") or ("image" if picture else "text"),
        picture=picture,
        attributes={key: value for key, value in row.items() if key not in COLUMNS},
    )


def read_text(path: Path) -> str:
    """Text of a file of bounded size.

    Raises
    ------
    BundleError
        It is missing, too large, or not UTF-8.
    """
    try:
        return read_bounded(path, MAX_TABLE_BYTES).decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except TooLargeError as error:
        raise BundleError(f"'{path}' is {error}, which is too large for a table") from error
    except OSError as error:
        raise BundleError(f"'{path}' cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BundleError(f"'{path}' is not UTF-8 text: {error.reason}; save it as UTF-8") from error


def find_pictures(folder: Path) -> list[Path]:
    """Pictures in a folder and its subfolders, by path.

    Raises
    ------
    BundleError
        There is none.
    """
    if not folder.is_dir():
        raise BundleError(f"'{folder}' is no folder; expected one with pictures")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise BundleError(f"folder '{folder}' holds no picture; expected files ending in {', '.join(SUFFIXES)}")
    return found


@contextmanager
def opened(path: Path | str, how: str = "") -> Iterator[Image]:
    """A picture, for use within ``with``: of a format that galleries take, and of a size that can be decoded.

    Both are known from its header, before anything is decoded; what goes wrong within ``with`` is the picture's fault.

    Parameters
    ----------
    path
        Of the file.
    how
        What cannot be done with a bad one, beyond "cannot be read".

    Raises
    ------
    BundleError
        It is no picture of ours, damaged, or too large.
    """
    from PIL import Image

    path = Path(path)
    try:
        if path.stat().st_size > MAX_PICTURE_BYTES:
            raise BundleError(f"picture '{path}' is larger than {MAX_PICTURE_BYTES >> 20} MB; make it smaller")
        with Image.open(path, formats=FORMATS) as picture:
            width, height = picture.size
            if width * height > MAX_PIXELS:
                raise BundleError(f"picture '{path}' is {width} x {height}, more than {MAX_PIXELS:,} pixels; shrink it")
            yield picture
    except (*_PICTURE_ERRORS, Image.DecompressionBombError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise BundleError(f"picture '{path}' cannot be read{how and f' {how}'}: {why}; replace it") from error


def check_picture(path: Path) -> None:
    """Refuse what is no picture or too large, from its header and before it is decoded.

    Raises
    ------
    BundleError
        It is not a whole picture, or too large.
    """
    with opened(path) as picture:
        picture.verify()


def check_pictures(paths: Sequence[Path], progress: Callable[[int, int], None] | None = None) -> None:
    """Refuse pictures that are none, too large or cut off, all of them in one error.

    Each is read to its end (JPEGs at an eighth of their size, which is quick), as a header says nothing about the rest.

    Raises
    ------
    BundleError
        Names what is wrong with the first, and which others there are.
    """
    bad: list[tuple[Path, BundleError]] = []
    for done, path in enumerate(paths, 1):
        try:
            check_picture(path)
            _check_whole(path)
        except BundleError as error:
            bad.append((path, error))
        if progress is not None:
            progress(done, len(paths))
    if len(bad) == 1:
        raise bad[0][1]
    if bad:
        names = ", ".join(f"'{path}'" for path, _ in bad[1:6])
        more = f" and {len(bad) - 6} more" if len(bad) > 6 else ""
        raise BundleError(
            f"{bad[0][1]}; {len(bad) - 1} more cannot be used either: {names}{more}; mend or remove all of them"
        )


def _check_whole(path: Path) -> None:
    with opened(path, "to its end") as picture:
        picture.draft("L", (1, 1))
        picture.load()
