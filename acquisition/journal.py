"""The journal: the truth of a session. Append-only, one unbuffered write a record, before anything else is done.

A journal is one file a segment, in the session's folder; one that grows past a size goes on in another file. What has
been handed to a `JournalWriter` survives the death of every process of ours, and after a fraction of a second that of
the machine. The format is in `acquisition.journal_format`, reading in `acquisition.journal_read`, the names of the
files in `acquisition.journal_files`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from acquisition import journal_format as fmt
from acquisition.journal_files import SUFFIX, next_segment, part_path, path
from acquisition.journal_format import Bad, End, Header, Note, PacketRecord, Record, Sent, Torn
from acquisition.journal_read import JournalSource, read
from acquisition.journal_sync import Syncer
from acquisition.types import Chunk, Gap, StreamInfo
from acquisition.versions import versions
from config.errors import JournalError
from wire.clock import boot, now
from wire.codec import Frame, encode
from wire.packets import Packet
from wire.states import Change

__all__ = [
    "SUFFIX",
    "Bad",
    "End",
    "Header",
    "JournalSource",
    "JournalWriter",
    "Note",
    "PacketRecord",
    "Record",
    "Sent",
    "Torn",
    "make_header",
    "next_segment",
    "path",
    "read",
]

ROTATE_BYTES = 2_000_000_000
LOCK_TRIES = 100


def make_header(session: str, segment: int, info: StreamInfo, settings: str = "") -> Header:
    """Header of a segment that begins now, with what its last bits depend on."""
    return Header(session, segment, info, settings, versions(), _wall(), now(), boot=boot())


class JournalWriter:
    """Append records to a new file, from any number of threads.

    A record that cannot be written whole is taken back, so that what is there stays readable; from then on every call
    raises the same error, because a journal with a hole is not the truth.

    Parameters
    ----------
    file
        The journal, as `path` names it; it must not exist yet.
    rotate_bytes
        A file that would grow past this is left as it is, and the journal goes on in the next.
    sync_s
        A thread brings what was written to the disk so often; 0 leaves it to the system until `close`.
    chore
        Called in that thread as often.
    """

    def __init__(
        self,
        file: Path,
        rotate_bytes: int = ROTATE_BYTES,
        sync_s: float = 0.0,
        chore: Callable[[], None] | None = None,
    ) -> None:
        self.file = file
        self.rotate_bytes = rotate_bytes
        self.sync_s = sync_s
        self.chore = chore
        self._lock = threading.Lock()
        self._fd = -1
        self._size = self._least = 0
        self._failed = ""
        self._state = ""
        self._header: Header | None = None
        self._samples = 0
        self._syncer: Syncer | None = None

    def open(self, header: Header) -> None:
        """Make the file (mode 0600, in a folder of mode 0700) and write its header.

        Raises
        ------
        JournalError
            The file is there already, or cannot be written.
        """
        try:
            self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._fd = _make(self.file)
        except FileExistsError as error:
            raise JournalError(
                f"journal '{self.file}' is there already and is never overwritten; begin another segment or session"
            ) from error
        except OSError as error:
            raise JournalError(
                f"journal '{self.file}' cannot be made: {error.strerror}; choose a folder that can be written with "
                "--set session.folder=DIR"
            ) from error
        try:
            self._write(_first_bytes(header))
        except JournalError:
            self.close()
            raise
        self._header, self._least = header, self._size
        if self.sync_s or self.chore is not None:
            self._syncer = Syncer(self.file.parent, self.sync_s, self._not_kept, self.chore)
            self._syncer.start(self._fd)

    def chunk(self, chunk: Chunk) -> None:
        """Samples and events, as they came; nothing is written for a chunk that carries no news."""
        if not (chunk.samples.shape[1] or chunk.events or chunk.final or chunk.state != self._state):
            return
        self._write(fmt.seal(fmt.CHUNK, fmt.pack_chunk(chunk)), chunk.samples.shape[1])
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

    def turn(self, turn: Change) -> None:
        """A change of state."""
        self._append(fmt.TURN, [fmt.pack_json(turn)])

    def note(self, text: str) -> None:
        """Words, with the time."""
        self._append(fmt.NOTE, [fmt.pack_json(Note(now(), text))])

    def bad(self, bad: Bad) -> None:
        """A stretch that a person marked."""
        self._append(fmt.BAD, [fmt.pack_json(bad)])

    def close(self, reason: str = "stopped") -> None:
        """Write the end, wait until the disk has everything, let go; harmless when called twice.

        Raises
        ------
        JournalError
            The end could not be written; the file is let go all the same.
        """
        if self._fd < 0:
            return
        if self._syncer is not None:
            self._syncer.stop()
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

    def _write(self, record: bytes, samples: int = 0) -> None:
        with self._lock:
            if self._failed:
                raise JournalError(self._failed)
            if self._fd < 0:
                raise JournalError(f"journal '{self.file}' is not open; nothing can be written to it")
            if self._size + len(record) > self.rotate_bytes and self._size > self._least:
                self._rotate()
            reason = _put(self._fd, record)
            if not reason:
                self._size += len(record)
                self._samples += samples
                return
            self._give_up(reason)
        raise JournalError(self._failed)

    def _rotate(self) -> None:
        """Go on in another file: no sample is lost or written twice; the full one is synced and closed elsewhere."""
        if self._header is None:
            return
        part = self._header.part + 1
        header = replace(self._header, part=part, first_sample=self._samples, created=_wall(), clock_s=now())
        file, first = part_path(self.file, part), _first_bytes(header)
        fd = -1
        try:
            fd = _make(file)
            reason = _put(fd, first)
        except OSError as error:
            reason = error.strerror or str(error)
        if reason:
            if fd >= 0:
                os.close(fd)
                with contextlib.suppress(OSError):
                    file.unlink()
            self._give_up(f"'{file.name}', in which it was to go on, cannot be written ({reason})")
            raise JournalError(self._failed)
        full, self._fd = self._fd, fd
        self._header, self._size, self._least = header, len(first), len(first)
        if self._syncer is not None:
            self._syncer.turn_to(fd)
        else:
            os.close(full)

    def _give_up(self, reason: str) -> None:
        kept = "it is whole up to there"
        try:
            os.ftruncate(self._fd, self._size)
        except OSError:
            kept = "its last record is torn"
        self._failed = (
            f"journal '{self.file}' cannot be written after {self._size} bytes: {reason}; {kept}; free space, or "
            "choose another folder with --set session.folder=DIR, and start again; 'eegseek recover' makes BIDS of "
            "what is there"
        )

    def _not_kept(self, reason: str) -> None:
        """The disk did not take what had been written."""
        with self._lock:
            self._failed = self._failed or (
                f"journal '{self.file}' may not be on the disk: {reason}; check the disk, or choose another folder "
                "with --set session.folder=DIR, and start again"
            )


def _make(file: Path) -> int:
    """A new file, locked for as long as it is open: so others know that it is being written."""
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for _ in range(LOCK_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody looks whether it is in use, which takes microseconds
            time.sleep(0.0001)
            continue
        except OSError:  # a file system without locks
            pass
        break
    return fd


def _first_bytes(header: Header) -> bytes:
    return fmt.FILE_HEAD.pack(fmt.MAGIC, fmt.VERSION, 0) + fmt.seal(fmt.HEADER, [fmt.pack_json(header)])


def _put(fd: int, record: bytes) -> str:
    """Write a record; why it could not be written whole, or nothing."""
    try:
        written = os.write(fd, record)
    except OSError as error:
        return error.strerror or str(error)
    return "the disk or a limit took only a part of a record" if written < len(record) else ""


def _wall() -> str:
    """The wall clock, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
