"""Which commit numbers have arrived: a hole is a result that was missed and must be asked for."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Commits:
    """Commit numbers of one segment; they run from 1 without holes.

    Attributes
    ----------
    next
        Every number below it has arrived or is given up.
    ahead
        Arrived numbers above it.
    given_up
        Numbers that the dispatcher no longer holds and that never arrived.
    """

    next: int = 1
    ahead: set[int] = field(default_factory=set)
    given_up: int = 0

    def add(self, commit: int) -> None:
        """Count a result that had not arrived before."""
        if commit < self.next:  # it was given up, and came after all
            self.given_up = max(0, self.given_up - 1)
            return
        self.ahead.add(commit)
        self._advance()

    @property
    def hole(self) -> bool:
        """Whether a number is missing below one that has arrived."""
        return bool(self.ahead)

    def served(self, before: int) -> None:
        """Give up what has not arrived below ``before``: the dispatcher has sent all that it holds there."""
        if before <= self.next:
            return
        arrived = {commit for commit in self.ahead if commit < before}
        self.given_up += before - self.next - len(arrived)
        self.ahead -= arrived
        self.next = before
        self._advance()

    def _advance(self) -> None:
        while self.next in self.ahead:
            self.ahead.remove(self.next)
            self.next += 1
