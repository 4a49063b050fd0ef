"""``python -m benchmarks.faults.boards_fake FAULT --config FILE``: acquisition on a board that breaks on purpose.

The board stands behind the interface of a BrainFlow session (`acquisition.sources.brainflow.Session`); everything else
is what always runs. Channel 0 carries the number of the sample, counted by time, and the board's markers that of the
sample they stand on.
"""

from __future__ import annotations

import math
import sys
import time

import numpy as np
from numpy.typing import NDArray

from acquisition.process import run
from acquisition.sources.board import BoardRows
from acquisition.sources.brainflow import BoardReader
from acquisition.switches import Switches
from config.errors import EegseekError, SourceError
from config.load import load_settings
from config.settings import BrainFlowSource
from wire.clock import now

RATE_HZ = 250.0
CHANNELS = ("Oz", "O1", "O2")
MODULO = 256
FAULT_AT = 750
"""Sample before which it breaks."""
MARK_EVERY, FIRST_MARK = 40, 20
LOST = 12
FAULTS = ("stop", "break", "repeat", "repeat-for-ever", "lose", "skip", "skip-far", "stuck")
Array = NDArray[np.float64]


class BadBoard:
    """A board with rows EEG, EEG, EEG, counter, stamp, marker, and one fault.

    ``stop``: falls silent until it is connected again. ``break``: raises until then. ``repeat``: sends packets of
    twelve samples twice. ``repeat-for-ever``: sends the last packet again and again until it is connected. ``lose``:
    twelve samples are lost and the counter tells so. ``skip``: the counter leaves twelve numbers out, and no sample is
    lost. ``skip-far``: it leaves a hundred out. ``stuck``: the counter stops counting.
    """

    def __init__(self, fault: str) -> None:
        self.fault = fault
        self.starts = 0
        self._zero = now()
        self._sent = 0
        self._skipped = 0
        self._struck = False
        self._last = np.empty((6, 0))
        self._held = np.empty((6, 0))

    def rows(self) -> BoardRows:
        """As a Cyton's."""
        return BoardRows("CYTON_BOARD", RATE_HZ, CHANNELS, True, (0, 1, 2), 3, 4, 5)

    def start(self) -> None:
        """Connect: what was not sent by now is gone."""
        self.starts += 1
        self._struck = False
        if self.starts > 1:
            self.fault = ""
        self._sent = math.floor((now() - self._zero) * RATE_HZ)
        self._skipped = -self._sent  # a new session counts from zero

    def stop(self) -> None:
        """Let go."""
        self._held = np.empty((6, 0))

    def waiting(self) -> int:
        """Samples that can be taken."""
        due = math.floor((now() - self._zero) * RATE_HZ)
        if due - self._sent >= 12:  # they come in packets
            self._held = np.concatenate([self._held, self._packet(self._sent, self._sent + 12)], axis=1)
            self._sent += 12
        return self._held.shape[1]

    def take(self, most: int) -> Array:
        """The oldest samples."""
        taken, self._held = self._held[:, :most], self._held[:, most:]
        return taken

    def _packet(self, begin: int, end: int) -> Array:
        at = begin <= FAULT_AT < end
        self._struck |= at
        if self._struck and self.fault == "stop":
            return np.empty((6, 0))
        if self._struck and self.fault == "break":
            raise SourceError("board 'CYTON_BOARD' broke off")
        if self._struck and self.fault == "repeat-for-ever" and not at:
            return self._last
        n = np.arange(begin, end)
        if at and self.fault == "lose":
            return np.empty((6, 0))
        if at and self.fault.startswith("skip"):
            self._skipped += {"skip": 12, "skip-far": 100}[self.fault]
        rng = np.random.default_rng(begin)
        wall = time.time() - now() + self._zero + n / RATE_HZ + rng.normal(0.0, 3e-4)
        counter = (n + self._skipped) % MODULO if not (self._struck and self.fault == "stuck") else np.zeros(len(n))
        marks = np.where(n % MARK_EVERY == FIRST_MARK, n, 0)
        noise = rng.normal(0.0, 5.0, (2, len(n)))
        self._last = np.concatenate([np.stack([n, *noise, counter, wall, marks])])
        twice = self._struck and self.fault == "repeat" and (begin // 12) % 20 == 0
        return np.concatenate([self._last] * (2 if twice else 1), axis=1)


def main() -> int:
    """Run acquisition on the board; the exit status."""
    fault, *rest = sys.argv[1:]
    switches = Switches()
    switches.install()
    try:
        settings = load_settings(rest[rest.index("--config") + 1], None, [])
        if not isinstance(settings.source, BrainFlowSource):
            raise SourceError("this board is read as source.kind = 'brainflow'")
        run(settings, switches, BoardReader(settings.source, BadBoard(fault)))
    except EegseekError as error:
        sys.stderr.write(f"acquisition: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
