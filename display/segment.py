"""What a display has of one run of the acquisition process, and what it lacks."""

from __future__ import annotations

from dataclasses import dataclass, field

from display.commits import Commits
from wire.packets import Status


@dataclass
class Segment:
    """One run of the acquisition process.

    Attributes
    ----------
    status
        Its latest status; None where only results have arrived.
    shown, shown_parts
        Distinct results shown, and how many of them are of parts of windows.
    commits
        Which commit numbers have arrived.
    asked_at
        ``answered`` at the last `since` that was served: nothing more is to be had up to there.
    joined
        Whether its history has been asked for.
    """

    status: Status | None = None
    shown: int = 0
    shown_parts: int = 0
    commits: Commits = field(default_factory=Commits)
    asked_at: int = -1
    joined: bool = False

    @property
    def answered(self) -> int:
        """Windows and parts that acquisition says are answered."""
        return self._count("answered") + self._count("parts_answered")

    @property
    def incomplete(self) -> bool:
        """Whether a `since` would bring what is missing here."""
        behind = self.answered > self.shown and self.answered > self.asked_at
        return not self.joined or self.commits.hole or behind

    @property
    def lost(self) -> int:
        """Windows sent that ended neither here nor as expired, dropped or failed; meaningful after the drain."""
        return self._lost("", self.shown - self.shown_parts)

    @property
    def lost_parts(self) -> int:
        """The same of parts."""
        return self._lost("parts_", self.shown_parts)

    def behind(self, parts: bool) -> int:
        """Answered and published, but not here."""
        if parts:
            return max(0, self._count("parts_answered") - self.shown_parts)
        return max(0, self._count("answered") - (self.shown - self.shown_parts))

    def _lost(self, prefix: str, shown: int) -> int:
        ended = sum(self._count(prefix + end) for end in ("expired", "dropped", "failed"))
        return max(0, self._count(prefix + "sent") - ended - shown)

    def _count(self, name: str) -> int:
        return self.status.counters.get(name, 0) if self.status else 0
