"""How textual reaches the terminal."""

from __future__ import annotations

import sys
from typing import Any


def driver() -> Any:
    """Textual's own driver, drawing on the standard output; None, which is the usual one, on Windows.

    It would draw on the standard error, which is a log where the supervisor started us.
    """
    if sys.platform == "win32":
        return None
    from textual.drivers.linux_driver import LinuxDriver

    class OnStdout(LinuxDriver):
        def __init__(self, *given: Any, **more: Any):
            super().__init__(*given, **more)
            self._file = sys.__stdout__

    return OnStdout
