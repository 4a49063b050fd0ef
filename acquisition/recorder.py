"""The journal of the run as both threads use it: open once the source is, or switched off."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from acquisition.journal import ROTATE_BYTES, Bad, JournalWriter, Sent, make_header
from acquisition.space import Space, free_bytes
from acquisition.types import Chunk, Gap, StreamInfo
from config.errors import JournalError
from wire.clock import now
from wire.codec import Frame
from wire.packets import Packet
from wire.states import Change

LOOK_S = 5.0
"""Free space is asked for so often."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Keeping:
    """How a journal is kept: as in the settings' section ``session``."""

    rotate_bytes: int = ROTATE_BYTES
    sync_s: float = 0.0
    free_bytes: int = 0


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
    keeping
        Sizes and times.
    needed
        Whether nothing is kept without it; what is played from a file has been kept before.

    Attributes
    ----------
    ailments
        What people should know of the disk though it takes what is written, in words.
    """

    def __init__(
        self,
        file: Path | None,
        session: str,
        segment: int,
        settings: str,
        keeping: Keeping | None = None,
        *,
        needed: bool = True,
    ) -> None:
        self.file = file
        self.needed = needed
        self.session = session
        self.segment = segment
        self.settings = settings
        self.keeping = keeping or Keeping()
        self._writer: JournalWriter | None = None
        self._space: Space | None = None
        self._looked_s = float("-inf")
        self.ailments: tuple[str, ...] = ()

    @property
    def writing(self) -> bool:
        """Whether what is recorded now is kept."""
        return self._writer is not None

    def open(self, info: StreamInfo) -> None:
        """Make the file, where there is room for it.

        Raises
        ------
        JournalError
            It cannot be made, or the disk is full.
        """
        if self.file is None:
            return
        space = Space(self.file.parent, info, self.keeping.free_bytes)
        words = space.begin(self._free())
        writer = JournalWriter(self.file, self.keeping.rotate_bytes, self.keeping.sync_s, self._look)
        writer.open(make_header(self.session, self.segment, info, self.settings))
        self._writer, self._space = writer, space
        self._warn(words)
        self._judge(space, self._free())

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

    def turn(self, turn: Change) -> None:
        """A change of state, of whom it may be."""
        if self._writer is not None:
            self._writer.turn(turn)

    def note(self, text: str) -> None:
        """Words of the people in the room, or of ours."""
        if self._writer is not None:
            self._writer.note(text)

    def bad(self, bad: Bad) -> None:
        """A stretch that a person marked."""
        if self._writer is not None:
            self._writer.bad(bad)

    def close(self, reason: str) -> None:
        """Write the end and wait for the disk; harmless when called twice."""
        if self._writer is not None:
            writer, self._writer = self._writer, None
            writer.close(reason)

    def _free(self) -> int:
        if self.file is None:
            return 0
        there = next(folder for folder in self.file.absolute().parents if folder.exists())
        try:
            return free_bytes(there)
        except OSError as error:
            raise JournalError(f"free space in '{there}' cannot be told: {error.strerror}") from error

    def _look(self) -> None:
        """Look after the free space, in the thread that syncs."""
        if now() - self._looked_s < LOOK_S or self._space is None:
            return
        self._looked_s = now()
        try:
            free = self._free()
            self._warn(self._space.watch(free))
            self._judge(self._space, free)
        except JournalError as error:  # who writes samples meets it, too, and ends the run
            _log.warning("%s", error)

    def _judge(self, space: Space, free: int) -> None:
        low = space.low(free)
        self.ailments = (low,) if low else ()

    def _warn(self, words: str) -> None:
        if words:
            _log.warning("%s", words)
            self.note(words)
