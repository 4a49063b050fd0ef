"""Where every stimulus went, from its marker to its answer: the sums that always hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.errors import ProcessError

PAUSED = "paused"
"""Reason under which stimuli are rejected while the run is paused."""


@dataclass(frozen=True)
class Cut:
    """Counters of the signal side, as they stood when the windows they count were handed over.

    Attributes
    ----------
    counters
        Of the pipeline: due, accepted, rejected, missed, pending, and others.
    rejected_by
        Of the pipeline: reason to count.
    paused
        Accepted windows that were not sent because the run was paused.
    extra
        More counters to show: samples, gaps, ...
    """

    counters: Mapping[str, int] = field(default_factory=dict)
    rejected_by: Mapping[str, int] = field(default_factory=dict)
    paused: int = 0
    extra: Mapping[str, int] = field(default_factory=dict)


def totals(cut: Cut, delivered: Mapping[str, int], in_flight: int) -> dict[str, int]:
    """Counters of a run.

    Parameters
    ----------
    cut
        Signal side.
    delivered
        Counters of the dispatcher.
    in_flight
        Windows it holds.
    """
    counters = {name: count for name, count in cut.counters.items() if name != "accepted"}
    counters = {"due": 0, "missed": 0, "pending": 0, **counters, **cut.extra}
    counters["rejected"] = cut.counters.get("rejected", 0) + cut.paused
    return {**counters, **delivered, "in_flight": in_flight}


def rejected_by(cut: Cut) -> dict[str, int]:
    """Rejected stimuli by reason, those while paused among them."""
    return {**cut.rejected_by, PAUSED: cut.paused} if cut.paused else dict(cut.rejected_by)


def fault(counters: Mapping[str, int]) -> str:
    """The sum that does not hold, in words; empty where both do."""
    c = counters
    names: tuple[str, ...]
    if c["due"] != c["sent"] + c["rejected"] + c["missed"] + c["pending"]:
        names = ("due", "sent", "rejected", "missed", "pending")
    elif c["sent"] != c["answered"] + c["expired"] + c["dropped"] + c["failed"] + c["in_flight"]:
        names = ("sent", "answered", "expired", "dropped", "failed", "in_flight")
    else:
        return ""
    first, *others = (f"{name} {c[name]}" for name in names)
    return f"{first} is not {' + '.join(others)}"


def check_end(counters: Mapping[str, int]) -> None:
    """Verify that a run that has ended accounts for every stimulus.

    Raises
    ------
    ProcessError
        A sum does not hold, or something is still pending or in flight.
    """
    wrong = fault(counters)
    if not wrong and (counters["pending"] or counters["in_flight"]):
        wrong = f"pending {counters['pending']} and in flight {counters['in_flight']} at the end"
    if wrong:
        raise ProcessError(
            f"the account of the run does not close: {wrong}; this is a bug, please report it with the journal"
        )
