"""Rounds of a free search within a session: heard, waited for and told. Nothing where nothing is searched."""

from __future__ import annotations

from collections.abc import Iterator

from eegseek.session.events import Event, Gathered, Phase
from eegseek.session.face import Face
from eegseek.session.place import Workplace
from wire.clock import now
from wire.packets import Packet

GATHER_S = 10.0
"""After a round, how long its last answers are waited for."""


class Rounds:
    """The constructor only stores.

    Parameters
    ----------
    work, face
        Of the session.
    """

    def __init__(self, work: Workplace, face: Face) -> None:
        self.work, self.face = work, face

    def hear(self, packet: Packet) -> None:
        """One packet."""
        if self.work.seeker is not None:
            self.work.seeker.hear(packet)

    def look(self, phase: Phase, over_s: float | None) -> Iterator[Event]:
        """What has come: a round is over when everything was answered or rejected, or has been waited for long enough.

        Parameters
        ----------
        over_s
            When its presentation ended; None while it goes on.
        """
        seeker = self.work.seeker
        if seeker is None or phase not in ("showing", "gathering"):
            return
        self.face.terminal.line(seeker.words)
        waited = over_s is not None and now() - over_s > GATHER_S
        if phase == "gathering" and (seeker.complete or waited):
            yield Gathered()

    def rank(self) -> None:
        """Close the round, and tell the ranking."""
        seeker = self.work.seeker
        if seeker is None:
            return
        unclear = seeker.fold(self.work.folder, simulated=self.work.simulated)
        self.face.tell(unclear or ("SIMULATED  " if self.work.simulated else "") + seeker.line())
