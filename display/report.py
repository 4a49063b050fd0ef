"""The final numbers of a run, as JSON."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from config.errors import ProcessError
from display.accuracy import DEPTH, chance
from display.state import State

COUNTERS = ("due", "sent", "rejected", "missed", "pending", "answered", "expired", "dropped", "failed", "in_flight")


def report(state: State, at_s: float, snr_db: float | None = None) -> dict[str, Any]:
    """Numbers of a run.

    Parameters
    ----------
    state
        What the display saw.
    at_s
        Now, acquisition's clock.
    snr_db
        Of a simulated participant.

    Returns
    -------
    dict
        ``windows`` (counters, ``lost`` and ``doubled`` as measured here), ``latency_ms`` and ``stages_ms`` (p50, p95,
        p99, max, n), ``accuracy`` (None, with ``accuracy_reason``, where the truth is unknown), and facts of the run.
    """
    counters = state.counters
    status = state.status
    return {
        "format": "eegseek-report",
        "version": 1,
        "session": status.session if status else None,
        "source": status.source if status else None,
        "simulated": state.simulated,
        "complete": state.ended,
        "results": state.results,
        "windows": {name: counters.get(name, 0) for name in (*COUNTERS, "lost", "doubled")},
        "counters": dict(sorted(counters.items())),
        "rejected_by": state.rejected_by,
        "latency_ms": state.latencies.total().table,
        "stages_ms": {name: stage.table for name, stage in state.latencies.stages().items()},
        "accuracy": accuracy(state, snr_db),
        "accuracy_reason": state.truth.unknown or None,
        "encoder": state.latest.encoder if state.latest else None,
        "gallery": state.latest.gallery if state.latest else None,
        "gauges": dict(status.gauges) if status else {},
        "processes": [{"name": name, "state": words} for name, words in state.processes(at_s)],
        "segments": [key[1] for key in state.segments],
        "notes": list(state.truth.notes),
        "display": {
            "malformed": state.malformed,
            "repeated": state.repeated,
            "fetched": state.fetched,
            "given_up": sum(segment.commits.given_up for segment in state.segments.values()),
            "history": state.history,
        },
    }


def accuracy(state: State, snr_db: float | None = None) -> dict[str, Any] | None:
    """Accuracy of a run; None where the truth is unknown.

    ``top1``, ``top5``, ``n`` and their intervals are of each stimulus's latest averaged answer: what is known of it in
    the end. ``single`` is of single trials, ``by_repeats`` of averaged answers by the trials behind them.
    """
    if state.truth.unknown:
        return None
    counted = state.accuracy
    latest, single = counted.latest(), counted.single()
    depth = min(DEPTH, counted.depth)
    empty: dict[str, object] = {"top1": None, "top5": None, "n": 0, "stimuli": 0, "interval": None}
    return {
        **(latest.table if latest else {**empty, "top5_interval": None}),
        "chance_top1": chance(state.truth.n_items, 1),
        "chance_top5": chance(state.truth.n_items, depth),
        "depth": depth,
        "single": single.table if single else None,
        "by_repeats": {str(repeats): value.table for repeats, value in counted.by_repeats().items()},
        "withheld": sum(counted.withheld.values()),
        "unmapped": state.unmapped,
        "other_gallery": state.foreign,
        "snr_db": snr_db,
    }


def write_report(path: Path, numbers: dict[str, Any]) -> None:
    """Write a report whole, or leave the old one.

    Raises
    ------
    ProcessError
        The file cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(json.dumps(numbers, indent=1, allow_nan=False) + "\n")
        beside.replace(path)
    except OSError as error:
        raise ProcessError(f"the report '{path}' cannot be written ({error.strerror}); choose another place") from error
