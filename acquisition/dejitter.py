"""Sample stamps without jitter, by our own regression; losses told from jitter. Pure and causal.

The stamp of sample k is ``anchor + k * period`` plus jitter. A Kalman filter with forgetting follows the two numbers.
Jitter is not loss: a step opens a *suspect*, over which the clock coasts; back within a second it was jitter, a lasting
offset is a gap, placed at the step, and the clock is anchored anew on what followed. A device's own counter decides at
once. Everything advances one sample at a time, so no result depends on how the samples were chunked.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from acquisition.clockfit import BLOCK, FLOOR, Fit, fit_line, step_place
from config.errors import SourceError

Kind = Literal["anchor", "jitter", "gap"]

VERDICT_S = 1.0
"""A suspect that lasts this long on the stamps is decided."""
LONGEST = 4.0
"""... or that many seconds' worth of samples, whatever the stamps say."""
MEMORY_S = 30.0
"""Time constant of forgetting."""
JITTER_S = 10.0
"""Time constant of the jitter estimate."""
BIAS_S = 1.0
"""Time constant of the mean recent deviation."""
PERIOD_PRIOR = 3e-4
"""Standard deviation of the true sampling rate about the nominal one, relative."""
COUNTED_STEP_S = 0.5
"""With a device counter only steps of the clock itself, larger than this, become suspects."""


@dataclass(frozen=True)
class Verdict:
    """A suspect was decided, or the clock anchored for the first time.

    Attributes
    ----------
    kind
        ``anchor``, ``jitter`` or ``gap``.
    opened, decided
        Index of the sample that opened the suspect, and of the one that decided it.
    begin
        First sample of the new run (``gap``) or of the new stamps.
    missing
        Samples lost, estimated; 0 where the clock stepped back.
    stamps
        (decided - begin + 1,) float64, corrected stamps that replace those given before; empty where they stand.
    unsure
        Those stamps may be wrong by half a sample.
    """

    kind: Kind
    opened: int
    decided: int
    begin: int
    missing: float
    stamps: NDArray[np.float64]
    unsure: bool


@dataclass(frozen=True)
class Corrected:
    """Corrected stamps of the samples fed, and what was decided meanwhile.

    Attributes
    ----------
    stamps
        (times,) float64, seconds, strictly increasing within a run.
    unsure
        (times,) bool: the stamp may be wrong by half a sample.
    """

    stamps: NDArray[np.float64]
    unsure: NDArray[np.bool_]
    verdicts: tuple[Verdict, ...]


class Dejitter:
    """Correct stamps sample by sample.

    Parameters
    ----------
    rate_hz
        Nominal sampling rate.
    counted
        The device counts its samples, and ``feed`` gets the counter.

    Attributes
    ----------
    opened
        Index of the sample that opened the suspect (or the first anchoring) now open, or None: windows that need this
        sample or a later one wait for the verdict.
    """

    def __init__(self, rate_hz: float, counted: bool = False) -> None:
        self.rate_hz = rate_hz
        self.counted = counted
        self.opened: int | None = None
        self._counting = counted
        self._nominal = 1.0 / rate_hz
        self._period = self._nominal
        self._index = -1
        self._count = -1
        self._zero = 0.0
        self._guess = 0.0
        self._last = -math.inf
        self._p00 = self._p01 = 0.0
        self._p11 = (PERIOD_PRIOR * self._nominal) ** 2
        self._floor = (FLOOR * self._nominal) ** 2
        self._variance = self._noise = self._floor
        self._block_sum, self._block_size = 0.0, 0
        self._reach = 0.0
        self._bias = 0.0
        self._anchored = False
        self._forget = 1.0 / (1.0 - 1.0 / (MEMORY_S * rate_hz))
        self._open_counts: list[int] = []
        self._open_deviations: list[float] = []
        self._verdicts: list[Verdict] = []

    @property
    def period_s(self) -> float:
        """Sample period as estimated."""
        return self._period

    @property
    def stepped_back_s(self) -> float:
        """How far the latest sample of an open suspect lies before its time: the clock may have been set back."""
        suspect = self.opened is not None and self._anchored and self._open_deviations
        return max(0.0, -self._open_deviations[-1]) if suspect else 0.0

    def feed(self, stamps: NDArray[np.float64], counter: NDArray[np.int64] | None = None) -> Corrected:
        """Correct the stamps of the next samples.

        Parameters
        ----------
        stamps
            (times,) float64, seconds, on one clock.
        counter
            (times,) int64, the device's unwrapped counter, where it has one.

        Raises
        ------
        SourceError
            The first stamp of the stream is not finite.
        """
        size = stamps.shape[0]
        if size == 0:
            return Corrected(np.empty(0), np.empty(0, dtype=bool), ())
        self._counting = self.counted and counter is not None
        if self._index < 0:
            self._begin(float(stamps[0]), None if counter is None else int(counter[0]))
        counts = counter.tolist() if self._counting and counter is not None else None
        out, unsure = [0.0] * size, [False] * size
        for k, stamp in enumerate(stamps.tolist()):
            step = 1 if counts is None else counts[k] - self._count
            if step != 1:
                step = self._counted_step(step, stamp - self._zero)
            self._index += 1
            self._count = self._count + 1 if counts is None else counts[k]
            out[k] = self._one(stamp - self._zero, step) + self._zero
            unsure[k] = self._unsure()
        if self._verdicts:
            verdicts, self._verdicts = tuple(self._verdicts), []
            return Corrected(np.array(out), np.array(unsure), verdicts)
        return Corrected(np.array(out), np.array(unsure), ())

    def finish(self) -> Verdict | None:
        """The stream has ended: anchor on what there is, or give the stamps of an open suspect up as unsure."""
        if self.opened is None:
            return None
        if not self._anchored:
            self._anchor(0, "anchor")
        else:
            # neither jitter nor loss is proved: the stamps stay as predicted, and count for nothing
            counts = np.array(self._open_counts)
            stamps = self._zero + self._guess - self._period * (counts[-1] - counts)
            self._settle("jitter", self.opened, 0.0, stamps, True)
        return self._verdicts.pop()

    def _begin(self, stamp: float, count: int | None) -> None:
        if not math.isfinite(stamp):
            raise SourceError(f"the first time stamp of the stream is {stamp}; finite stamps in seconds are needed")
        self._zero = stamp
        self._count = -1 if count is None else count - 1
        self._guess = -self._period
        self._open(0)

    def _one(self, stamp: float, step: int) -> float:
        """Corrected stamp of the next sample, ``step`` periods after the last; times relative to the first stamp."""
        self._guess += self._period * step
        deviation = stamp - self._guess
        if not math.isfinite(deviation):
            deviation = 0.0
        self._p00 = (self._p00 + step * (2.0 * self._p01 + step * self._p11)) * self._forget
        self._p01 = (self._p01 + step * self._p11) * self._forget
        self._p11 *= self._forget
        if self.opened is not None:
            self._watch(deviation)
        elif abs(deviation) <= (limit := self._limit()):
            self._follow(deviation)
        elif self._counting and step == 1 and abs(deviation) <= COUNTED_STEP_S:
            # after a counted loss the stamps are heard: a counter may leave numbers out, or have gone round
            self._follow(math.copysign(limit, deviation))
        else:
            self._open(self._index)
            self._watch(deviation)
        # strictly increasing within a run, whatever the filter does
        self._last = max(self._guess, self._last + 0.01 * self._nominal)
        return self._last

    def _follow(self, deviation: float) -> None:
        """One step of the filter, and of what is known of the jitter."""
        whole = self._p00 + self._noise
        gain, drift = self._p00 / whole, self._p01 / whole
        self._guess += gain * deviation
        self._period += drift * deviation
        self._p11 -= drift * self._p01
        self._p01 -= gain * self._p01
        self._p00 -= gain * self._p00
        self._learn(deviation)
        self._bias += (deviation - self._bias) / (BIAS_S * self.rate_hz)
        if abs(self._bias) > max(0.5 * self._nominal, 6.0 * self._bias_error()):
            # a shift too small to be a step: let the clock move there quickly
            self._p00 += self._bias * self._bias
            self._bias = 0.0

    def _learn(self, deviation: float) -> None:
        """Running variance, reach and noise (see `clockfit`) of the deviations."""
        keep = 1.0 / (JITTER_S * self.rate_hz)
        self._variance += keep * (deviation * deviation - self._variance)
        self._reach = max(abs(deviation), self._reach * (1.0 - keep))
        self._block_sum += deviation
        self._block_size += 1
        if self._block_size == BLOCK:
            # sum squared over size: size times the squared mean
            weight = min(1.0, keep * BLOCK)
            self._noise += weight * (self._block_sum * self._block_sum / BLOCK - self._noise)
            self._noise = max(self._noise, self._floor)
            self._block_sum, self._block_size = 0.0, 0

    def _limit(self) -> float:
        """Deviation beyond which a sample opens a suspect."""
        jitter = min(5.0 * math.sqrt(self._variance), 1.5 * self._reach)
        return max(0.75 * self._nominal, jitter)

    def _bias_error(self) -> float:
        return math.sqrt(self._noise / (2.0 * BIAS_S * self.rate_hz))

    def _unsure(self) -> bool:
        """Whether three standard errors, or a recent mean deviation that is no chance, exceed half a sample."""
        if 36.0 * self._p00 > self._nominal * self._nominal:
            return True
        bias = abs(self._bias)
        return bias > 0.5 * self._nominal and bias > 4.0 * self._bias_error()

    def _open(self, index: int) -> None:
        self.opened = index
        self._open_counts, self._open_deviations = [], []

    def _watch(self, deviation: float) -> None:
        """One more sample of an open suspect, which closes it when it is back, or decides it when it has lasted."""
        self._open_counts.append(self._count)
        self._open_deviations.append(deviation)
        if self._anchored and abs(deviation) < 0.5 * self._limit():
            self._jitter()
            self._follow(deviation)
            return
        held = len(self._open_deviations)
        passed = self._passed(deviation)
        if (passed >= VERDICT_S and held >= 0.5 * self.rate_hz) or held >= LONGEST * self.rate_hz:
            self._decide()

    def _passed(self, deviation: float) -> float:
        """Seconds on the stamps since the suspect opened."""
        steps = self._open_counts[-1] - self._open_counts[0]
        return deviation - self._open_deviations[0] + steps * self._period

    def _decide(self) -> None:
        if not self._anchored:
            self._anchor(0, "anchor")
            return
        deviations = np.array(self._open_deviations)
        tail = deviations[len(deviations) // 2 :]
        offset = float(np.median(tail))
        error = math.sqrt(self._noise / len(tail))
        if abs(offset) > max(0.5 * self._nominal, 3.0 * error):
            self._anchor(step_place(deviations, offset), "gap")
        else:
            self._jitter()

    def _anchor(self, place: int, kind: Kind) -> None:
        """Anchor the clock on the samples of the open suspect from ``place`` on."""
        counts = np.array(self._open_counts[place:], dtype=np.float64)
        deviations = np.array(self._open_deviations[place:])
        known = self._noise if self._anchored else None
        fit = fit_line(counts, deviations, self._nominal, self._p11, known)
        behind = counts - counts[-1]
        missing = (fit.level + fit.slope * float(behind[0])) / self._period if kind == "gap" else 0.0
        self._take(fit)
        self._last = -math.inf
        stamps = self._zero + self._guess + self._period * behind
        self._settle(kind, (self.opened or 0) + place, max(0.0, missing), stamps, self._unsure())

    def _take(self, fit: Fit) -> None:
        self._guess += fit.level
        self._period += fit.slope
        self._p00, self._p01, self._p11 = fit.p00, fit.p01, fit.p11
        self._variance, self._noise, self._reach, self._bias = fit.variance, fit.noise, fit.reach, 0.0
        self._block_sum, self._block_size = 0.0, 0
        self._anchored = True

    def _jitter(self) -> None:
        """Back: the deviations count as jitter, each up to the limit."""
        limit = self._limit()
        held = self._open_deviations
        mean = sum(min(deviation * deviation, limit * limit) for deviation in held) / len(held)
        weight = 1.0 - (1.0 - 1.0 / (JITTER_S * self.rate_hz)) ** len(held)
        self._variance += weight * (mean - self._variance)
        self._settle("jitter", self.opened or 0, 0.0, np.empty(0), False)

    def _settle(
        self,
        kind: Kind,
        begin: int,
        missing: float,
        stamps: NDArray[np.float64],
        unsure: bool,
    ) -> None:
        opened = self.opened or 0
        self._verdicts.append(Verdict(kind, opened, self._index, begin, missing, stamps, unsure))
        self.opened = None

    def _counted_step(self, step: int, stamp: float) -> int:
        """The counter jumped: samples are missing; or it went back: the device began anew, and so does the clock."""
        index, missing = self._index + 1, step - 1.0
        if step < 1:
            # how much is missing only the stamps tell
            missing = (stamp - self._guess) / self._period - 1.0 if math.isfinite(stamp) else 0.0
            if (ended := self.finish()) is not None:
                self._verdicts.append(ended)
        self._verdicts.append(Verdict("gap", index, index, index, max(0.0, missing), np.empty(0), False))
        if step < 1:
            self._guess = (stamp if math.isfinite(stamp) else self._guess + self._period) - self._period
            self._last = -math.inf
            self._anchored = False
            self._open(index)
        return max(1, step)
