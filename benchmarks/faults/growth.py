"""Memory and open files of processes over time, and whether they grow."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

import numpy as np
import psutil

from wire.clock import now


@dataclass(frozen=True)
class Growth:
    """A straight line through a quantity over time (least squares).

    Attributes
    ----------
    mean
        Of the quantity.
    per_s
        Its slope, a second.
    span_s
        Time that it was followed for.
    """

    mean: float
    per_s: float
    span_s: float

    @property
    def share(self) -> float:
        """What it grew by over the span, as a share of its mean; negative where it shrank."""
        return self.per_s * self.span_s / self.mean if self.mean else 0.0


def fit(times_s: list[float], values: list[float]) -> Growth:
    """Line through values over time; no growth where there are fewer than 3."""
    if len(times_s) < 3:
        return Growth(float(np.mean(values)) if values else 0.0, 0.0, 0.0)
    times, found = np.asarray(times_s), np.asarray(values)
    slope = float(np.polyfit(times - times.mean(), found, 1)[0])
    return Growth(float(found.mean()), slope, float(times[-1] - times[0]))


class Sampler:
    """Reads processes' memory and open files in a thread; a context manager.

    Parameters
    ----------
    pids
        Process ids by name.
    period_s
        Between two readings.
    """

    def __init__(self, pids: Mapping[str, int], period_s: float) -> None:
        self.pids = dict(pids)
        self.period_s = period_s
        self._rows: dict[str, list[tuple[float, int, int]]] = {name: [] for name in pids}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler")

    def __enter__(self) -> Sampler:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End."""
        self._stop.set()
        self._thread.join()

    def memory(self, name: str, after_s: float = 0.0) -> Growth:
        """Resident memory of a process, bytes, from so long after the first reading on."""
        rows = self._after(name, after_s)
        return fit([row[0] for row in rows], [float(row[1]) for row in rows])

    def files(self, name: str, after_s: float = 0.0) -> tuple[int, int]:
        """Fewest open files in the first and in the last quarter of the readings: what stays open raises the second."""
        counts = [row[2] for row in self._after(name, after_s)]
        quarter = max(1, len(counts) // 4)
        return min(counts[:quarter], default=0), min(counts[-quarter:], default=0)

    def series(self, name: str, points: int = 60) -> list[float]:
        """Resident memory of a process over time, MiB, evenly thinned to so many readings: to see how it grew."""
        rows = self._rows[name]
        places = range(0, len(rows), max(1, len(rows) // points))
        return [round(rows[k][1] / 2**20, 2) for k in places]

    def _after(self, name: str, after_s: float) -> list[tuple[float, int, int]]:
        rows = self._rows[name]
        return [row for row in rows if row[0] >= rows[0][0] + after_s]

    def _run(self) -> None:
        processes = {name: psutil.Process(pid) for name, pid in self.pids.items()}
        while not self._stop.wait(self.period_s):
            for name, process in processes.items():
                try:
                    self._rows[name].append((now(), process.memory_info().rss, process.num_fds()))
                except psutil.NoSuchProcess:
                    continue
