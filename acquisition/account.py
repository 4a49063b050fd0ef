"""Where every stimulus went: due = accepted + rejected + missed + pending, at every moment."""

from __future__ import annotations

from config.errors import EegseekError


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
        EegseekError
            A stimulus vanished or was counted twice.
        """
        total = self.accepted + self.rejected + self.missed + self.pending
        if self.due != total or self.pending != held or self.pending < 0:
            raise EegseekError(
                f"the sums do not hold: due {self.due}, accepted {self.accepted}, rejected {self.rejected}, missed "
                f"{self.missed}, pending {self.pending}, held {held}; this is a bug, please report it with the journal"
            )

    def counters(self) -> dict[str, int]:
        """All counters by name, for a status."""
        names = ("due", "accepted", "rejected", "missed", "pending", "duplicates", "notes")
        return {name: int(getattr(self, name)) for name in names}
