"""What a window was that went out: its hash, for the journal, written while its worker is busy with it."""

from __future__ import annotations

import hashlib

from acquisition.journal_format import Sent
from acquisition.recorder import Recorder
from wire.packets import Identified, Key, Window


def digest(window: Window) -> str:
    """SHA-256 of a window's samples (versions, channels, times), little-endian float32, hexadecimal."""
    return hashlib.sha256(window.data.data.cast("B")).hexdigest()


class Witness:
    """Write down each window once, however often it is sent.

    Parameters
    ----------
    recorder
        Of the run.
    """

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder
        self._fresh: list[Window] = []
        self._open: set[Key] = set()

    def went(self, window: Window) -> None:
        """A window was handed to the socket."""
        if self.recorder.writing and window.key not in self._open:
            self._open.add(window.key)
            self._fresh.append(window)

    def settled(self, packet: object) -> None:
        """A window has its end: it is not sent again."""
        if isinstance(packet, Identified):
            self._open.discard(packet.key)

    def write(self) -> None:
        """Write down those that went since the last time.

        Raises
        ------
        JournalError
            They cannot be written.
        """
        if not self._fresh:
            return
        fresh, self._fresh = self._fresh, []
        for window in fresh:
            self.recorder.sent(Sent(window.segment, window.sequence, window.part, digest(window)))
