"""Ctrl-C that waits for the end of a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Flag:
    """Whether Ctrl-C was pressed."""

    def __init__(self) -> None:
        self.set = False


@contextmanager
def deferred() -> Iterator[Flag]:
    """Within, the first Ctrl-C only sets the flag, the second acts as usual. Needs the main thread to do anything."""
    flag = Flag()
    if threading.current_thread() is not threading.main_thread():
        yield flag
        return
    former = signal.getsignal(signal.SIGINT)

    def note(number: int, frame: FrameType | None) -> None:
        flag.set = True
        signal.signal(signal.SIGINT, former)

    signal.signal(signal.SIGINT, note)
    try:
        yield flag
    finally:
        signal.signal(signal.SIGINT, former)
