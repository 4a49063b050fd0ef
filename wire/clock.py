"""The one clock of a machine.

LSL's ``local_clock()`` is ``time.monotonic()`` on Linux, so workers and displays need no liblsl to share it.
"""

import time
from pathlib import Path


def now() -> float:
    """Seconds on the clock shared by LSL and every process of this machine."""
    return time.monotonic()


def boot() -> str:
    """Which start of the machine the clock counts from, as it begins anew with each; empty where nothing tells."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:  # not Linux
        return ""
