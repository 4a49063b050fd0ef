"""The account of a session at its end: what the supervisor tells, and whether the sums close."""

from __future__ import annotations

from pathlib import Path

from acquisition import journal
from acquisition.tally import Tally, of_journal, of_status
from config.errors import JournalError
from config.settings import Settings
from wire.packets import Status


class Account:
    """Sums of all segments that a run makes. Made before its processes are.

    Parameters
    ----------
    settings
        Of the run.
    folder
        Of the session.
    """

    def __init__(self, settings: Settings, folder: Path) -> None:
        self.settings = settings
        self.folder = folder
        self._first = journal.next_segment(folder)
        self._heard: dict[int, Status] = {}

    def hear(self, status: Status) -> None:
        """Keep acquisition's last status of a segment: all there is where no journal is written."""
        if status.role == "acquisition":
            self._heard[status.segment] = status

    def tally(self) -> Tally | None:
        """The sums, once all processes have ended; None where there was no segment.

        Raises
        ------
        JournalError
            A journal of the run cannot be read.
        """
        if self.settings.session.journal:
            numbers = range(self._first, journal.next_segment(self.folder))
            files = [journal.path(self.folder, number) for number in numbers]
            found = [of_journal(file) for file in files if file.exists()]
        else:
            found = [of_status(status) for _, status in sorted(self._heard.items())]
        return sum(found[1:], found[0]) if found else None

    def told(self) -> tuple[list[str], str]:
        """Lines for people, and what is wrong with the sums (empty: nothing)."""
        try:
            tally = self.tally()
        except JournalError as error:
            return [], str(error)
        if tally is None:
            return [], ""
        wrong = f"the account of the session does not close: {tally.wrong}" if tally.wrong else ""
        return tally.words.splitlines(), wrong
