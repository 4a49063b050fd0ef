"""The final numbers of a run, as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from config.errors import OutputError
from config.whole import write_whole
from display.accuracy import AVERAGE, DEPTH, SINGLE, chance
from display.state import State

PARTS = ("due", "sent", "skipped", "rejected", "missed", "pending")
PART_ENDS = ("answered", "expired", "dropped", "failed", "in_flight", "lost")
"""Of parts of windows; in the status with ``parts_`` before."""
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
        p99, max, n), ``accuracy`` (None, with ``accuracy_reason``, where the truth is unknown), ``anytime`` (None where
        windows are only answered whole), ``states`` (who came into which state when, on acquisition's clock),
        and facts of the run. What is not under ``anytime`` is of whole windows.
    """
    counters = state.counters
    status = state.status
    latest = state.latest or state.early
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
        "anytime": anytime(state),
        "encoder": latest.encoder if latest else None,
        "gallery": latest.gallery if latest else None,
        "gauges": dict(status.gauges) if status else {},
        "processes": [{"name": name, "state": words} for name, words in state.processes(at_s)],
        "states": [asdict(change) for change in state.turns.kept],
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


def anytime(state: State) -> dict[str, Any] | None:
    """Answers before the window ends; None where no window has parts.

    ``parts`` are their counters, ``latency_ms`` and ``stages_ms`` their latency. ``single`` and ``average`` say of how
    many stimuli an answer stands, what share of them was committed early (``coverage``), the mean time from onset to
    the committed answer, and both accuracies: of the committed answers (those that never commit count at the whole
    window) and of the whole windows.
    """
    counters = state.counters
    if "parts_due" not in counters and state.early is None:
        return None
    versions = {"single": state.anytime.summary(SINGLE), "average": state.anytime.summary(AVERAGE)}
    return {
        "parts": {name: counters.get(f"parts_{name}", 0) for name in (*PARTS, *PART_ENDS)},
        "latency_ms": state.part_latencies.total().table,
        "stages_ms": {name: stage.table for name, stage in state.part_latencies.stages().items()},
        **{name: summary.table if summary else None for name, summary in versions.items()},
    }


def accuracy(state: State, snr_db: float | None = None) -> dict[str, Any] | None:
    """Accuracy of a run; None where the truth is unknown.

    ``top1``, ``top5``, ``n`` and their intervals are of each stimulus's latest averaged answer: what is known of it in
    the end. ``single`` is of single trials, ``by_repeats`` of averaged answers by the trials behind them (100: that
    many and more).
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
    OutputError
        The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    except OSError as error:
        raise OutputError(f"the report '{path}' cannot be written ({error.strerror}); choose another place") from error
