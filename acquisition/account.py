"""Where every stimulus went: due = accepted + rejected + missed + pending, at every moment.

Parts of windows have a sum of their own: due = accepted + skipped + rejected + missed + pending.
"""

from __future__ import annotations

from config.errors import InternalError


class PartAccount:
    """Counters of the parts of windows, moved only in pairs.

    Attributes
    ----------
    due
        Parts that the stimuli so far may give.
    accepted
        Handed on.
    skipped
        Never cut, because a later part of the same window, or all of it, came with the same sample.
    rejected
        Their samples gave a reason. The whole window is judged by itself.
    missed
        Their window was missed before they came.
    pending
        Not yet come.
    """

    def __init__(self) -> None:
        self.due = 0
        self.accepted = 0
        self.skipped = 0
        self.rejected = 0
        self.missed = 0
        self.pending = 0

    def admit(self, count: int) -> None:
        """A new stimulus may give so many."""
        self.due += count
        self.pending += count

    def accept(self) -> None:
        """A part is handed on."""
        self.pending -= 1
        self.accepted += 1

    def skip(self) -> None:
        """A part is of no use any more."""
        self.pending -= 1
        self.skipped += 1

    def reject(self) -> None:
        """A part is not fit to be decoded."""
        self.pending -= 1
        self.rejected += 1

    def miss(self, count: int) -> None:
        """The samples of so many are not to be had."""
        self.pending -= count
        self.missed += count

    def check(self, held: int) -> None:
        """Verify the sum against the parts that are really awaited.

        Raises
        ------
        InternalError
            A part vanished or was counted twice.
        """
        total = self.accepted + self.skipped + self.rejected + self.missed + self.pending
        if self.due != total or self.pending != held:
            raise InternalError(
                f"the sums of the parts do not hold: {self.counters()}, held {held}; this is a bug, please report it "
                "with the journal"
            )

    def counters(self) -> dict[str, int]:
        """All counters by name, for a status; none where no part was ever due."""
        names = ("due", "accepted", "skipped", "rejected", "missed", "pending")
        return {f"parts_{name}": int(getattr(self, name)) for name in names} if self.due else {}


class Account:
    """Counters of a pipeline, moved only in pairs, so that their sum cannot drift.

    Attributes
    ----------
    due
        Distinct markers that match the stimulus rule.
    accepted, rejected, missed, pending
        What became of them.
    duplicates, notes
        Markers that were not due: repetitions of one already seen, and those that are no stimulus.
    rejected_by
        Reason to count; a window with two reasons counts under both.
    parts
        Of the windows' parts.
    """

    def __init__(self) -> None:
        self.due = 0
        self.accepted = 0
        self.rejected = 0
        self.missed = 0
        self.pending = 0
        self.duplicates = 0
        self.notes = 0
        self.rejected_by: dict[str, int] = {}
        self.parts = PartAccount()

    def admit(self) -> None:
        """A new stimulus is due."""
        self.due += 1
        self.pending += 1

    def accept(self) -> None:
        """A pending window is accepted."""
        self.pending -= 1
        self.accepted += 1

    def reject(self, reasons: tuple[str, ...]) -> None:
        """A pending window is rejected; a reason is what stands before the colon."""
        self.pending -= 1
        self.rejected += 1
        for word in dict.fromkeys(reason.partition(":")[0] for reason in reasons):
            self.rejected_by[word] = self.rejected_by.get(word, 0) + 1

    def miss(self) -> None:
        """The samples of a pending window are not to be had."""
        self.pending -= 1
        self.missed += 1

    def check(self, held: int) -> None:
        """Verify the sum against the windows that are really held.

        Raises
        ------
        InternalError
            A stimulus vanished or was counted twice.
        """
        total = self.accepted + self.rejected + self.missed + self.pending
        if self.due != total or self.pending != held or self.pending < 0:
            raise InternalError(
                f"the sums do not hold: due {self.due}, accepted {self.accepted}, rejected {self.rejected}, missed "
                f"{self.missed}, pending {self.pending}, held {held}; this is a bug, please report it with the journal"
            )

    def counters(self) -> dict[str, int]:
        """All counters by name, for a status."""
        names = ("due", "accepted", "rejected", "missed", "pending", "duplicates", "notes")
        return {**{name: int(getattr(self, name)) for name in names}, **self.parts.counters()}
