"""The few flags that two threads and a signal handler share: plain attributes, set whole."""

from __future__ import annotations

import signal
from types import FrameType


class Switches:
    """What has been asked of the run.

    Attributes
    ----------
    stop
        Finish what is there, then end.
    paused
        Stimuli are rejected with the reason ``paused``.
    served
        A worker is ready to take windows.
    drafts
        One of them can begin with the first samples of a window.
    calibrating
        There is no encoder yet: stimuli are rejected with the reason ``calibration``.
    taps, previews
        Somebody subscribes to them.
    """

    def __init__(self) -> None:
        self.stop = False
        self.paused = False
        self.served = False
        self.drafts = False
        self.calibrating = False
        self.taps = False
        self.previews = False

    def install(self) -> None:
        """Let SIGINT and SIGTERM ask for a stop from here on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def stopping(self) -> bool:
        """Whether a stop has been asked for."""
        return self.stop

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.stop = True
