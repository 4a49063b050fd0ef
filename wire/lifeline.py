"""A pipe from the supervisor to its children: when the supervisor dies, however it dies, they notice and end.

The supervisor holds the writing end and never writes. The system closes it with the process, SIGKILL included, and
every child that reads the other end sees the end of the file.
"""

from __future__ import annotations

import os
import signal
import threading
import time

ENVIRONMENT = "EEGSEEK_LIFELINE"
"""Number of the inherited reading end."""
OTHERS_S = 5.0
"""Workers and displays wait so long for acquisition to finish with them: answers out, the last status said."""
LAST_S = 20.0
"""A child that has not ended so long after it asked itself to is killed."""


class Lifeline:
    """The supervisor's side. The constructor only stores; `open` makes the pipe, `close` lets go."""

    def __init__(self) -> None:
        self._read = self._write = -1

    def open(self) -> None:
        """Make the pipe; neither end is inherited unless it is passed on."""
        self._read, self._write = os.pipe()

    @property
    def passed(self) -> tuple[int, ...]:
        """What children are to inherit."""
        return (self._read,)

    @property
    def environment(self) -> dict[str, str]:
        """How they are told of it."""
        return {ENVIRONMENT: str(self._read)}

    def close(self) -> None:
        """Let go; children that still run end."""
        for end in (self._read, self._write):
            if end >= 0:
                os.close(end)
        self._read = self._write = -1


def watch(grace_s: float = 0.0) -> bool:
    """End this process when the supervisor that started it is gone: SIGTERM to itself, and SIGKILL where that is vain.

    Parameters
    ----------
    grace_s
        How long to wait first: acquisition asks at once, workers and displays let it finish with them.

    Returns
    -------
    Whether a supervisor started it.
    """
    # taken out, so that no process that this one starts takes another file for it
    given = os.environ.pop(ENVIRONMENT, "")
    if not given.isdigit():
        return False
    thread = threading.Thread(target=_wait, args=(int(given), grace_s), name="lifeline", daemon=True)
    thread.start()
    return True


def _wait(end: int, grace_s: float) -> None:
    try:
        while os.read(end, 1):
            pass
    except OSError:  # not inherited: nobody is there to be waited for
        return
    time.sleep(grace_s)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(LAST_S)
    os.kill(os.getpid(), signal.SIGKILL)
