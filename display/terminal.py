"""The live view on a terminal: textual in the main thread, where signals arrive, and the display in one of its own.

What draws never holds up what receives: a terminal that does not read, or a slow line to it, costs no result.
"""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from config.settings import Settings
from display.dashboard.view import View
from display.plain import Write, out, summary
from display.state import State

DRAWING_FAILED = 3
"""Exit code that the supervisor answers with a new start."""


def usable() -> bool:
    """Whether a live view can be drawn here, and take keys."""
    return sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"


class Terminal(View):
    """The live view: it takes the whole screen, gives it back, and leaves the summary behind.

    The constructor only stores.

    Parameters
    ----------
    settings
        Of the session.
    state
        Folded by the display's thread.
    write
        Takes the lines of the summary.
    """

    def __init__(self, settings: Settings, state: State, write: Write = out):
        super().__init__(settings, Path(settings.session.folder) / settings.session.name, state)
        self.write = write

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Write the summary."""
        for line in summary(state, numbers):
            self.write(line)

    def host(self, run: Callable[[], None], stop: Callable[[], object]) -> None:
        """Keep the view open while a display runs, in a thread of its own: until either ends.

        Parameters
        ----------
        run
            Runs the display until it ends or is stopped.
        stop
            Stops it, soon.

        Raises
        ------
        EegseekError
            As of the display.
        SystemExit
            The view itself failed; its traceback has been written.
        """
        # Ctrl-C stays a signal to all who run in this terminal: with the protocol it would be a key like others
        os.environ |= {"TEXTUAL_ALLOW_SIGNALS": "1", "TEXTUAL_DISABLE_KITTY_KEY": "1"}
        for name in ("COLUMNS", "LINES"):  # of whoever started us: the terminal itself knows better, and changes
            os.environ.pop(name, None)
        from display.tui.app import LiveView
        from display.tui.driver import driver

        thread = _Thread(run)
        app = LiveView(self, self.settings.display.top_k, opened=thread.start, driver_class=driver())
        thread.ended = lambda: self.call(app.exit)
        try:
            with _as_before():
                asyncio.run(app.run_async(mouse=False))
        finally:
            self.loop = None
            stop()
            if thread.ident is not None:
                thread.join()
        if thread.error is not None:
            raise thread.error
        if app.return_code:
            sys.exit(DRAWING_FAILED)


class _Thread(threading.Thread):
    """Runs a display and keeps its error."""

    def __init__(self, display: Callable[[], None]):
        super().__init__(name="display", daemon=True)
        self.display = display
        self.ended: Callable[[], None] = lambda: None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.display()
        except Exception as error:
            self.error = error
        finally:
            self.ended()


@contextmanager
def _as_before() -> Iterator[None]:
    """Leave the terminal's settings as they were; Ctrl-Z, which would stop who started us and not us, does nothing."""
    try:
        import termios
    except ImportError:  # Windows
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    quiet = termios.tcgetattr(sys.stdin)
    quiet[6][termios.VSUSP] = os.fpathconf(sys.stdin.fileno(), "PC_VDISABLE").to_bytes(1, "little")
    termios.tcsetattr(sys.stdin, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSANOW, before)
