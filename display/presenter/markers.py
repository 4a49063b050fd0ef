"""The LSL outlet of markers: one text channel, each sample the id of a stimulus at the stamp of its flip."""

from __future__ import annotations

from typing import Any

from config.errors import AmbiguousStream
from config.presentation import END_LABEL
from wire import lsl_scope
from wire.clock import now

NAME, TYPE = "Markers", "Markers"
LOOK_S = 1.0
"""One look for streams: liblsl asks the ports of this machine half a second after its first question."""
SETTLE_S = 0.5
"""A listener that has just connected is not quite there yet."""
LINGER_S = 3.0
"""Longest wait at the end for listeners to take what is left."""
_POLL_S = 0.05


class Markers:
    """A stream of markers, announced while open. The constructor only stores.

    Parameters
    ----------
    name
        Of the stream.
    simulated
        Said of it: nobody looks at the screen.
    lan
        Let the local network see it (unencrypted), else this machine only.
    """

    def __init__(self, name: str = NAME, *, simulated: bool = False, lan: bool = False) -> None:
        self.name = name
        self.simulated = simulated
        self.lan = lan
        self.sent = 0
        self._outlet: Any = None
        self._resolver: Any = None
        self._until = 0.0

    def open(self) -> None:
        """Announce the stream, unless one of its name is there.

        Raises
        ------
        AmbiguousStream
            There is one: markers of two presentations in one recording could not be told apart.
        """
        lsl_scope.restrict(lan=self.lan)
        import pylsl

        there = [info for info in pylsl.resolve_streams(LOOK_S) if info.name() == self.name]
        if there:
            raise self._taken(there[0])
        info = pylsl.StreamInfo(
            self.name, TYPE, 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, f"eegseek-presenter-{self.name}"
        )
        said = info.desc().append_child("eegseek")
        said.append_child_value("simulated", str(self.simulated).lower())
        said.append_child_value("finite", "true")
        self._outlet = pylsl.StreamOutlet(info)
        if not self.lan:
            lsl_scope.seal(self._outlet)
        self._resolver = pylsl.ContinuousResolver()
        self._until = now() + LOOK_S

    def alone(self) -> bool:
        """Whether it has been looked once more for another of this name, begun in the same moment.

        Raises
        ------
        AmbiguousStream
            There is one, and it was first.
        """
        if now() < self._until or self._resolver is None:
            return self._resolver is None
        mine = self._outlet.get_info()
        others = [i for i in self._resolver.results() if i.name() == self.name and i.uid() != mine.uid()]
        self._resolver = None
        first = [i for i in others if (i.created_at(), i.uid()) < (mine.created_at(), mine.uid())]
        if first:
            self.close()
            raise self._taken(first[0])
        return True

    @property
    def heard(self) -> bool:
        """Whether anybody listens."""
        return self._outlet is not None and bool(self._outlet.have_consumers())

    def send(self, label: str, stamp: float) -> None:
        """Send a marker, stamped on the shared clock."""
        if self._outlet is not None:
            self._outlet.push_sample([label], stamp)
            self.sent += 1

    def end(self) -> float:
        """Send the agreed last marker; returns its stamp."""
        at = now()
        if self._outlet is not None:
            self._outlet.push_sample([END_LABEL], at)
        return at

    def linger(self) -> None:
        """Stay until listeners have taken what is left and gone, or ``LINGER_S`` have passed."""
        import time

        until = now() + LINGER_S
        while self.heard and now() < until:
            time.sleep(_POLL_S)

    def close(self) -> None:
        """Take the stream away; harmless twice."""
        self._resolver = self._outlet = None

    def _taken(self, info: Any) -> AmbiguousStream:
        return AmbiguousStream(
            f"a stream '{self.name}' is there already (type {info.type() or 'none'}, on {info.hostname()}), and "
            "markers of two programs could not be told apart; end that one, or give this another name with --stream"
        )
