"""Parts of a pickle, read with care: every claimed length is held against the file before anything is read.

Long byte strings are passed over.
"""

from __future__ import annotations

import codecs
import struct
from dataclasses import dataclass
from pickle import decode_long
from typing import IO, Any

LAZY_BYTES = 1 << 16
"""Longer byte strings are not read."""
MAX_TEXT_BYTES = 1 << 26
MAX_LINE_BYTES = 1 << 16
MAX_LONG_BYTES = 1 << 10


class RefusedError(Exception):
    """What a pickle must not do."""


class DamagedError(Exception):
    """What no pickle does."""


@dataclass(frozen=True)
class Span:
    """A byte string that was not read: where it begins in the file, and its bytes."""

    offset: int
    size: int


class Reader:
    """Reads the parts of a pickle.

    Parameters
    ----------
    stream
        Standing at the first code.
    size
        Bytes of the file.
    """

    def __init__(self, stream: IO[bytes], size: int) -> None:
        self._stream = stream
        self._size = size

    def room(self, n: int) -> int:
        """A length, held against what is left of the file."""
        if n < 0:
            raise DamagedError("a length is negative")
        if n > self._size - self._stream.tell():
            raise EOFError
        return n

    def take(self, n: int) -> bytes:
        """The next ``n`` bytes."""
        data = self._stream.read(n)
        if len(data) < n:
            raise EOFError
        return data

    def number(self, layout: str) -> Any:
        """A number, as `struct` lays it out."""
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def line(self) -> bytes:
        """The rest of a line."""
        line = self._stream.readline(MAX_LINE_BYTES)
        if not line.endswith(b"\n"):
            raise EOFError
        return line[:-1]

    def text(self, layout: str) -> str:
        """A text behind its length."""
        n = self.room(self.number(layout))
        if n > MAX_TEXT_BYTES:
            raise RefusedError(f"holds a text of {n} bytes")
        return self.take(n).decode("utf-8", "surrogatepass")

    def data(self, layout: str) -> bytes | Span:
        """A byte string, or where it is."""
        n = self.room(self.number(layout))
        if n < LAZY_BYTES:
            return self.take(n)
        span = Span(self._stream.tell(), n)
        self._stream.seek(n, 1)
        return span

    def old_text(self, layout: str) -> str | Span:
        """A ``str`` of Python 2, which may be bytes."""
        data = self.data(layout)
        return data if isinstance(data, Span) else data.decode("latin-1")

    def long(self, layout: str) -> int:
        """A long number behind its length."""
        n = self.room(self.number(layout))
        if n > MAX_LONG_BYTES:
            raise RefusedError(f"holds a number of {n} bytes")
        return decode_long(self.take(n))

    def int_line(self) -> int | bool:
        """A number, or a truth value, in digits."""
        line = self.line()
        return line == b"01" if line in (b"00", b"01") else int(line)

    def string_line(self) -> str:
        """A quoted text in a line."""
        line = self.line()
        if len(line) < 2 or line[:1] != line[-1:] or line[:1] not in (b"'", b'"'):
            raise DamagedError("a text is not quoted")
        return codecs.escape_decode(line[1:-1])[0].decode("latin-1")
