"""How long each stage of the way took, from the stamps that every result carries."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from wire.packets import Stamps

STAGES: tuple[tuple[str, str, str], ...] = (
    ("source_to_in", "sample_due", "sample_in"),
    ("in_to_cut", "sample_in", "cut"),
    ("cut_to_sent", "cut", "sent"),
    ("sent_to_received", "sent", "received"),
    ("received_to_embedded", "received", "embedded"),
    ("embedded_to_searched", "embedded", "searched"),
    ("searched_to_committed", "searched", "committed"),
    ("committed_to_shown", "committed", "shown"),
)
"""Name, first stamp, second stamp; in the order in which they are passed."""
TOTAL = "total"


@dataclass(frozen=True)
class Spread:
    """Percentiles of some durations, ms; None where there is none.

    Attributes
    ----------
    p50, p95, p99, max
        Linear-interpolation percentiles and the largest, ms.
    n
        How many durations.
    """

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    n: int = 0

    @property
    def table(self) -> dict[str, float | int | None]:
        """As written in a report."""
        return {"p50": self.p50, "p95": self.p95, "p99": self.p99, "max": self.max, "n": self.n}


def spread(durations_ms: list[float]) -> Spread:
    """Percentiles of durations in ms."""
    if not durations_ms:
        return Spread()
    p50, p95, p99 = np.percentile(durations_ms, (50, 95, 99))
    return Spread(
        round(float(p50), 4), round(float(p95), 4), round(float(p99), 4), round(max(durations_ms), 4), len(durations_ms)
    )


def durations(stamps: Stamps) -> dict[str, float]:
    """Milliseconds of each stage whose two ends were stamped, and ``total`` = shown − sample_due.

    A recording played faster than real time stamps its samples ahead of the clock; there the way begins at sample_in.
    """
    due, arrived = stamps.sample_due, stamps.sample_in
    ahead = due is not None and arrived is not None and due > arrived
    found: dict[str, float] = {}
    for name, first, second in (*STAGES[ahead:], (TOTAL, "sample_in" if ahead else "sample_due", "shown")):
        start, end = getattr(stamps, first), getattr(stamps, second)
        if start is not None and end is not None:
            found[name] = (end - start) * 1e3
    return found


@dataclass
class Latencies:
    """Durations of every result seen so far, by stage."""

    by_stage: dict[str, list[float]] = field(default_factory=dict)

    def add(self, stamps: Stamps) -> None:
        """Count one result."""
        for name, value in durations(stamps).items():
            self.by_stage.setdefault(name, []).append(value)

    def total(self, last: int | None = None) -> Spread:
        """Spread of the whole way, over the last ``last`` results (None: all)."""
        return spread(self._recent(TOTAL, last))

    def stages(self, last: int | None = None) -> dict[str, Spread]:
        """Spread of each stage, in the order of the way."""
        return {name: spread(self._recent(name, last)) for name, _, _ in STAGES if name in self.by_stage}

    def _recent(self, name: str, last: int | None) -> list[float]:
        values = self.by_stage.get(name, [])
        return values if last is None else values[-last:]
