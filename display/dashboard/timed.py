"""What the Timing page is told, as plain tables for the browser. Pure; read under the view's lock."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from display.latency import Spread
from display.panels import PART_SUMS, SUMS, Scores
from display.state import State

Table = dict[str, Any]
CHANGES = 100
STAGES = {
    "source_to_in": "sample measured → received here",
    "in_to_cut": "received → window cut",
    "cut_to_sent": "cut → sent to a worker",
    "sent_to_received": "sent → received by the worker",
    "received_to_embedded": "received → encoded",
    "embedded_to_searched": "encoded → gallery searched",
    "searched_to_committed": "searched → result recorded",
    "committed_to_shown": "recorded → heard by this display",
}
"""Each stage of the way in words."""


def timing(state: State, history: Sequence[tuple[float, float]], at_s: float, scored: Scores | None = None) -> Table:
    """Latencies, counters, processes and changes.

    Parameters
    ----------
    state, history
        Of the view.
    at_s
        Now, acquisition's clock.
    scored
        Computed spreads; None while there are none.

    Returns
    -------
    dict
        ``history`` holds milliseconds, oldest first; ``changes`` the latest first, with
        their time in seconds after the first of them.
    """
    counters = state.counters if state.status is not None else {}
    stages = [] if scored is None else [_row(STAGES[name], spread) for name, spread in scored.stages.items()]
    return {
        "total": None if scored is None else _row("all of it", scored.total),
        "parts": None if scored is None or not scored.parts.n else _row("all of it, provisional answers", scored.parts),
        "stages": stages,
        "history": [round(took, 2) for _, took in history],
        "sums": [_sum(counters, "", whole, ends) for whole, ends in SUMS]
        + [_sum(counters, "parts_", whole, ends) for whole, ends in PART_SUMS if "parts_due" in counters],
        "bad": {
            "lost": counters.get("lost", 0),
            "doubled": counters.get("doubled", 0),
            "malformed": state.malformed,
        },
        "rejected": sorted(state.rejected_by.items(), key=lambda row: -row[1]),
        "processes": [list(row) for row in state.processes(at_s)],
        "changes": _changes(state),
    }


def _row(name: str, spread: Spread) -> Table:
    return {"name": name, **spread.table}


def _sum(counters: dict[str, int], prefix: str, whole: str, ends: Sequence[str]) -> Table:
    name = f"{'parts ' if prefix else ''}{whole}"
    terms = [[end.replace("_", " "), counters.get(prefix + end, 0)] for end in ends]
    return {"name": name, "value": counters.get(prefix + whole, 0), "terms": terms}


def _changes(state: State) -> list[Table]:
    began = next(iter(state.turns.kept)).time_s if state.turns.kept else 0.0
    kept = list(state.turns.kept)[-CHANGES:]
    return [
        {
            "s": round(one.time_s - began, 2),
            "name": one.name,
            "role": one.role,
            "state": one.state,
            "message": one.message,
        }
        for one in reversed(kept)
    ]
