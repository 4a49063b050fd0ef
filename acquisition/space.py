"""Whether a recording fits on the disk: estimated ahead, and watched while it grows. Pure but for one question."""

from __future__ import annotations

import os
from pathlib import Path

from acquisition.types import StreamInfo
from config.errors import JournalError

STEPS_S = (3600.0, 600.0, 60.0)
"""When less than so long fits, it is said, once each."""
CHUNKS_HZ, CHUNK_BYTES = 60.0, 60
"""Chunks come about so often, each with a head."""
COPIES = 2
"""Samples lie on the disk twice: in the journal, and in the BIDS recording made from it."""


def bytes_per_s(info: StreamInfo) -> float:
    """What a second of a stream takes: float32 samples, two or three columns of stamps, twice, and heads."""
    sample = 4 * len(info.channels) + 8 * (2 + info.has_counter)
    return COPIES * info.rate_hz * sample + CHUNKS_HZ * CHUNK_BYTES


def free_bytes(folder: Path) -> int:
    """Bytes that this user can still write there."""
    found = os.statvfs(folder)
    return found.f_bavail * found.f_frsize


class Space:
    """Judges how long a recording can go on.

    Parameters
    ----------
    folder
        Where it goes.
    info
        The stream.
    least_bytes
        With less than this nothing is begun.
    """

    def __init__(self, folder: Path, info: StreamInfo, least_bytes: int) -> None:
        self.folder = folder
        self.least_bytes = least_bytes
        self._rate = bytes_per_s(info)
        self._told = 0

    def begin(self, free: int) -> str:
        """A warning to give at the start, or nothing.

        Raises
        ------
        JournalError
            Too little is free to begin.
        """
        if free < self.least_bytes:
            raise JournalError(
                f"only {free / 1e6:.0f} MB are free in '{self.folder}', expected at least {self.least_bytes / 1e6:g} "
                "MB (session.free_bytes); free space, or choose another folder with --set session.folder=DIR"
            )
        return self.watch(free)

    def watch(self, free: int) -> str:
        """A warning where it has become due since the last call, else nothing."""
        left = max(0, free) / self._rate
        step = sum(left < seconds for seconds in STEPS_S)
        if step <= self._told:
            return ""
        self._told = step
        return (
            f"the disk of '{self.folder}' is nearly full: {free / 1e6:.0f} MB are free, about {_span(left)} of this "
            "recording; free space, or the session stops when it is full"
        )

    def low(self, free: int) -> str:
        """That less than the longest of `STEPS_S` fits, in words that stay the same; empty where more does."""
        if max(0, free) / self._rate >= STEPS_S[0]:
            return ""
        return f"the disk of '{self.folder}' is nearly full: free space, or the session stops when it is full"


def _span(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:.0f} seconds"
