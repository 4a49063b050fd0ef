"""Where every stimulus went, from its marker to its answer: the sums that always hold.

Parts of windows, answered provisionally, have sums of their own: those of the windows are about whole windows only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from config.errors import InternalError

PAUSED = "paused"
"""Reason under which stimuli are rejected while the run is paused."""
CALIBRATION = "calibration"
"""... and while the encoder is yet to be made."""
ASIDE = ((PAUSED,), (CALIBRATION,))
"""Reasons of windows that were good, and neither sent nor averaged."""
_SUMS = (
    ("due", ("sent", "rejected", "missed", "pending")),
    ("sent", ("answered", "expired", "dropped", "failed", "in_flight")),
    ("parts_due", ("parts_sent", "parts_skipped", "parts_rejected", "parts_missed", "parts_pending")),
    ("parts_sent", ("parts_answered", "parts_expired", "parts_dropped", "parts_failed", "parts_in_flight")),
)
_OPEN = ("pending", "in_flight", "parts_pending", "parts_in_flight")


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
    calibration
        ... because the encoder is yet to be made.
    paused_parts
        Parts of windows that were not sent for either.
    extra
        More counters to show: samples, gaps, ...
    """

    counters: Mapping[str, int] = field(default_factory=dict)
    rejected_by: Mapping[str, int] = field(default_factory=dict)
    paused: int = 0
    calibration: int = 0
    paused_parts: int = 0
    extra: Mapping[str, int] = field(default_factory=dict)


def totals(
    cut: Cut, delivered: Mapping[str, int], in_flight: int, parts: Mapping[str, int] | None = None
) -> dict[str, int]:
    """Counters of a run.

    Parameters
    ----------
    cut
        Signal side.
    delivered
        Counters of the dispatcher.
    in_flight
        Windows it holds.
    parts
        Its counters of parts, by names that begin with ``parts_``; told where parts are due.
    """
    counters = {name: count for name, count in cut.counters.items() if not name.endswith("accepted")}
    counters = {"due": 0, "missed": 0, "pending": 0, **counters, **cut.extra}
    counters["rejected"] = cut.counters.get("rejected", 0) + cut.paused + cut.calibration
    if "parts_due" in counters:
        counters["parts_rejected"] += cut.paused_parts
        counters.update(parts or {})
    return {**counters, **delivered, "in_flight": in_flight}


def rejected_by(cut: Cut) -> dict[str, int]:
    """Rejected stimuli by reason, those while paused and before there was an encoder among them."""
    aside = {PAUSED: cut.paused, CALIBRATION: cut.calibration}
    return {**cut.rejected_by, **{reason: count for reason, count in aside.items() if count}}


def fault(counters: Mapping[str, int]) -> str:
    """The sum that does not hold, in words; empty where all do."""
    for whole, ends in _SUMS:
        if whole in counters and counters[whole] != sum(counters[name] for name in ends):
            return f"{whole} {counters[whole]} is not {' + '.join(f'{name} {counters[name]}' for name in ends)}"
    return ""


def check_end(counters: Mapping[str, int]) -> None:
    """Verify that a run that has ended accounts for every stimulus.

    Raises
    ------
    InternalError
        A sum does not hold, or something is still pending or in flight.
    """
    wrong = fault(counters)
    left = [f"{name.replace('_', ' ')} {counters[name]}" for name in _OPEN if counters.get(name)]
    if not wrong and left:
        wrong = f"{' and '.join(left)} at the end"
    if wrong:
        raise InternalError(
            f"the account of the run does not close: {wrong}; this is a bug, please report it with the journal"
        )
