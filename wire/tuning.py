"""What a process does at its start, so that its answers come evenly: memory that stays, a collector that waits."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import struct
from concurrent.futures import ThreadPoolExecutor

from config.settings import RunSettings

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3
"""Of ``mallopt`` (malloc.h of glibc)."""
KEPT_BYTES = 1 << 30


def keep_memory() -> bool:
    """Keep what was freed, in place of giving it back to the system and fetching it anew page by page.

    A page fault costs a microsecond or more on a virtual machine, and an encoder that gives back what it worked on
    makes hundreds of them for each window.

    Returns
    -------
    Whether the C library does so: glibc does, others are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return bool(mallopt(TRIM_THRESHOLD, KEPT_BYTES)) and bool(mallopt(MMAP_THRESHOLD, KEPT_BYTES))


def hold_collector() -> None:
    """Take what is there out of the garbage collector's sight, and let it run only when `collect` says so."""
    gc.collect()
    gc.freeze()
    gc.disable()


def collect() -> None:
    """Collect now, at a moment when nobody waits; what was there at the start is not looked at again."""
    gc.collect()


QOS = "/dev/cpu_dma_latency"
"""Linux: while a program holds a number here, processors do not sleep so deeply that waking takes longer (µs)."""
ANY_LATENCY_US = 2_000_000_000
PRIORITY = 1
"""The lowest real-time priority: before everything that is not real-time, behind everything that is."""


class Awake:
    """Keeps the processors from sleeping for a while, where the system lets us (root, or a group that may write there).

    A processor that slept is slow for milliseconds: on a virtual machine somebody else was on it. The constructor only
    stores.
    """

    def __init__(self) -> None:
        self._file = -1
        self.held = False

    def open(self) -> bool:
        """Whether the system lets us."""
        if self._file < 0:
            with contextlib.suppress(OSError):
                self._file = os.open(QOS, os.O_WRONLY | os.O_CLOEXEC)
                self._write(ANY_LATENCY_US)
        return self._file >= 0

    def hold(self) -> None:
        """Let them stay awake from now on."""
        if not self.held and self._file >= 0:
            self._write(0)
            self.held = True

    def rest(self) -> None:
        """Let them sleep."""
        if self.held:
            self._write(ANY_LATENCY_US)
            self.held = False

    def close(self) -> None:
        """Let go; the system forgets what was asked for."""
        if self._file >= 0:
            os.close(self._file)
        self._file, self.held = -1, False

    def _write(self, latency_us: int) -> None:
        os.write(self._file, struct.pack("i", latency_us))


def settle(run: RunSettings, *, live: bool) -> None:
    """Put this process where the settings want it; before it makes threads and sockets, which inherit it.

    Parameters
    ----------
    run
        Of the run.
    live
        What is replayed as fast as it goes is not to keep others from working.
    """
    if run.realtime and live:
        prioritise()


def prioritise() -> bool:
    """Real-time priority for this thread and those that it starts; whether the system lets us."""
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except (AttributeError, OSError):  # not Linux, or not allowed
        return False
    return True


def may_prioritise() -> bool:
    """Whether the system would let us; asked in a thread of its own, which keeps nothing of it."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(prioritise).result()
