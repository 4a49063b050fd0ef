"""Read a journal back: record by record, as far as it is whole, and as a source that plays it again."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from acquisition import journal_format as fmt
from acquisition.journal_files import following
from acquisition.journal_format import Header, Record, Torn
from acquisition.types import Chunk, StreamInfo
from config.errors import JournalError


def read(file: Path) -> Iterator[Record]:
    """Records of a journal, in the order they were written; of the files that it goes on in, too.

    One header comes, that of the file given. A torn or damaged record ends the reading with a `Torn` that says how
    much is lost. Sizes are checked against the file before memory is taken.

    Raises
    ------
    JournalError
        The file is not there, no journal, of another version, or holds records that no eegseek writes.
    """
    further = False
    while True:
        for record in read_file(file):
            if not (further and isinstance(record, Header)):
                yield record
            if isinstance(record, Torn):
                return
        file, further = following(file), True
        # one without a head: killed between making the file and its first write
        if not file.exists() or file.stat().st_size < fmt.FILE_HEAD.size:
            return


def read_file(file: Path) -> Iterator[Record]:
    """Records of one file of a journal; else as `read`."""
    try:
        with file.open("rb") as stream:
            _check_head(stream, file)
            yield from _records(stream, file)
    except OSError as error:
        raise JournalError(f"journal '{file}' cannot be read: {error.strerror or error}") from error


def _check_head(stream: BinaryIO, file: Path) -> None:
    head = stream.read(fmt.FILE_HEAD.size)
    if len(head) < fmt.FILE_HEAD.size or not head.startswith(fmt.MAGIC):
        raise JournalError(f"'{file}' is no journal of eegseek (or was cut off in its first bytes); give a .esj file")
    _, version, _ = fmt.FILE_HEAD.unpack(head)
    if version != fmt.VERSION:
        raise JournalError(
            f"journal '{file}' is of version {version}, this eegseek reads version {fmt.VERSION}; use the eegseek that "
            "wrote it"
        )


def _records(stream: BinaryIO, file: Path) -> Iterator[Record]:
    size = os.fstat(stream.fileno()).st_size
    offset = stream.tell()
    while offset < size:
        body, reason, kind = _body(stream, size - offset)
        if reason:
            yield Torn(offset, size - offset, reason)
            return
        try:
            yield fmt.unpack(kind, body)
        except JournalError as error:
            raise JournalError(f"journal '{file}' at byte {offset}: {error}") from error
        offset += fmt.PREFIX.size + len(body)


def _body(stream: BinaryIO, left: int) -> tuple[bytes, str, int]:
    """Body of the next record, or why there is none, and its type."""
    if left < fmt.PREFIX.size:
        return b"", "the file ends inside a record", 0
    length, crc, kind = fmt.PREFIX.unpack(stream.read(fmt.PREFIX.size))
    if length > fmt.MAX_BODY_BYTES:
        return b"", f"a record claims {length} bytes", 0
    if length > left - fmt.PREFIX.size:
        return b"", "the file ends inside a record", 0
    body = stream.read(length)
    if len(body) < length or fmt.checksum(kind, body) != crc:
        return b"", "a record is damaged (its checksum differs)", 0
    return body, "", kind


class JournalSource:
    """A segment played again as fast as it is read: the same chunks, raw and corrected stamps, and events.

    Parameters
    ----------
    file
        A journal.

    Attributes
    ----------
    header
        Its header, once open.
    torn
        Where it is torn, once that is reached; None in a whole journal.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.header: Header | None = None
        self.torn: Torn | None = None
        self._records: Iterator[Record] = iter(())
        self._next: Chunk | None = None

    def open(self) -> StreamInfo:
        """The source as it was when the segment was recorded.

        Raises
        ------
        JournalError
            The file is no journal, or torn in its header.
        """
        self._records = read(self.file)
        first = next(self._records, None)
        if not isinstance(first, Header):
            self.close()
            raise JournalError(f"journal '{self.file}' was cut off in its header and holds nothing")
        self.header = first
        self._next = self._chunk()
        return replace(
            first.info, replayed=True, notes=(*first.info.notes, f"played again from the journal '{self.file.name}'")
        )

    def read(self, timeout_s: float) -> Chunk:
        """The next chunk as recorded; ``final`` on the last, and on an empty one after it."""
        channels = len(self.header.info.channels) if self.header else 0
        chunk, self._next = self._next, self._chunk()
        if chunk is None:
            return Chunk(np.empty((channels, 0), dtype=np.float32), np.empty(0), 0.0, final=True)
        return replace(chunk, final=self._next is None)

    def close(self) -> None:
        """Let go of the file."""
        if isinstance(self._records, Generator):
            self._records.close()
        self._records, self._next = iter(()), None

    def _chunk(self) -> Chunk | None:
        channels = len(self.header.info.channels) if self.header else 0
        for record in self._records:
            if isinstance(record, Chunk):
                if record.samples.shape[0] != channels:
                    raise JournalError(
                        f"journal '{self.file}' holds a chunk of {record.samples.shape[0]} channels, its header names "
                        f"{channels}; another program wrote it"
                    )
                return record
            if isinstance(record, Torn):
                self.torn = record
        return None
