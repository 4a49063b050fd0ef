"""What speaks against a stretch of the signal that the ring holds: for windows, quality, and exchanged channels."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from acquisition import quality
from acquisition.plan import Plan
from acquisition.rejection import Evidence, Extremes, reasons
from acquisition.ring import Ring
from acquisition.swaps import SwapWatch
from acquisition.types import StreamInfo
from acquisition.windows import Place
from wire.packets import Quality

LINE_HZ = 50.0
"""Line frequency where neither the stream nor a notch tells it."""


class Judge:
    """Reasons by the plan's limits, over samples addressed as the ring does.

    Parameters
    ----------
    ring
        Holds the signal.
    info, plan
        Of the pipeline.
    channels
        Names of the filtered rows.
    settling
        Samples that the filters take to settle.
    """

    def __init__(self, ring: Ring, info: StreamInfo, plan: Plan, channels: tuple[str, ...], settling: int) -> None:
        self.ring = ring
        self.info = info
        self.plan = plan
        self.channels = channels
        self.settling = settling
        self._swaps = SwapWatch(channels, info.rate_hz)
        self._known: _Known | None = None

    def prepare(self, begin: int, end: int) -> None:
        """Look at samples [begin, end): the first of a window that `why` will be asked about."""
        self._known = _Known(begin, end, self.ring.refiltered, Extremes.of(*self._signals(begin, end)))

    def why(self, place: Place, begin: int, end: int) -> tuple[str, ...]:
        """Reasons against a window that needs samples [begin, end) and lies at ``place``; empty for a good one."""
        pair = self._swaps.pair(begin, end)
        return reasons(self._evidence(place, begin, end, pair), self.channels, self.plan.rejection)

    def look(self, *, calm: bool) -> None:
        """Look for exchanged channels in the seconds that have come (see `SwapWatch.look`)."""
        self._swaps.look(self.ring.end, self._clean, calm=calm)

    def quality(self, time_s: float) -> Quality | None:
        """Per-channel state over the last second; None before there is one."""
        ring, end = self.ring, self.ring.end
        begin = end - math.ceil(self.info.rate_hz)
        if begin < ring.start:
            return None
        notch = self.plan.chain.notch_hz
        line = self.info.line_hz or (notch[0] if notch else LINE_HZ)
        filtered, raw = ring.filtered(begin, end), ring.raw(begin, end)[: len(self.channels)]
        made = quality.assess(time_s, self.channels, filtered, raw, self.info.rate_hz, line, self.plan.rejection)
        return quality.exchanged(made, self._swaps.pair(begin, end))

    def _clean(self, begin: int, end: int) -> NDArray[np.float64] | None:
        """Filtered samples, where nothing speaks against them but an exchange of channels."""
        if begin < self.ring.start:
            return None
        found = self._evidence(Place(begin, 0.0, 0, (begin, begin)), begin, end, None)
        return None if reasons(found, self.channels, self.plan.rejection) else found.filtered

    def _evidence(self, place: Place, begin: int, end: int, swapped: tuple[str, str] | None) -> Evidence:
        ring = self.ring
        first, last = min(begin, place.reach[0]), max(end - 1, place.reach[1])
        filtered, raw = self._signals(begin, end)
        return Evidence(
            filtered=filtered,
            raw=raw,
            gap=any(first < run <= last for run in ring.runs),
            settling=any(run < end and begin < run + self.settling for run in ring.runs),
            alignment=place.twice or (not place.by_row and ring.any_unsure(begin, end)),
            non_finite=ring.any_bad(begin, end),
            swapped=swapped,
            extremes=self._extremes(begin, end),
        )

    def _signals(self, begin: int, end: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        return self.ring.filtered(begin, end), self.ring.raw(begin, end)[: len(self.channels)]

    def _extremes(self, begin: int, end: int) -> Extremes | None:
        """What is known of the first samples, and the rest; None where it is of other samples."""
        known = self._known
        if known is None or (known.begin, known.refiltered) != (begin, self.ring.refiltered) or known.end >= end:
            return None
        return known.extremes.joined(Extremes.of(*self._signals(known.end, end)))


@dataclass(frozen=True)
class _Known:
    """Extremes of samples [begin, end), as they were filtered then."""

    begin: int
    end: int
    refiltered: int
    extremes: Extremes
