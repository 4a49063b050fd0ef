"""What people are told of a recovery: a line while it lasts, sentences after it."""

from __future__ import annotations

from typing import TextIO

from acquisition.bids.recover import Report
from acquisition.bids.segment import Outcome
from wire.clock import now

QUIET_S = 2.0
"""What takes no longer is not worth a line."""
STEP_S = 0.2


class Line:
    """One line on a terminal that is drawn over; nothing elsewhere.

    Parameters
    ----------
    stream
        Where to draw.
    shown
        False to draw nothing.
    """

    def __init__(self, stream: TextIO, shown: bool = True) -> None:
        self.stream = stream
        self.shown = shown and stream.isatty()
        self._began = now()
        self._drawn_s = 0.0

    def tell(self, done: int, total: int) -> None:
        """So many bytes of so many were read."""
        at = now()
        if not self.shown or at - self._began < QUIET_S or at - self._drawn_s < STEP_S:
            return
        self._drawn_s = at
        share = done / total if total else 1.0
        bar = "█" * round(30 * share)
        self.stream.write(f"\rmaking the BIDS recording {bar:·<30} {100 * share:3.0f} % of {total / 1e6:.0f} MB ")
        self.stream.flush()

    def end(self) -> None:
        """Wipe the line."""
        if self._drawn_s:
            self.stream.write("\r\x1b[2K")
            self.stream.flush()
            self._drawn_s = 0.0


def sentences(report: Report) -> list[str]:
    """What was done, a sentence each."""
    words = [_of(outcome) for outcome in report.outcomes]
    if report.kept:
        words.append(f"{report.kept} run{'s' * (report.kept > 1)} of '{report.folder}' were there already")
    if report.live:
        words.append(f"a session is writing to '{report.folder}': its last journal was left alone")
    return [*words, *report.errors]


def failed(report: Report) -> bool:
    """Whether something was lost beyond the last record of a journal, or could not be done."""
    return bool(report.errors) or any(outcome.damaged for outcome in report.outcomes)


def _of(outcome: Outcome) -> str:
    torn = f" ({outcome.torn}: its last {outcome.torn_bytes} bytes are lost)" if outcome.torn_bytes else ""
    if not outcome.run:
        return f"'{outcome.file.name}' gives no run: {outcome.torn}"
    return f"'{outcome.file.name}' → {outcome.run}: {outcome.samples} samples, {outcome.seconds:.1f} s{torn}"
