"""How long each stage of the way took, from the stamps that every result carries."""

from __future__ import annotations

from array import array
from collections import deque
from dataclasses import dataclass, field, replace

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
KEPT = 8192
"""Durations kept of each stage: with more, every second is left out, and so on; 13 minutes at 10 Hz are kept whole."""
LATEST = 512
"""Of the latest all are kept."""


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


class Durations:
    """Milliseconds of every result so far: all of them at first, evenly thinned once there are too many to keep.

    Attributes
    ----------
    n, largest
        Of all.
    """

    def __init__(self) -> None:
        self.n = 0
        self.largest = 0.0
        self._every = 1
        self._kept = array("d")
        self._latest: deque[float] = deque(maxlen=LATEST)

    def add(self, value: float) -> None:
        """Count one."""
        self.largest = max(self.largest, value) if self.n else value
        if self.n % self._every == 0:
            self._kept.append(value)
            if len(self._kept) >= KEPT:
                self._kept, self._every = self._kept[::2], 2 * self._every
        self.n += 1
        self._latest.append(value)

    def spread(self, last: int | None = None) -> Spread:
        """Percentiles of all (of those kept, number and largest exact), or of the last ``last``, at most `LATEST`."""
        if last is not None:
            return spread(list(self._latest)[-last:])
        found = spread(list(self._kept))
        return replace(found, max=round(self.largest, 4), n=self.n) if self.n else found


@dataclass
class Latencies:
    """Durations of every result seen so far, by stage."""

    by_stage: dict[str, Durations] = field(default_factory=dict)

    def add(self, stamps: Stamps) -> None:
        """Count one result."""
        for name, value in durations(stamps).items():
            self.by_stage.setdefault(name, Durations()).add(value)

    def total(self, last: int | None = None) -> Spread:
        """Spread of the whole way, over the last ``last`` results (None: all)."""
        return self._spread(TOTAL, last)

    def stages(self, last: int | None = None) -> dict[str, Spread]:
        """Spread of each stage, in the order of the way."""
        return {name: self._spread(name, last) for name, _, _ in STAGES if name in self.by_stage}

    def _spread(self, name: str, last: int | None) -> Spread:
        return self.by_stage[name].spread(last) if name in self.by_stage else Spread()
