"""What a process does at its start, so that its answers come evenly: memory that stays, a collector that waits."""

from __future__ import annotations

import ctypes
import gc

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
