"""An LSL outlet of results, so that PsychoPy, LabRecorder or Unity can listen."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from msgspec.structs import asdict

from display.accuracy import AVERAGE
from display.latency import TOTAL, durations
from display.state import State
from wire.packets import Result
from wire.states import Change

NAME = "eegseek-results"
TYPE = "Results"
"""Not ``Markers``: acquisition looks for markers by type, and must not find our own answers."""
STATES, STATES_TYPE = "eegseek-states", "States"
"""A stream of its own, so that who reads results gets nothing else."""


def message(state: State, result: Result) -> str:
    """A result as the JSON string that is pushed: times in seconds on the LSL clock, latency in ms."""
    latency = durations(result.stamps).get(TOTAL)
    return json.dumps(
        {
            "session": result.session,
            "segment": result.segment,
            "sequence": result.sequence,
            "part": result.part,
            "final": result.final,
            "provisional": not result.final,
            "end_s": result.end_s,
            "commit": result.commit,
            "stimulus": result.stimulus,
            "truth": state.truth.of.get(result.stimulus),
            "onset_s": result.onset_s,
            "shown_s": result.stamps.shown,
            "latency_ms": latency,
            "simulated": result.simulated,
            "answers": [
                {
                    "of": "average" if version == AVERAGE else "single",
                    "repeats": answer.repeats,
                    "withheld": answer.withheld,
                    "decided": answer.decided,
                    "committed": state.anytime.told(result, version),
                    # a withheld answer is not given here either
                    "hits": [] if answer.withheld else [asdict(hit) for hit in answer.hits],
                }
                for version, answer in enumerate(result.answers)
            ],
        },
        ensure_ascii=False,
    )


def state_message(change: Change) -> str:
    """A change of state as the JSON string that is pushed."""
    return json.dumps(dataclasses.asdict(change), ensure_ascii=False)


class Outlet:
    """The outlets of results and of states, open while the display runs. The constructor only stores.

    Parameters
    ----------
    source_id
        Makes the stream of results recoverable: the same after a restart. That of the states has ``-states`` after it.
    lan
        Let other machines see it (unencrypted).
    """

    def __init__(self, source_id: str, *, lan: bool = False):
        self.source_id = source_id
        self.lan = lan
        self._outlet: Any = None
        self._states: Any = None
        self._told = 0

    def open(self) -> None:
        """Make the streams visible."""
        from wire import lsl_scope

        lsl_scope.restrict(lan=self.lan)
        self._outlet = self._made(NAME, TYPE, self.source_id, "eegseek result, JSON, protocol 1")
        self._states = self._made(STATES, STATES_TYPE, f"{self.source_id}-states", "eegseek state, JSON, protocol 1")

    def _made(self, name: str, kind: str, source_id: str, form: str) -> Any:
        import pylsl

        from wire import lsl_scope

        info = pylsl.StreamInfo(name, kind, 1, pylsl.IRREGULAR_RATE, pylsl.cf_string, source_id)
        info.desc().append_child_value("format", form)
        outlet = pylsl.StreamOutlet(info)
        if not self.lan:
            lsl_scope.seal(outlet)
        return outlet

    def result(self, state: State, result: Result) -> None:
        """Push a result, stamped with the moment it was shown."""
        if self._outlet is not None:
            self._outlet.push_sample([message(state, result)], result.stamps.shown or 0.0)

    def tick(self, state: State, at_s: float) -> None:
        """Push the changes of state since the last time, each stamped with when it was."""
        if self._states is None:
            return
        state.turns.watch(at_s)
        for change in state.turns.since(self._told):
            self._states.push_sample([state_message(change)], change.time_s)
        self._told = state.turns.count

    def close(self, state: State, numbers: dict[str, Any]) -> None:
        """Take the streams away."""
        self._outlet = self._states = None
