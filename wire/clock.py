"""The one clock of a machine.

LSL's ``local_clock()`` is ``time.monotonic()`` on Linux, so workers and displays need no liblsl to share it.
"""

import time


def now() -> float:
    """Seconds on the clock shared by LSL and every process of this machine."""
    return time.monotonic()
