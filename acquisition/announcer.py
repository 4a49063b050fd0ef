"""When a status is due and what is new in it, for the log and the journal."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace

from acquisition.ailments import Ailments
from acquisition.dispatch import Dispatcher
from acquisition.recorder import Recorder
from acquisition.situation import Situation
from wire.packets import PeerState, State, Status
from wire.states import Change, Changes

STATUS_S = 0.25
LOOK_S = 0.1
"""So often it is looked whether anybody's state has changed."""
WAITING = 1000
"""Changes kept for a journal that is not open yet; the oldest go first."""
_log = logging.getLogger(__name__)


class Announcer:
    """Four statuses a second, and one at each change of anybody's state; every change is written down with its time.

    Parameters
    ----------
    dispatcher, recorder
        Of the run.
    displays
        Gives those that are heard, at a time.
    """

    def __init__(
        self, dispatcher: Dispatcher, recorder: Recorder, displays: Callable[[float], tuple[PeerState, ...]]
    ) -> None:
        self.dispatcher = dispatcher
        self.recorder = recorder
        self.displays = displays
        self._ailments = Ailments(recorded=recorder.file is not None or not recorder.needed)
        self._amiss: tuple[str, ...] = ()
        self._changes = Changes()
        self._waiting: deque[Change] = deque(maxlen=WAITING)
        self._told: tuple[State, str] | None = None
        self._looked_s = self._status_s = float("-inf")

    def due(self, situation: Situation, at: float, malformed: int, *, urgent: bool) -> Status | None:
        """The status to publish now; None where none is due.

        Parameters
        ----------
        situation
            As it stands.
        at
            Acquisition's clock.
        malformed
            Messages that were none, so far.
        urgent
            One is asked for.
        """
        told = replace(situation, ailments=self._amiss) if self._amiss else situation
        words = told.words(self.dispatcher)
        urgent = urgent or words != self._told
        if not urgent and at - self._looked_s < LOOK_S:
            return None
        self._looked_s = at
        status = self._status(situation, at, malformed)
        changes = self._changes.update(status)
        self._note(changes)
        if not (urgent or changes or at - self._status_s >= STATUS_S):
            return None
        self._told, self._status_s = (status.state, status.message), at
        return status

    def write(self) -> None:
        """Write the changes into the journal that have not been written, once it is open.

        Raises
        ------
        JournalError
            They cannot be written.
        """
        while self._waiting and self.recorder.writing:
            self.recorder.turn(self._waiting.popleft())

    def _status(self, situation: Situation, at: float, malformed: int) -> Status:
        counters, workers = situation.counters(self.dispatcher), self.dispatcher.workers.peers(at)
        self._amiss = self._ailments.update(counters, workers, at, self.recorder.ailments)
        told = replace(situation, ailments=self._amiss)
        return told.status(self.dispatcher, at, {"malformed": malformed}, self.displays(at))

    def _note(self, changes: Iterable[Change]) -> None:
        for change in changes:
            _log.info("%s", change.words)
            self._waiting.append(change)
