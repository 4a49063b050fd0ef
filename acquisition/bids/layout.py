"""Names in a session's BIDS folder, and what is complete there."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SESSION = "ses-01"
TASK = "search"
FOLDER = "bids"
ENDINGS = (
    "_eeg.eeg", "_eeg.vmrk", "_channels.tsv", "_events.tsv", "_events.json", "_answers.tsv", "_stamps.npy",
    "_chunks.npy", "_eeg.json", "_eeg.vhdr",
)  # fmt: skip
"""Files of a run, in the order in which they get their names: with the last one, the run is there."""
JOURNAL_KEY = "EegseekJournal"


def label(session: str) -> str:
    """A session's name as BIDS allows labels: letters and digits; a hash where it has none."""
    return re.sub(r"[^A-Za-z0-9]", "", session) or hashlib.sha256(session.encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Layout:
    """A session's BIDS folder.

    Attributes
    ----------
    session
        Folder of the session, with its journals.
    name
        Of the session, a pseudonym.
    """

    session: Path
    name: str

    @property
    def root(self) -> Path:
        """The dataset."""
        return self.session / FOLDER

    @property
    def subject(self) -> str:
        """``sub-…``."""
        return f"sub-{label(self.name)}"

    @property
    def eeg(self) -> Path:
        """Folder of the runs."""
        return self.root / self.subject / SESSION / "eeg"

    @property
    def partial(self) -> Path:
        """Where a run is written before it is whole."""
        return self.root / ".partial"

    @property
    def scans(self) -> Path:
        """The list of runs."""
        return self.eeg.parent / f"{self.subject}_{SESSION}_scans.tsv"

    def stem(self, segment: int, part: int) -> str:
        """What the names of a run's files begin with: its segment is the run, its part (from 2) an acquisition."""
        acquisition = f"_acq-part{part:02d}" if part > 1 else ""
        return f"{self.subject}_{SESSION}_task-{TASK}{acquisition}_run-{segment + 1:02d}"

    def facts(self, segment: int, part: int) -> dict[str, Any] | None:
        """What the sidecar of a run says, where the run is there as a whole; else None."""
        stem = self.stem(segment, part)
        if not all((self.eeg / f"{stem}{ending}").is_file() for ending in ENDINGS):
            return None
        try:
            found = json.loads((self.eeg / f"{stem}_eeg.json").read_bytes())
            data = (self.eeg / f"{stem}_eeg.eeg").stat().st_size
            whole = data == found[JOURNAL_KEY]["DataBytes"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None
        return found if whole else None

    def complete(self, segment: int, part: int, journal_bytes: int) -> bool:
        """Whether a run is there that was made of a journal file of this size."""
        facts = self.facts(segment, part)
        return facts is not None and facts[JOURNAL_KEY].get("Bytes") == journal_bytes
