"""A thread that brings what was written to the disk, away from those who write."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

from wire.clock import now

IDLE_S = 1.0
"""How often the chore is done where nothing is to be synced."""


class Syncer:
    """Every ``period_s`` one `fdatasync`, with no lock held: who writes never waits for it. Constructing only stores.

    Parameters
    ----------
    folder
        Of the files: their names are synced, too.
    period_s
        Between two; 0 leaves it to the system when files reach the disk.
    failed
        Told, in words, that the disk did not take what was written.
    chore
        Called as often, in the same thread; it limits itself.
    """

    def __init__(
        self, folder: Path, period_s: float, failed: Callable[[str], None], chore: Callable[[], None] | None = None
    ) -> None:
        self.folder = folder
        self.period_s = period_s
        self.failed = failed
        self.chore = chore
        self._fd = -1
        self._named = False
        self._full: list[int] = []
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, fd: int) -> None:
        """Begin with a file."""
        self._fd = fd
        self._thread = threading.Thread(target=self._run, name="journal-sync", daemon=True)
        self._thread.start()

    def turn_to(self, fd: int) -> None:
        """Go on with another file; the one before is full, and is synced and closed here."""
        # the list first: the thread closes what is in it, and syncs the file of the moment
        full, self._fd = self._fd, fd
        self._full.append(full)
        self._named = False

    def stop(self) -> None:
        """End the thread, having synced and closed what is full; harmless when called twice. The file stays open."""
        if self._thread is not None:
            self._stop.set()
            self._thread.join()
            self._thread = None
            self._sync_full()

    def _run(self) -> None:
        period = self.period_s or IDLE_S
        due = now() + period
        while not self._stop.wait(max(0.0, due - now())):
            due = max(due + period, now())
            if self.period_s:
                self._sync(self._fd)
                self._sync_name()
            self._sync_full()
            if self.chore is not None:
                self.chore()

    def _sync_full(self) -> None:
        while self._full:
            fd = self._full.pop(0)
            self._sync(fd)
            with contextlib.suppress(OSError):  # told by the sync already
                os.close(fd)

    def _sync_name(self) -> None:
        """A new file is in its folder only once the folder is on the disk."""
        if self._named:
            return
        self._named = True
        try:
            fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        except OSError as error:
            self.failed(error.strerror or str(error))

    def _sync(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as error:
            self.failed(error.strerror or str(error))
