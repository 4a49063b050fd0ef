"""From a marker to the light: the delay of a screen, out of a photodiode's channel and the markers. Pure.

The stamp of a marker is that of the flip. Graphics driver, cable and panel then take their time, and an amplifier's
stamps may be late as well; what counts for the brain's answer is the time between marker and light *as it stands in the
recording*. So it is measured there: the sensor's signal steps when the patch turns white, and the step's half height,
between two samples, is the light's onset.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from config.errors import UnclearDelay

EARLY_S, LATE_S = 0.02, 0.35
"""The light is looked for from so long before a marker to so long after it."""
SIDE_S = 0.008
"""A step is the mean of so much signal after it, less that before it."""
LEAST = 10
"""Fewest markers with a light."""
SHARE = 0.8
"""Fewest of the markers, as a share."""
SPREAD_S = 0.03
"""From the 5th to the 95th percentile: where delays differ more than that, one number does not describe them."""
CLEAR = 6.0
"""A step is that many times larger than those that noise makes."""
HALF = 0.5
REGULAR_S = 0.005
SHORT_S = 0.6
"""Markers at regular intervals shorter than this leave open which light belongs to which."""


@dataclass(frozen=True)
class Delay:
    """From marker to light.

    Attributes
    ----------
    median_s
        What ``markers.delay_s`` is to be, s.
    p5_s, p95_s, sd_s
        Spread from marker to marker: percentiles and robust standard deviation, s.
    n, markers
        Markers with a light, and all that the recording covers.
    clear
        How many times larger the light's step is than noise.
    dark
        The sensor's signal falls when light comes.
    rate_hz
        Of the channel: one sample is 1 / rate_hz.
    """

    median_s: float
    p5_s: float
    p95_s: float
    sd_s: float
    n: int
    markers: int
    clear: float
    dark: bool
    rate_hz: float

    @property
    def words(self) -> str:
        """For people."""
        return (
            f"marker to light: median {self.median_s * 1e3:.2f} ms, 5 to 95 % of markers "
            f"{self.p5_s * 1e3:.2f} to {self.p95_s * 1e3:.2f} ms (standard deviation {self.sd_s * 1e3:.2f} ms), "
            f"n {self.n} of {self.markers}; one sample is {1e3 / self.rate_hz:.2f} ms"
        )

    def table(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(
    trace: NDArray[np.floating[Any]], stamps: NDArray[np.float64], markers_s: NDArray[np.float64], rate_hz: float
) -> Delay:
    """Delay between markers and light.

    Parameters
    ----------
    trace
        The photodiode's channel, (times,), any unit, either sign.
    stamps
        Of its samples, (times,) s, without jitter.
    markers_s
        (markers,) s, on the same clock.
    rate_hz
        Sampling rate.

    Raises
    ------
    UnclearDelay
        There are too few markers, no clear steps of light after them, or delays that differ from marker to marker.
    """
    side = max(2, round(SIDE_S * rate_hz))
    covered = markers_s[(markers_s > stamps[0] + 4 * SIDE_S) & (markers_s < stamps[-1] - LATE_S - 4 * SIDE_S)]
    covered = np.sort(covered)
    if len(covered) < LEAST:
        raise UnclearDelay(
            f"{len(covered)} markers lie within the recording, and {LEAST} are needed; record a whole "
            "`eegseek present --delay-test`, its markers included"
        )
    _refuse_regular(covered)
    values = trace.astype(np.float64)
    if not np.isfinite(values).all() or np.ptp(values) == 0:
        raise UnclearDelay("the channel is flat or not finite: no photodiode is connected to it, or it is another")
    steps = _steps(values, side)
    # the one that comes first after the markers: the other one is the light's end
    tried = [_matched(values, stamps, steps * sign, covered, side) for sign in (1.0, -1.0)]
    clear = [found for found in tried if found.clear >= CLEAR and found.share >= SHARE and found.spread_s <= SPREAD_S]
    if not clear:
        raise UnclearDelay(_why(max(tried, key=lambda found: (found.clear >= CLEAR, found.share, -found.spread_s))))
    best = min(clear, key=lambda found: float(np.median(found.delays)))
    p5, median, p95 = np.percentile(best.delays, [5, 50, 95])
    return Delay(
        median_s=float(median),
        p5_s=float(p5),
        p95_s=float(p95),
        sd_s=float(1.4826 * np.median(np.abs(best.delays - median))),
        n=len(best.delays),
        markers=len(covered),
        clear=best.clear,
        dark=best is tried[1],
        rate_hz=rate_hz,
    )


@dataclass(frozen=True)
class _Matched:
    delays: NDArray[np.float64]
    markers: int
    clear: float

    @property
    def share(self) -> float:
        return len(self.delays) / self.markers

    @property
    def spread_s(self) -> float:
        if not len(self.delays):
            return float("inf")
        low, high = np.percentile(self.delays, [5, 95])
        return float(high - low)


def _refuse_regular(markers_s: NDArray[np.float64]) -> None:
    between = np.diff(markers_s)
    low, middle, high = np.percentile(between, [10, 50, 90])
    if middle < SHORT_S and high - low < REGULAR_S:
        raise UnclearDelay(
            f"markers come every {middle * 1e3:.0f} ms, so regularly that the light of one could be another's; record "
            "`eegseek present --delay-test`, whose intervals differ"
        )


def _steps(values: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """At each sample, the mean of it and what follows less the mean of what precedes: (times,), 0 at the ends."""
    total = np.concatenate([[0.0], np.cumsum(values - values.mean())])
    found = np.zeros(len(values))
    k = np.arange(side, len(values) - side + 1)
    found[k[:-1]] = ((total[k + side] - total[k]) - (total[k] - total[k - side]))[:-1] / side
    return found


def _matched(
    values: NDArray[np.float64],
    stamps: NDArray[np.float64],
    steps: NDArray[np.float64],
    markers_s: NDArray[np.float64],
    side: int,
) -> _Matched:
    """Delay of each marker that a step of this sign follows."""
    begins = np.searchsorted(stamps, markers_s - EARLY_S)
    ends = np.searchsorted(stamps, markers_s + LATE_S)
    heights = np.array([steps[a:b].max() if b > a else 0.0 for a, b in zip(begins, ends, strict=True)])
    height = float(np.median(heights))
    # noise: what steps are made where no light is, which is most of the time
    noise = float(1.4826 * np.median(np.abs(steps - np.median(steps)))) or height / 1e6 or 1.0
    delays = []
    for marker, begin, end in zip(markers_s, begins, ends, strict=True):
        place = _first(steps, begin, end, HALF * height)
        if place is not None:
            delays.append(_crossing(values, stamps, place, side) - marker)
    return _Matched(np.array(delays), len(markers_s), height / noise)


def _first(steps: NDArray[np.float64], begin: int, end: int, least: float) -> int | None:
    """The first local maximum above a height."""
    above = np.flatnonzero(steps[begin:end] >= least) if least > 0 else np.empty(0, dtype=np.int64)
    if not above.size:
        return None
    at = int(begin + above[0])
    while at + 1 < len(steps) and steps[at + 1] > steps[at]:
        at += 1
    return at


def _crossing(values: NDArray[np.float64], stamps: NDArray[np.float64], place: int, side: int) -> float:
    """When the signal is half-way between before and after a step, s: interpolated between samples."""
    before = values[max(0, place - 2 * side) : max(1, place - side // 2)].mean()
    after = values[place + side // 2 : place + 2 * side].mean()
    half, rises = (before + after) / 2, after > before
    begin, end = max(0, place - side), min(len(values), place + side + 1)
    past = values[begin:end] >= half if rises else values[begin:end] <= half
    first = int(np.argmax(past)) if past.any() else place - begin
    k = begin + first
    if k == 0 or not past.any():
        return float(stamps[place])
    low, high = values[k - 1], values[k]
    share = 0.5 if high == low else float(np.clip((half - low) / (high - low), 0.0, 1.0))
    return float(stamps[k - 1] + share * (stamps[k] - stamps[k - 1]))


def _why(found: _Matched) -> str:
    if found.clear < CLEAR:
        return (
            f"the channel does not step after markers (largest steps are {found.clear:.1f} times the noise, "
            f"{CLEAR:g} are needed); put the sensor on the patch, or name another channel"
        )
    if found.share < SHARE:
        return (
            f"light follows {len(found.delays)} of {found.markers} markers, and {SHARE:.0%} are needed; record markers "
            "and light of one presentation, with the sensor on the patch all the time"
        )
    return (
        f"the delay differs by {found.spread_s * 1e3:.0f} ms from marker to marker (5th to 95th percentile; "
        f"{SPREAD_S * 1e3:.0f} ms is most), which no one number describes; present on a full screen with vertical sync"
    )
