"""Processes that the dashboard starts beside itself: of low priority, quiet, and ended with it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from config.errors import CODED, ProcessError
from wire import logs
from wire.lifeline import Lifeline

NICE, NICEST = 10, 19
"""What is live goes first; the second is the lowest priority that there is."""


def started(
    command: Sequence[str], said: Path, line: Lifeline, *, out: int = subprocess.DEVNULL, nice: int = NICE
) -> subprocess.Popen[bytes]:
    """Start a process.

    Parameters
    ----------
    command
        What is run.
    said
        File for its standard error.
    line
        By which it notices that this process has gone.
    out
        Its standard output.
    nice
        Its priority, where the system knows such a thing: 0 as what is live, 19 the lowest.

    Raises
    ------
    ProcessError
        It cannot be started.
    """
    environment = {name: value for name, value in os.environ.items() if name != logs.VARIABLE}
    with open(said, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as errors:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                start_new_session=True,  # Ctrl-C is for the session, not for it
                pass_fds=line.passed,
                env={**environment, "OMP_NUM_THREADS": "1", **line.environment},
            )
        except OSError as error:
            words = f"a process cannot be started ({error.strerror}); see the machine's limits"
            raise ProcessError(words) from error
    with suppress(OSError, AttributeError):  # its children are started later, and inherit it
        os.setpriority(os.PRIO_PROCESS, process.pid, nice)
    return process


def ended(process: subprocess.Popen[bytes]) -> int:
    """See that a process is gone; its exit code."""
    if process.poll() is None:
        process.kill()
    return process.wait()


def last_words(said: Path) -> str:
    """The sentence that a command ended with; empty where it said nothing."""
    try:
        lines = said.read_text("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    coded = [line for line in lines if CODED.search(line)]
    return (coded or lines or [""])[-1].removeprefix("eegseek: ").removeprefix("retap: ").strip()[:1000]
