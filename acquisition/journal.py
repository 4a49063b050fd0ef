"""The journal: the truth of a session. Append-only, one unbuffered write a record, before anything else is done.

A journal is one file a segment, in the session's folder. What has been handed to a `JournalWriter` survives the death
of every process of ours (and, once closed, of the machine). The format is in `acquisition.journal_format`, reading in
`acquisition.journal_read`.
"""

from __future__ import annotations

import os
import platform
import re
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from acquisition import journal_format as fmt
from acquisition.journal_format import End, Header, Note, PacketRecord, Record, Sent, Torn, Turn
from acquisition.journal_read import JournalSource, read
from acquisition.types import Chunk, Gap, StreamInfo
from config.errors import JournalError
from wire.clock import now
from wire.codec import Frame, encode
from wire.packets import Packet

__all__ = [
    "SUFFIX",
    "End",
    "Header",
    "JournalSource",
    "JournalWriter",
    "Note",
    "PacketRecord",
    "Record",
    "Sent",
    "Torn",
    "Turn",
    "make_header",
    "next_segment",
    "path",
    "read",
]

SUFFIX = ".esj"
_NAME = re.compile(r"segment-(\d{4,})\.esj")
_LIBRARIES = ("eegseek", "numpy", "scipy", "pylsl", "brainflow", "mne", "pyzmq")


def path(folder: Path, segment: int) -> Path:
    """Journal of a segment in a session's folder."""
    return folder / f"segment-{segment:04d}{SUFFIX}"


def next_segment(folder: Path) -> int:
    """Number after the last segment in a session's folder; 0 where there is none, or no folder."""
    names = [entry.name for entry in folder.iterdir()] if folder.is_dir() else []
    numbers = [int(match[1]) for match in map(_NAME.fullmatch, names) if match]
    return max(numbers, default=-1) + 1


def make_header(session: str, segment: int, info: StreamInfo, settings: str = "") -> Header:
    """Header of a segment that begins now, with the versions of what runs."""
    versions = {"python": platform.python_version()}
    for name in _LIBRARIES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    created = datetime.now(UTC).isoformat(timespec="milliseconds")
    return Header(session, segment, info, settings, versions, created, now())


class JournalWriter:
    """Append records to a new file, from any number of threads.

    A record that cannot be written whole is taken back, so that what is there stays readable; from then on every call
    raises the same error, because a journal with a hole is not the truth.

    Parameters
    ----------
    file
        The journal, as `path` names it; it must not exist yet.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._fd = -1
        self._size = 0
        self._failed = ""
        self._state = ""

    def open(self, header: Header) -> None:
        """Make the file (mode 0600, in a folder of mode 0700) and write its header.

        Raises
        ------
        JournalError
            The file is there already, or cannot be written.
        """
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = os.open(self.file, flags, 0o600)
        except FileExistsError as error:
            raise JournalError(
                f"journal '{self.file}' is there already and is never overwritten; begin another segment or session"
            ) from error
        except OSError as error:
            raise JournalError(
                f"journal '{self.file}' cannot be made: {error.strerror}; choose a folder that can be written with "
                "--set session.folder=DIR"
            ) from error
        head = fmt.FILE_HEAD.pack(fmt.MAGIC, fmt.VERSION, 0)
        try:
            self._write(head + fmt.seal(fmt.HEADER, [fmt.pack_json(header)]))
        except JournalError:
            self.close()
            raise

    def chunk(self, chunk: Chunk) -> None:
        """Samples and events, as they came; nothing is written for a chunk that carries no news."""
        if not (chunk.samples.shape[1] or chunk.events or chunk.final or chunk.state != self._state):
            return
        self._append(fmt.CHUNK, fmt.pack_chunk(chunk))
        self._state = chunk.state

    def packet(self, packet: Packet) -> None:
        """A packet: a result, a rejected window, a status."""
        self.frames(encode(packet))

    def frames(self, frames: Sequence[Frame]) -> None:
        """A packet that is encoded already."""
        self._append(fmt.PACKET, fmt.pack_frames(frames))

    def gap(self, gap: Gap) -> None:
        """A confirmed loss of samples."""
        self._append(fmt.GAP, [fmt.pack_json(gap)])

    def sent(self, sent: Sent) -> None:
        """What a window was that went out."""
        self._append(fmt.SENT, [fmt.pack_json(sent)])

    def turn(self, turn: Turn) -> None:
        """A change of state."""
        self._append(fmt.TURN, [fmt.pack_json(turn)])

    def note(self, text: str) -> None:
        """Words, with the time."""
        self._append(fmt.NOTE, [fmt.pack_json(Note(now(), text))])

    def close(self, reason: str = "stopped") -> None:
        """Write the end, wait until the disk has everything, let go; harmless when called twice.

        Raises
        ------
        JournalError
            The end could not be written; the file is let go all the same.
        """
        if self._fd < 0:
            return
        try:
            if not self._failed:
                self._append(fmt.END, [fmt.pack_json(End(now(), reason))])
                os.fsync(self._fd)
        except OSError as error:
            raise JournalError(f"journal '{self.file}' may not be on the disk: {error.strerror}") from error
        finally:
            with self._lock:
                fd, self._fd = self._fd, -1
                os.close(fd)

    def _append(self, kind: int, parts: Sequence[bytes]) -> None:
        self._write(fmt.seal(kind, parts))

    def _write(self, record: bytes) -> None:
        with self._lock:
            if self._failed:
                raise JournalError(self._failed)
            if self._fd < 0:
                raise JournalError(f"journal '{self.file}' is not open; nothing can be written to it")
            try:
                written = os.write(self._fd, record)
                reason = "the disk or a limit took only a part of a record" if written < len(record) else ""
            except OSError as error:
                reason = error.strerror or str(error)
            if not reason:
                self._size += len(record)
                return
            self._give_up(reason)
        raise JournalError(self._failed)

    def _give_up(self, reason: str) -> None:
        kept = "it is whole up to there"
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            kept = "its last record is torn"
        self._failed = (
            f"journal '{self.file}' cannot be written after {self._size} bytes: {reason}; {kept}; free space, or "
            "choose another folder with --set session.folder=DIR, and start again"
        )
