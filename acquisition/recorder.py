"""The journal of the run as both threads use it: open once the source is, or switched off."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from acquisition.journal import JournalWriter, Sent, Turn, make_header
from acquisition.types import Chunk, Gap, StreamInfo
from wire.codec import Frame
from wire.packets import Packet


class Recorder:
    """Write the journal of a segment, or nothing where ``file`` is None (``session.journal = false``).

    Parameters
    ----------
    file
        As `acquisition.journal.path` names it.
    session, segment
        For its header.
    settings
        Settings of the run, as text.
    """

    def __init__(self, file: Path | None, session: str, segment: int, settings: str) -> None:
        self.file = file
        self.session = session
        self.segment = segment
        self.settings = settings
        self._writer: JournalWriter | None = None

    @property
    def writing(self) -> bool:
        """Whether what is recorded now is kept."""
        return self._writer is not None

    def open(self, info: StreamInfo) -> None:
        """Make the file.

        Raises
        ------
        JournalError
            It cannot be made.
        """
        if self.file is not None:
            writer = JournalWriter(self.file)
            writer.open(make_header(self.session, self.segment, info, self.settings))
            self._writer = writer

    def chunk(self, chunk: Chunk) -> None:
        """Samples and events, before anything else is done with them."""
        if self._writer is not None:
            self._writer.chunk(chunk)

    def packet(self, packet: Packet) -> None:
        """A result, a rejected window, a window that failed, the last status."""
        if self._writer is not None:
            self._writer.packet(packet)

    def frames(self, frames: Sequence[Frame]) -> None:
        """A packet that is encoded already."""
        if self._writer is not None:
            self._writer.frames(frames)

    def gap(self, gap: Gap) -> None:
        """A confirmed loss of samples."""
        if self._writer is not None:
            self._writer.gap(gap)

    def sent(self, sent: Sent) -> None:
        """What a window was that went out."""
        if self._writer is not None:
            self._writer.sent(sent)

    def turn(self, turn: Turn) -> None:
        """A change of state, of whom it may be."""
        if self._writer is not None:
            self._writer.turn(turn)

    def note(self, text: str) -> None:
        """Words of the people in the room, or of ours."""
        if self._writer is not None:
            self._writer.note(text)

    def close(self, reason: str) -> None:
        """Write the end and wait for the disk; harmless when called twice."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close(reason)
